//! A run as a change to systems, by the six words of Regulation (EU) 2022/2554 (DORA), Article 9(4)(e): changes are recorded,
//! tested, assessed, approved, implemented and verified. Each says what IceBridge has evidence of, and in which file.

use super::approvals;
use super::evidence::{losses, lowest_proof, migrated};
use super::report::Report;
use crate::ledger::CutoverStage;
use icebridge_model::format::counted;
use icebridge_model::validation::ProofLevel;

pub(super) const HEADING: &str = "As a change";

pub(super) const TOLD: &str = "In the words of Regulation (EU) 2022/2554 (DORA), Article 9(4)(e), and the file in which each is. What \
                               was done without IceBridge is not here.";

pub(super) fn steps(report: &Report<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("Recorded", recorded(report)),
        ("Tested", tested(report)),
        ("Assessed", assessed(report)),
        ("Approved", approved(report)),
        ("Implemented", implemented(report)),
        ("Verified", verified(report)),
    ]
}

fn tables(number: usize) -> String {
    counted(number as u64, "table", "tables")
}

fn recorded(report: &Report<'_>) -> String {
    let change = match report.plan.settings.change.as_str() {
        "" => "Without a change number".to_string(),
        change => format!("As \"{change}\""),
    };
    let entries = counted(report.journal_entries, "entry", "entries");
    format!("{change}: the plan in plan.json, and a journal of {entries} in journal.jsonl.")
}

fn tested(report: &Report<'_>) -> String {
    match report.history.rehearsals.last() {
        None => "Not rehearsed.".into(),
        Some(last) => format!(
            "Rehearsed {}, the last time until {}: {} of {} moved and moved back (journal.jsonl).",
            counted(report.history.rehearsals.len() as u64, "time", "times"),
            last.ended_at,
            last.passed(),
            tables(last.tables.len())
        ),
    }
}

fn assessed(report: &Report<'_>) -> String {
    let lost = losses(report.plan).count();
    let accepted = match lost {
        0 => "no table of it loses anything that the checks know of".to_string(),
        _ => format!("{} accepted by code", counted(lost as u64, "loss was", "losses were")),
    };
    let left_out = match report.plan.left_out.len() {
        0 => String::new(),
        number => format!(", and {} left out of the plan", tables(number)),
    };
    format!("The tables were checked before the plan was made: {accepted}{left_out} (plan.json).")
}

fn approved(report: &Report<'_>) -> String {
    let names = approvals::of(report.history).into_iter().map(|named| format!("\"{}\"", named.name));
    let names: Vec<String> = names.collect();
    match (report.plan.settings.approval.is_some(), names.is_empty()) {
        (false, _) => "The plan asks for no approval.".into(),
        (true, true) => "Not approved.".into(),
        (true, false) => format!("By {} (approvals.json).", names.join(", ")),
    }
}

fn implemented(report: &Report<'_>) -> String {
    let by = report.history.started.as_ref().map(|started| format!(" by {}", started.by)).unwrap_or_default();
    let moved = |stages: &[CutoverStage]| {
        let histories = report.history.tables.values();
        histories.filter(|table| table.moved.is_some_and(|stage| stages.contains(&stage))).count()
    };
    let (cut_over, back) = (moved(&[CutoverStage::Moved, CutoverStage::Finished]), moved(&[CutoverStage::Returned]));
    let mut told = format!(
        "Begun {}{by}: {} of {} migrated",
        report.history.started_at,
        migrated(report.tables),
        tables(report.tables.len())
    );
    for (number, what) in [(cut_over, "cut over"), (back, "moved back")] {
        if number > 0 {
            told.push_str(&format!(", {number} {what}"));
        }
    }
    format!("{told} (journal.jsonl).")
}

fn verified(report: &Report<'_>) -> String {
    let proofs = report.tables.iter().map(|table| table.proof());
    let by_others = proofs.clone().filter(|proof| *proof >= ProofLevel::TargetReadBack).count();
    let proved = proofs.filter(|proof| *proof > ProofLevel::None).count();
    let lowest = match lowest_proof(report.tables) {
        ProofLevel::None => String::new(),
        lowest => format!(", each at level \"{}\" or higher", lowest.as_str()),
    };
    let read_back = match by_others {
        0 => String::new(),
        number => format!("; {number} read back by an engine that is not IceBridge's"),
    };
    format!("{proved} of {} compared and proved{lowest}{read_back} (tables/).", tables(report.tables.len()))
}

//! Each table's evidence against the plan, the journal and itself.

use super::evidence::TableEvidence;
use super::found::{Found, some_of};
use crate::ledger::{RunHistory, SumOfSums, TableHistory, body, same};
use crate::validate::proof;
use icebridge_model::check::CheckKind;
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::validation::{ProofLevel, Validation};

type Rule = fn(&PlannedTable, &TableHistory, &TableEvidence) -> Result<(), String>;

const RULES: &[(&str, &str, Rule)] = &[
    ("tables-as-planned", "every table is the one the plan names, at its pin and with its findings", as_planned),
    ("tables-in-journal", "states, errors, outcomes and validations are those of the journal", in_journal),
    ("tables-proved", "every migrated table has a validation that passed on matching digests", proved),
];

/// One verdict a rule, over all tables.
pub(super) fn all<'a>(
    plan: &'a Plan,
    history: &'a RunHistory,
    tables: &'a [TableEvidence],
) -> impl Iterator<Item = (&'static str, Found<()>)> + 'a {
    RULES.iter().map(move |(name, holds, rule)| {
        let nothing = TableHistory::default();
        let problems: Vec<String> = plan
            .tables
            .iter()
            .zip(tables)
            .filter_map(|(planned, evidence)| {
                let history = history.tables.get(&planned.source.to_string()).unwrap_or(&nothing);
                rule(planned, history, evidence).err().map(|why| format!("{}: {why}", planned.source))
            })
            .collect();
        let found = if problems.is_empty() { Ok(((), (*holds).to_string())) } else { Err(some_of(problems)) };
        (*name, found)
    })
}

fn ensure(holds: bool, why: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.into()) }
}

fn as_planned(planned: &PlannedTable, _history: &TableHistory, evidence: &TableEvidence) -> Result<(), String> {
    ensure(evidence.planned == *planned, "the evidence is about something else than the plan")
}

fn in_journal(_planned: &PlannedTable, history: &TableHistory, evidence: &TableEvidence) -> Result<(), String> {
    ensure(evidence.state == history.state(), "the journal has another state")?;
    ensure(evidence.error == history.error, "the journal has another error")?;
    let bare = evidence.outcome.clone().map(|o| CopyOutcome { checksums: Vec::new(), ..o });
    ensure(bare == history.outcome, "the journal has another outcome")?;
    let checksums = evidence.outcome.as_ref().map(|o| o.checksums.as_slice()).unwrap_or_default();
    let sums = (!checksums.is_empty()).then(|| SumOfSums::of(checksums));
    ensure(sums == history.checksums, "the checksums are not those that the journal vouches for")?;
    ensure(evidence.after == history.governance, "the journal has another account of what followed")?;
    let validation = evidence.validation.as_ref().map(body).transpose().map_err(|e| e.to_string())?;
    let agrees = match (&validation, &history.validation) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    };
    ensure(agrees, "the journal has another validation")
}

fn proved(planned: &PlannedTable, history: &TableHistory, evidence: &TableEvidence) -> Result<(), String> {
    if let Some(validation) = &evidence.validation {
        ensure(validation.proof == proof(&validation.checks), "its proof level does not follow from its checks")?;
    }
    if evidence.state != TableState::Migrated {
        return Ok(());
    }
    let validation = evidence.validation.as_ref().ok_or("it is said to be migrated and was never validated")?;
    ensure(history.validated_since, "it was validated before it was committed")?;
    ensure(evidence.error.is_none() && validation.error.is_none(), "it is said to be migrated and has an error")?;
    ensure(validation.passed, "it is said to be migrated and its validation failed")?;
    ensure(
        validation.source == planned.source
            && validation.target == planned.target
            && (validation.source_snapshot_id == planned.snapshot_id
                || history.synced.contains(&validation.source_snapshot_id)),
        "its validation compared something else",
    )?;
    ensure(
        validation.conversions == planned.conversions,
        "its validation holds under other conversions than the plan's",
    )?;
    ensure(validation.checks.iter().all(|c| c.passed), "its validation passed although a check did not")?;
    ensure(validation.proof >= ProofLevel::Digest, "its validation did not compare every row")?;
    agree(validation, CheckKind::Digest, &validation.digest)?;
    agree(validation, CheckKind::Count, &validation.rows.to_string())?;
    ensure(
        validation.digest.len() == 64 && validation.digest.bytes().all(|b| b.is_ascii_hexdigit()),
        "its digest is no digest",
    )
}

/// A check that is there once, with both sides at this value.
fn agree(validation: &Validation, name: CheckKind, value: &str) -> Result<(), String> {
    let mut found = validation.checks.iter().filter(|c| c.name == name);
    match (found.next(), found.next()) {
        (Some(check), None) if check.source == value && check.target == value => Ok(()),
        _ => Err(format!("its {} check does not show equal sides", name.as_str())),
    }
}

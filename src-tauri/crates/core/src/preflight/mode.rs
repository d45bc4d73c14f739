//! Which copy mode a table gets, and why.

use super::subject::{Target, TargetKind};
use icebridge_model::finding::{Finding, Verdict};
use icebridge_model::plan::{CopyMode, Settings};

pub(super) struct Chosen {
    pub mode: CopyMode,
    pub reason: String,
    pub findings: Vec<Finding>,
}

/// The first mode that nothing blocks, in the order that suits the target; the first of all if everything is blocked, so
/// that the findings are about the mode that a person would expect. Register is never chosen by itself: a target that shares
/// its files with the source is not independent of it.
pub(super) fn choose(target: &Target, settings: &Settings, findings: impl Fn(CopyMode) -> Vec<Finding>) -> Chosen {
    if let Some(mode) = settings.mode {
        return Chosen { mode, reason: format!("{} was asked for", mode.as_str()), findings: findings(mode) };
    }
    let (order, why): (&[CopyMode], &str) = match target.kind {
        TargetKind::Embedded | TargetKind::Sql => {
            (&[CopyMode::Clone, CopyMode::Rewrite], "clone keeps every file, snapshot and ref as it is")
        }
        TargetKind::Rest if target.adopts => (
            &[CopyMode::Rewrite, CopyMode::Clone],
            "rewrite, because a REST catalog places the table itself and takes one snapshot a commit",
        ),
        TargetKind::Rest => (
            &[CopyMode::Rewrite],
            "rewrite, because this REST catalog places the table itself and cannot adopt metadata",
        ),
        TargetKind::Unity => (
            &[CopyMode::Rewrite],
            "rewrite, because Unity Catalog makes managed tables by itself and one snapshot at a time",
        ),
    };
    let mut tried: Vec<Chosen> = Vec::new();
    for &mode in order {
        let found = findings(mode);
        let blocked = found.iter().any(|f| f.verdict == Verdict::Blocks);
        let reason = match tried.first() {
            None => why.to_string(),
            Some(first) => format!(
                "{}, because {} is blocked by {}",
                mode.as_str(),
                first.mode.as_str(),
                blockers(&first.findings)
            ),
        };
        tried.push(Chosen { mode, reason, findings: found });
        if !blocked {
            break;
        }
    }
    let last_works = tried.last().is_some_and(|c| c.findings.iter().all(|f| f.verdict != Verdict::Blocks));
    if last_works { tried.swap_remove(tried.len() - 1) } else { tried.swap_remove(0) }
}

fn blockers(findings: &[Finding]) -> String {
    let codes = findings.iter().filter(|f| f.verdict == Verdict::Blocks).map(|f| f.code.as_ref());
    codes.collect::<Vec<_>>().join(", ")
}

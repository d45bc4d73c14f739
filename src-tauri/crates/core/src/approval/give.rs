//! Signs a plan with this state's key.

use super::{file, signed};
use crate::signing::SigningKey;
use crate::{LocalState, plan};
use icebridge_model::approval::{AcceptedLoss, Approval, ApprovalGiven};
use icebridge_model::finding::Verdict;
use icebridge_model::plan::Plan;
use icebridge_model::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const APPROVAL_GIVEN: &str = "approval.given";
/// A year: who approves for longer does not mean this plan.
const LONGEST_SECONDS: u64 = 366 * 86_400;

/// Reads and checks the plan, and writes the approval to `out`, or beside the plan. It counts for so many seconds.
pub async fn give(local: &LocalState, plan: &Path, seconds: u64, out: Option<&Path>) -> Result<ApprovalGiven> {
    let read = plan::read(plan).await?;
    let key = SigningKey::of(&local.secrets).await?;
    let public_key = key.public_key();
    check_asked(&read, &public_key)?;
    let (given, expires) = times(seconds)?;
    let approval = signed::sign(&key, &read.hash, given, expires);
    let path = out.map_or_else(|| file::beside(plan, &public_key), Path::to_path_buf);
    let path = std::path::absolute(&path)
        .map_err(|e| Error::invalid("the path cannot be used").about(path.display()).with_cause(e))?;
    if is_same_file(&path, plan) {
        return Err(Error::invalid("the approval would be written over the plan")
            .about(path.display())
            .with_hint("Name another file, by --out."));
    }
    let Approval { plan_hash, public_key, given_at, expires_at, .. } = &approval;
    let note = json!({
        "plan_hash": plan_hash, "public_key": public_key, "given_at": given_at, "expires_at": expires_at,
        "change": read.settings.change,
    });
    local.store.append("", "", APPROVAL_GIVEN, note).await?;
    file::write(&path, &approval)?;
    Ok(told(read, approval, path))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// An approval that could never count would make its giver believe that something was done.
fn check_asked(plan: &Plan, public_key: &str) -> Result<()> {
    let Some(asked) = &plan.settings.approval else {
        return Err(Error::invalid("the plan asks for no approval")
            .about(plan.short_hash())
            .with_hint("It is made anew with `icebridge plan --approver NAME=KEY`."));
    };
    if asked.approvers.iter().any(|approver| approver.public_key == public_key) {
        return Ok(());
    }
    Err(Error::invalid("this state's key is none of the plan's approvers").about(plan.short_hash()).with_hint(
        "Compare what `icebridge approval key` prints with the keys in the plan's settings, or use another state.",
    ))
}

fn times(seconds: u64) -> Result<(Timestamp, Timestamp)> {
    let wrong =
        || Error::invalid("an approval counts for a second at least and a year at most").with_hint("Say it like 7d.");
    if !(1..=LONGEST_SECONDS).contains(&seconds) {
        return Err(wrong());
    }
    let given = Timestamp::now();
    let expires =
        i64::try_from(seconds).ok().and_then(|seconds| given.checked_add(SignedDuration::from_secs(seconds)).ok());
    Ok((given, expires.ok_or_else(wrong)?))
}

fn told(plan: Plan, approval: Approval, path: PathBuf) -> ApprovalGiven {
    ApprovalGiven {
        path: path.display().to_string(),
        approval,
        losses: losses(&plan),
        tables: plan.tables.len(),
        left_out: plan.left_out.len(),
        rows: plan.totals.rows,
        bytes: plan.totals.bytes,
        source: plan.source,
        target: plan.target,
        change: plan.settings.change,
    }
}

/// By code, each with how many tables lose it.
fn losses(plan: &Plan) -> Vec<AcceptedLoss> {
    let mut by_code: BTreeMap<String, AcceptedLoss> = BTreeMap::new();
    for table in &plan.tables {
        let lost: BTreeMap<String, String> = (table.findings.iter())
            .filter(|finding| finding.verdict == Verdict::Loses)
            .map(|finding| (finding.code.to_string(), finding.title.to_string()))
            .collect();
        for (code, title) in lost {
            let first = AcceptedLoss { code: code.clone(), title, tables: 0 };
            by_code.entry(code).or_insert(first).tables += 1;
        }
    }
    by_code.into_values().collect()
}

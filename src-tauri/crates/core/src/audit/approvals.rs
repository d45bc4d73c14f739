//! The approvals of a bundle: those on which its run was started, resumed and cut over, as their approvers signed them.

use super::APPROVALS;
use super::bundle::Bundle;
use super::found::Found;
use super::strict;
use crate::approval;
use crate::ledger::RunHistory;
use icebridge_model::approval::{Approval, Approved, NamedApproval};
use icebridge_model::audit::BundleManifest;
use icebridge_model::plan::Plan;

/// Each once, in the order in which the journal names them first.
pub(super) fn of(history: &RunHistory) -> Vec<NamedApproval> {
    let mut all: Vec<NamedApproval> = Vec::new();
    for named in approved(history).flat_map(|approved| &approved.by) {
        if !all.contains(named) {
            all.push(named.clone());
        }
    }
    all
}

fn approved(history: &RunHistory) -> impl Iterator<Item = &Approved> {
    history.starts_on.iter().flatten().chain(&history.cut_over_on)
}

/// `approvals.json`; none where nobody has approved anything.
pub(super) fn file(history: &RunHistory) -> Option<Vec<Approval>> {
    let all: Vec<Approval> = of(history).into_iter().map(|named| named.approval).collect();
    (!all.is_empty()).then_some(all)
}

/// At each beginning there were enough of them, and the file holds those that the journal names.
pub(super) fn check(bundle: &mut Bundle, manifest: &BundleManifest, plan: &Plan, history: &RunHistory) -> Found<()> {
    let listed = manifest.files.iter().any(|file| file.path == APPROVALS);
    let Some(asked) = &plan.settings.approval else {
        return match listed || approved(history).next().is_some() {
            true => Err("there are approvals, and the plan asks for none".into()),
            false => Ok(((), "the plan asks for none".into())),
        };
    };
    for start in &history.starts_on {
        let approved = start.as_ref().ok_or("the run was started or resumed without approvals")?;
        approval::counts(plan, asked, approved)?;
    }
    for approved in &history.cut_over_on {
        approval::counts(plan, asked, approved).map_err(|why| format!("a cut-over: {why}"))?;
    }
    if history.moved_unapproved > 0 {
        return Err("tables were cut over without approvals".into());
    }
    if history.approved_at_other_times {
        return Err("the approvals were looked at at another time than the run or the cut-over began".into());
    }
    let named = file(history).unwrap_or_default();
    // Who runs a plan signs its bundle.
    if let Some(own) = named.iter().find(|one| Some(&one.public_key) == manifest.public_key.as_ref()) {
        return Err(format!("the key {} has approved the plan and signed the bundle", own.public_key));
    }
    let there: Vec<Approval> = strict::read(bundle, APPROVALS).map_err(|e| format!("{APPROVALS}: {e}"))?;
    if !listed || there != named {
        return Err(format!("{APPROVALS} has other approvals than the journal"));
    }
    let mut names: Vec<String> = Vec::new();
    for name in of(history).into_iter().map(|one| one.name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(((), format!("{} of {} that the plan asks for: {}", names.len(), approval::needed(asked), names.join(", "))))
}

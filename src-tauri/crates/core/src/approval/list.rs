//! Who has approved a plan, and whether that is enough.

use super::rule::{moment, needed, standings};
use crate::ledger::plan_of;
use crate::signing::SigningKey;
use crate::state::now;
use crate::{LocalState, plan};
use icebridge_model::Result;
use icebridge_model::approval::{Approval, ApprovalStanding, ApprovalState, ApproverStanding};
use icebridge_model::ids::PlanHash;
use icebridge_model::plan::Plan;
use jiff::Timestamp;
use std::path::Path;

/// Of the plan in a file, or of every plan of which an approval is kept here.
pub async fn list(local: &LocalState, file: Option<&Path>) -> Result<Vec<ApprovalStanding>> {
    let own_key = SigningKey::of(&local.secrets).await?.public_key();
    let at = moment(&now())?;
    if let Some(file) = file {
        let plan = plan::read(file).await?;
        let kept = local.store.approvals(&plan.hash).await?;
        return Ok(vec![standing(&plan.hash, Some(&plan), &kept, (&own_key, at))]);
    }
    let mut hashes: Vec<PlanHash> = Vec::new();
    let kept = local.store.approvals("").await?;
    for approval in &kept {
        if !hashes.contains(&approval.plan_hash) {
            hashes.push(approval.plan_hash.clone());
        }
    }
    let mut all = Vec::new();
    for hash in hashes {
        let of_plan: Vec<Approval> = kept.iter().filter(|approval| approval.plan_hash == hash).cloned().collect();
        all.push(standing(&hash, known(local, &hash).await?.as_ref(), &of_plan, (&own_key, at)));
    }
    Ok(all)
}

/// The plan of that hash, where a run or the folder of plans has it.
async fn known(local: &LocalState, hash: &PlanHash) -> Result<Option<Plan>> {
    if let Some(record) = local.store.run_of_plan(hash).await? {
        return plan_of(&record).map(Some);
    }
    let short = hash.get(..12).unwrap_or(hash);
    let found = plan::read(&local.state_dir.join("plans").join(format!("{short}.json"))).await;
    Ok(found.ok().filter(|plan| plan.hash == *hash))
}

fn standing(hash: &PlanHash, plan: Option<&Plan>, kept: &[Approval], own: (&str, Timestamp)) -> ApprovalStanding {
    let mut approvers = plan.map(|plan| standings(plan, kept, own.0, own.1)).unwrap_or_default();
    let approved = approvers.iter().filter(|one| one.state == ApprovalState::Approved).count();
    let asked = plan.and_then(|plan| plan.settings.approval.as_ref());
    let needed = asked.map_or(0, needed);
    let is_named = |approval: &&Approval| approvers.iter().any(|one| one.public_key == approval.public_key);
    let others: Vec<ApproverStanding> = kept.iter().filter(|approval| !is_named(approval)).map(not_named).collect();
    approvers.extend(others);
    ApprovalStanding {
        plan_hash: hash.clone(),
        is_known: plan.is_some(),
        change: plan.map(|plan| plan.settings.change.clone()).unwrap_or_default(),
        needed,
        approved,
        is_enough: plan.is_some() && approved >= needed,
        approvers,
    }
}

fn not_named(approval: &Approval) -> ApproverStanding {
    ApproverStanding {
        name: String::new(),
        public_key: approval.public_key.clone(),
        state: ApprovalState::NotNamed,
        given_at: Some(approval.given_at.clone()),
        expires_at: Some(approval.expires_at.clone()),
    }
}

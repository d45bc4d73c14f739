//! Whether a plan is approved: the one place that decides it.

use super::signed;
use crate::LocalState;
use crate::signing::SigningKey;
use crate::state::now;
use icebridge_model::approval::{
    Approval, ApprovalSettings, ApprovalState, Approved, Approver, ApproverStanding, NamedApproval,
};
use icebridge_model::plan::Plan;
use icebridge_model::{Code, Error, Result};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Refuses a plan that asks for approvals while too few valid ones are kept here; else on which ones it may go on. Asked wherever a
/// run begins or is resumed, a round of a sync begins, or a cut-over.
pub(crate) async fn require(local: &LocalState, plan: &Plan) -> Result<Option<Approved>> {
    let Some(asked) = &plan.settings.approval else { return Ok(None) };
    let at = now();
    let kept = local.store.approvals(&plan.hash).await?;
    // Without a keychain nobody can tell who it is that runs the plan.
    let own_key = SigningKey::of(&local.secrets).await?.public_key();
    let standings = standings(plan, &kept, &own_key, moment(&at)?);
    let by = approved(&standings, &kept);
    if by.len() >= needed(asked) {
        Ok(Some(Approved { at, by }))
    } else {
        Err(refused(plan, asked, &standings, by.len()))
    }
}

/// At least one: a plan that names approvers and needs none of them says nothing that could be meant.
pub(crate) fn needed(asked: &ApprovalSettings) -> usize {
    asked.needed.max(1)
}

/// Each approver of the plan once, in its order.
pub(super) fn standings(plan: &Plan, kept: &[Approval], own_key: &str, at: Timestamp) -> Vec<ApproverStanding> {
    let mut seen = BTreeSet::new();
    let approvers = plan.settings.approval.iter().flat_map(|asked| &asked.approvers);
    let standing = |approver: &Approver| {
        let given = kept.iter().find(|approval| approval.public_key == approver.public_key);
        let state = match given {
            // Who runs is not who approves.
            _ if approver.public_key == own_key => ApprovalState::OwnKey,
            None => ApprovalState::Missing,
            Some(approval) => state_at(plan, approval, at),
        };
        ApproverStanding {
            name: approver.name.clone(),
            public_key: approver.public_key.clone(),
            state,
            given_at: given.map(|approval| approval.given_at.clone()),
            expires_at: given.map(|approval| approval.expires_at.clone()),
        }
    };
    approvers.filter(|approver| seen.insert(&approver.public_key)).map(standing).collect()
}

/// The same for who runs the plan and for who looks at it later.
fn state_at(plan: &Plan, approval: &Approval, at: Timestamp) -> ApprovalState {
    match approval {
        broken if !fits(plan, broken) => ApprovalState::Broken,
        later if !signed::is_given_by(later, at) => ApprovalState::NotYet,
        over if signed::is_expired_at(over, at) => ApprovalState::Expired,
        _ => ApprovalState::Approved,
    }
}

fn fits(plan: &Plan, approval: &Approval) -> bool {
    approval.plan_hash == plan.hash && signed::check(approval).is_ok()
}

fn approved(standings: &[ApproverStanding], kept: &[Approval]) -> Vec<NamedApproval> {
    let valid = standings.iter().filter(|one| one.state == ApprovalState::Approved);
    let with_approval = valid.filter_map(|one| {
        let approval = kept.iter().find(|approval| approval.public_key == one.public_key)?;
        Some(NamedApproval { name: one.name.clone(), approval: approval.clone() })
    });
    with_approval.collect()
}

/// Whether what was written down at a beginning is enough for the plan, looked at later by somebody else; if not, why.
pub(crate) fn counts(plan: &Plan, asked: &ApprovalSettings, approved: &Approved) -> std::result::Result<(), String> {
    let at = signed::time(&approved.at).ok_or("the time of the approvals cannot be understood")?;
    let mut keys = BTreeSet::new();
    for NamedApproval { name, approval } in &approved.by {
        let is_asked = |one: &Approver| one.name == *name && one.public_key == approval.public_key;
        if !asked.approvers.iter().any(is_asked) {
            return Err(format!("{name} with the key {} is no approver of the plan", approval.public_key));
        }
        match state_at(plan, approval, at) {
            ApprovalState::Approved => {}
            ApprovalState::NotYet => return Err(format!("the approval by {name} was given after {}", approved.at)),
            ApprovalState::Expired => return Err(format!("the approval by {name} had expired at {}", approved.at)),
            _ => return Err(format!("the approval by {name} does not fit the plan or its signature")),
        }
        keys.insert(&approval.public_key);
    }
    match keys.len() {
        enough if enough >= needed(asked) => Ok(()),
        few => Err(format!("{few} of the {} approvals that the plan asks for were there", needed(asked))),
    }
}

pub(super) fn moment(at: &str) -> Result<Timestamp> {
    signed::time(at).ok_or_else(|| Error::internal("the clock's time cannot be understood"))
}

fn refused(plan: &Plan, asked: &ApprovalSettings, standings: &[ApproverStanding], found: usize) -> Error {
    let message = format!("the plan has {found} of the {} approvals that it asks for", needed(asked));
    let hint = "Each approver signs the plan by `icebridge approval give PLAN` in a state of their own; put the file into this \
                state by `icebridge approval take FILE`.";
    let error = Error::new(Code::NotApproved, message).about(plan.short_hash()).with_hint(hint);
    standings.iter().filter_map(lacks).fold(error, Error::with_cause_text)
}

fn lacks(one: &ApproverStanding) -> Option<String> {
    let name = &one.name;
    match one.state {
        ApprovalState::Approved | ApprovalState::NotNamed => None,
        ApprovalState::Missing => Some(format!("{name} has not approved it")),
        ApprovalState::Expired => {
            Some(format!("the approval by {name} expired at {}", one.expires_at.as_deref().unwrap_or_default()))
        }
        ApprovalState::NotYet => Some(format!(
            "the approval by {name} says that it was given at {}, which is later than now: one of the two clocks is wrong",
            one.given_at.as_deref().unwrap_or_default()
        )),
        ApprovalState::Broken => Some(format!("the approval by {name} was changed since it was taken")),
        ApprovalState::OwnKey => {
            Some(format!("{name} has the key of this state, and who runs a plan does not approve it"))
        }
    }
}

//! What an approver signs, and whether a signature fits.

use crate::signing::{self, ALGORITHM, SigningKey};
use icebridge_model::approval::{APPROVAL_VERSION, Approval};
use icebridge_model::ids::PlanHash;
use icebridge_model::{Error, Result};
use jiff::{SignedDuration, Timestamp};

/// Every field but the signature, each on its line behind its name. The first line says what it is for, so that it fits nothing
/// else that the key signs.
fn message(approval: &Approval) -> String {
    format!(
        "IceBridge plan approval\napproval_version: {}\nplan_hash: {}\npublic_key: {}\ngiven_at: {}\nexpires_at: {}\n\
         algorithm: {}\n",
        approval.approval_version,
        approval.plan_hash,
        approval.public_key,
        approval.given_at,
        approval.expires_at,
        approval.algorithm,
    )
}

pub(super) fn sign(key: &SigningKey, plan_hash: &PlanHash, given: Timestamp, expires: Timestamp) -> Approval {
    let mut approval = Approval {
        approval_version: APPROVAL_VERSION,
        plan_hash: plan_hash.clone(),
        public_key: key.public_key(),
        given_at: written(given),
        expires_at: written(expires),
        algorithm: ALGORITHM.into(),
        signature: String::new(),
    };
    approval.signature = key.sign(&message(&approval));
    approval
}

/// Whether it is an approval that its key has given, for whatever plan and time. Each field has one way to be written, so that
/// none can hold another one's line.
pub(super) fn check(approval: &Approval) -> Result<()> {
    let refused = |message: &str, hint: &str| Err(Error::invalid(message).with_hint(hint));
    if approval.approval_version != APPROVAL_VERSION || approval.algorithm != ALGORITHM {
        return refused(
            "the approval is of a version, or has an algorithm, that is not known",
            "This IceBridge knows version 1 with Ed25519. Use the version that made the approval.",
        );
    }
    let is_hash = approval.plan_hash.len() == 64
        && approval.plan_hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let times = (time(&approval.given_at), time(&approval.expires_at));
    let in_order = matches!(times, (Some(given), Some(expires)) if given < expires);
    let fits = signing::is_public_key(&approval.public_key)
        && signing::fits(&approval.public_key, &message(approval), &approval.signature);
    if !is_hash || !in_order || !fits {
        return refused(
            "the approval's signature does not fit what it says",
            "It was changed since it was signed. Ask the approver for it again.",
        );
    }
    Ok(())
}

/// Of a time as it is written here; none for any other text.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time| written(*time) == text)
}

fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// How far the clock of an approver may be ahead of the clock of who runs the plan.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn is_given_by(approval: &Approval, at: Timestamp) -> bool {
    time(&approval.given_at).is_some_and(|given| given.duration_since(at) <= CLOCKS_DIFFER)
}

pub(super) fn is_expired_at(approval: &Approval, at: Timestamp) -> bool {
    time(&approval.expires_at).is_none_or(|expires| expires <= at)
}

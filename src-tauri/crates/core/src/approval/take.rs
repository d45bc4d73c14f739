//! Puts an approval into the state that is to run the plan.

use super::rule::moment;
use super::{file, signed};
use crate::LocalState;
use crate::state::now;
use icebridge_model::approval::Approval;
use icebridge_model::{Error, Result};
use serde_json::json;
use std::path::Path;

const APPROVAL_TAKEN: &str = "approval.taken";

/// Keeps it in place of an earlier one of the same plan and key. Whether the plan asks for it is decided where a run begins: the
/// plan need not be here yet.
pub async fn take(local: &LocalState, path: &Path) -> Result<Approval> {
    let approval = file::read(path)?;
    signed::check(&approval).map_err(|e| e.about(path.display()))?;
    let Approval { plan_hash, public_key, given_at, expires_at, .. } = &approval;
    let now = moment(&now())?;
    // One by a clock that was ahead must not close the way to a right one.
    let is_later =
        |kept: &Approval| signed::time(&kept.given_at) > signed::time(given_at) && signed::is_given_by(kept, now);
    let kept = local.store.approvals(plan_hash).await?;
    if let Some(later) = kept.iter().find(|kept| kept.public_key == *public_key && is_later(kept)) {
        // Its approver may have shortened the time since.
        return Err(Error::invalid("a later approval by the same key is here already")
            .about(path.display())
            .with_hint(format!("That one was given at {}, and stays.", later.given_at)));
    }
    let note = json!({
        "plan_hash": plan_hash, "public_key": public_key, "given_at": given_at, "expires_at": expires_at,
    });
    local.store.append("", "", APPROVAL_TAKEN, note).await?;
    local.store.save_approval(&approval).await?;
    Ok(approval)
}

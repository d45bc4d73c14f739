//! What is checked before and while a table is copied.

use super::contract::CopyTask;
use icebridge_model::{Code, Error, Result};

/// Register and clone take the source's whole metadata: it must be the one that was planned.
pub fn check_pin(task: &CopyTask<'_>) -> Result<()> {
    if task.snapshot_id == task.source.metadata.current_snapshot_id {
        return Ok(());
    }
    Err(Error::new(Code::PlanStale, "the source's current snapshot is not the one that was planned")
        .about(&task.source.ident)
        .with_hint("Refresh the inventory and plan again."))
}

pub fn check_register(task: &CopyTask<'_>) -> Result<()> {
    if task.target.abilities().register {
        return Ok(());
    }
    Err(Error::new(Code::Unsupported, "the target catalog cannot adopt a table that already has its metadata")
        .about(task.target_ident)
        .with_hint("Choose the mode rewrite for this table."))
}

pub fn check_cancelled(task: &CopyTask<'_>) -> Result<()> {
    if task.cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
}

pub fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the run was cancelled").with_hint("`icebridge run --resume` goes on where it stopped.")
}

//! A table that was migrated, and that the target shows with other rows than its source.

use crate::LocalState;
use crate::ledger::{TABLE_STATE, TableStep};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{RunState, TableState};
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result};
use icebridge_store::RunRecord;

/// Why a table is not compared whose round a cluster was asked for, and that nobody has looked at since.
pub(crate) fn round_not_seen() -> Error {
    Error::new(
        Code::OutcomeUnknown,
        "a cluster was asked for a round of its sync, and what came of it was not looked at",
    )
    .with_hint("`icebridge sync` follows it to its end, and compares what it left.")
}

/// It counts as migrated no longer, and neither does its run. In this order, so that a death in between leaves no table migrated whose
/// last validation failed.
pub(crate) async fn record_unproved(
    local: &LocalState,
    (plan, run): (&Plan, &RunRecord),
    planned: &PlannedTable,
    (error, note): (Error, &str),
    validation: Option<&Validation>,
) -> Result<()> {
    tracing::warn!(table = %planned.source, code = %error.code, %error, "the table is not proved any more");
    let step = TableStep::new(TableState::Failed, &planned.target).note(note).error(error);
    local.store.append(&run.run_id, &planned.source.to_string(), TABLE_STATE, step.to_body()?).await?;
    if let Some(validation) = validation {
        local.save_validation(plan, &run.run_id, validation).await?;
    }
    if run.state == RunState::Succeeded {
        local.store.set_run_state(&run.run_id, RunState::Incomplete, run.ended_at.as_deref()).await?;
    }
    Ok(())
}

//! Cleared: the job is removed. The run, its inputs and its results stay: they are evidence.
//!
//! Whether it already happened: a job that is gone is removed without a request that could fail. There is no undo.

use super::job_made;
use super::record::{StepRecord, StepState};
use super::step::StepContext;
use icebridge_model::Result;

/// A job that cannot be removed is tried again by the next process: it does no harm meanwhile.
pub(super) async fn clear(record: &mut StepRecord, context: &StepContext<'_>) -> Result<()> {
    if record.state != StepState::Over {
        return Ok(());
    }
    if let Err(error) = job_made::remove(record, context).await {
        tracing::warn!(step = record.step, %error, "the job of a finished step is left in the workspace");
        return Ok(());
    }
    context.reach(record, StepState::Cleared).await
}

/// The job that this very record made, and no other of its name; an error says why it could not be removed.
pub(super) async fn remove_own_job(mut record: StepRecord, context: &StepContext<'_>) -> Result<()> {
    if let Some(job) = record.job_id {
        context.patience.ask(None, || context.client.delete_job(job)).await?;
    }
    context.reach(&mut record, StepState::Cleared).await
}

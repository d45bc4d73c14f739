//! Job made: the job whose tasks share a cluster is in the workspace. A step of one task has no job.

use super::patience::cancelled;
use super::record::{StepRecord, StepState};
use super::requests;
use super::step::StepContext;
use icebridge_model::Result;

/// A job has no token: it is looked for by its name each time before it is made.
pub(super) async fn make(record: &mut StepRecord, context: &StepContext<'_>) -> Result<()> {
    let StepContext { client, patience, .. } = context;
    if context.cancel.is_cancelled() {
        return Err(cancelled());
    }
    let settings = requests::job(record);
    let make = || async { Ok(client.find_or_create_job(&settings).await?.value.get()) };
    record.job_id = Some(patience.ask(Some(context.cancel), make).await?);
    context.reach(record, StepState::JobMade).await
}

/// The check: the job of this step, if the workspace has it.
pub(super) async fn find(record: &StepRecord, context: &StepContext<'_>) -> Result<Option<i64>> {
    if record.job_id.is_some() {
        return Ok(record.job_id);
    }
    let found = context.patience.ask(None, || context.client.job_named(&record.run_name)).await?;
    Ok(found.map(|job| job.job_id.get()))
}

/// More jobs of one name than lost answers can leave.
const REMOVALS: usize = 8;

/// The undo. A lost answer can leave a second job of the name, which never ran.
pub(super) async fn remove(record: &StepRecord, context: &StepContext<'_>) -> Result<()> {
    let StepContext { client, patience, .. } = context;
    if !record.needs_job() {
        return Ok(());
    }
    if let Some(job) = record.job_id {
        patience.ask(None, || client.delete_job(job)).await?;
    }
    let mut pause = patience.pace.first;
    for _ in 0..REMOVALS {
        let Some(job) = patience.ask(None, || client.job_named(&record.run_name)).await? else { return Ok(()) };
        patience.ask(None, || client.delete_job(job.job_id)).await?;
        // A listing may lag behind.
        tokio::time::sleep(pause).await;
        pause = patience.pace.slower(pause);
    }
    tracing::warn!(job = %record.run_name, "the workspace still lists a job that was deleted");
    Ok(())
}

//! Writing down that a step reached a state.

use super::observer::Observer;
use super::record::{StepRecord, StepState};
use icebridge_model::Result;
use icebridge_store::Store;

/// The kind of the journal's entries about a step.
pub const CLUSTER_STEP: &str = "cluster.step";

/// The journal first, then the record, then the observer.
pub(super) async fn reach(
    store: &Store,
    record: &mut StepRecord,
    state: StepState,
    observer: &dyn Observer,
) -> Result<()> {
    record.state = state;
    tracing::info!(
        step = record.step,
        ?state,
        job_id = record.job_id,
        job_run_id = record.job_run_id,
        ended = record.ended,
        "cluster step"
    );
    store.append(&record.run_id, "", CLUSTER_STEP, record.journal_body()).await?;
    store.save_cluster_step(&record.plan_hash, &record.step, record.attempt, record).await?;
    observer.step(record).await
}

//! Gives a run's tables to who copies them, and ends the run.

use super::clusters::ClusterCopies;
use super::context::{Migration, RunContext};
use super::executor::Executor;
use super::live::ActiveRuns;
use super::local_copy::LocalCopy;
use super::{tuning, view};
use crate::LocalState;
use crate::ledger::{RUN_ENDED, RunEnded, body};
use crate::state::now;
use icebridge_metrics::Stage;
use icebridge_model::Result;
use icebridge_model::run::{RunId, RunState, RunView, TableState};
use icebridge_store::StateLock;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What a run has left to do.
pub(super) struct Work {
    /// Tables that are not migrated.
    pub tables: Vec<Migration>,
    /// Migrated tables of which an earlier process left the rest.
    pub follow_ups: Vec<Migration>,
}

/// The state folder's lock and the place among the live runs: given up however the run ends.
pub(super) struct RunGuard {
    pub _lock: StateLock,
    pub local: LocalState,
    pub run_id: RunId,
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.local.metrics.unwatch();
        self.local.extension::<ActiveRuns>().remove(&self.run_id);
    }
}

#[tracing::instrument(name = "run", skip_all, fields(run = %run.live.run_id))]
pub(super) async fn execute(run: Arc<RunContext>, work: Work, guard: RunGuard) -> Result<RunView> {
    let _at_work = run.local.metrics.stage(Stage::Run);
    tracing::info!(
        plan = run.plan.hash.as_str(),
        source = run.plan.source,
        target = run.plan.target,
        tables = run.plan.tables.len(),
        to_do = work.tables.len(),
        "the run starts"
    );
    let mut progress_task = JoinSet::new();
    progress_task.spawn(Arc::clone(&run.live).report_progress(run.local.clone()));
    progress_task.spawn(tuning::tune(Arc::clone(&run)));
    let (by_clusters, by_us) = work.tables.into_iter().partition(|table| table.planned().cluster.is_some());
    let (by_clusters, by_us, followed) = tokio::join!(
        ClusterCopies.execute(&run, by_clusters),
        LocalCopy.execute(&run, by_us),
        follow_ups(work.follow_ups)
    );
    drop(progress_task);
    run.live.emit_last_progress(&run.local);
    // A journal that takes no more entries leaves the run `running` without a process: interrupted, to be resumed.
    by_clusters.and(by_us).and(followed)?;
    let ended = ended(&run);
    tracing::info!(
        state = ended.state.as_str(),
        migrated = ended.migrated,
        failed = ended.failed,
        cancelled = ended.cancelled,
        "the run ends"
    );
    let (store, run_id) = (&run.local.store, &run.live.run_id);
    store.append(run_id, "", RUN_ENDED, body(&ended)?).await?;
    store.set_run_state(run_id, ended.state, Some(&now())).await?;
    run.live.emit_state(&run.local, ended.state);
    let local = run.local.clone();
    drop(guard);
    view::view(&local, &run.live.run_id).await
}

fn ended(run: &RunContext) -> RunEnded {
    let states: Vec<TableState> = run.live.tables.iter().map(|table| table.state()).collect();
    let count = |wanted: TableState| states.iter().filter(|s| **s == wanted).count();
    RunEnded {
        state: if count(TableState::Migrated) == states.len() {
            RunState::Succeeded
        } else if run.live.cancel.is_cancelled() {
            RunState::Cancelled
        } else {
            RunState::Incomplete
        },
        migrated: count(TableState::Migrated),
        failed: count(TableState::Failed),
        cancelled: count(TableState::Cancelled),
        parallel_tables: run.live.parallel.standing(),
    }
}

async fn follow_ups(tables: Vec<Migration>) -> Result<()> {
    for table in tables {
        table.follow_up().await?;
    }
    Ok(())
}

//! One run: its lock, its tables side by side, its end.

use super::clusters;
use super::entry::{RUN_ENDED, RUN_RESUMED, RUN_STARTED, RunEnded, RunStarted, TableStep, body};
use super::ground::{Ground, Lakehouse};
use super::journey::Run;
use super::live::{ActiveRun, LiveTable};
use super::view::{self, Progress};
use crate::LocalState;
use crate::governance::OncePerRun;
use crate::limiter::CommitLimiter;
use crate::state::now;
use crate::workspaces::gate;
use icebridge_databricks::Client;
use icebridge_model::databricks::GatePassed;
use icebridge_model::plan::Plan;
use icebridge_model::run::{RunId, RunState, RunView, TableState};
use icebridge_model::{Error, Result};
use icebridge_store::{RunRecord, StateLock};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// A run at work. It goes on when this is dropped.
#[derive(Debug)]
pub struct RunHandle {
    pub run_id: RunId,
    cancel: CancellationToken,
    done: JoinHandle<Result<RunView>>,
}

impl RunHandle {
    /// Tables at work stop at the next safe point; those in the middle of a commit finish it.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    #[cfg(test)]
    pub(super) fn token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Ends everything at once, as the death of the process would.
    #[cfg(test)]
    pub(super) fn aborter(&self) -> tokio::task::AbortHandle {
        self.done.abort_handle()
    }

    /// The run as it ended. An error means that the run itself broke off: what its tables did is in the view.
    pub async fn wait(self) -> Result<RunView> {
        self.done.await.map_err(|e| Error::internal("the run broke off").about(&self.run_id).with_cause(e))?
    }
}

/// Starts a run of a plan. Tables that an earlier run of the same plan migrated are found in the target, validated again
/// and left as they are.
pub async fn start(local: &LocalState, plan_text: &str) -> Result<RunHandle> {
    let gate = pass_gate(local, &Plan::from_text(plan_text)?).await?;
    start_on(local, plan_text, Arc::new(Lakehouse), gate).await
}

/// Goes on with a run (empty: the latest): migrated tables stay, all others are tried again.
pub async fn resume(local: &LocalState, run_id: &str) -> Result<RunHandle> {
    let record = view::find_run(local, run_id).await?;
    let plan = Plan::from_text(&record.plan_text).map_err(|e| e.about(&record.run_id))?;
    let gate = pass_gate(local, &plan).await?;
    resume_on(local, &record.run_id, Arc::new(Lakehouse), gate).await
}

/// Asked at every start: a right may have been taken back since the plan was made.
async fn pass_gate(local: &LocalState, plan: &Plan) -> Result<Option<GatePassed>> {
    gate::pass(local, &plan.target, plan.tables.iter().map(|table| &table.target.namespace)).await
}

pub(super) async fn start_on(
    local: &LocalState,
    plan_text: &str,
    ground: Arc<dyn Ground>,
    gate: Option<GatePassed>,
) -> Result<RunHandle> {
    let plan = Plan::from_text(plan_text)?;
    check(&plan)?;
    let lock = local.store.lock().await?;
    let opened = Opened::new(local, &plan, ground).await?;
    local.store.mark_interrupted("").await?;
    let record = RunRecord {
        run_id: uuid::Uuid::now_v7().to_string(),
        plan_hash: plan.hash.clone(),
        plan_text: plan_text.to_string(),
        source: plan.source.clone(),
        target: plan.target.clone(),
        state: RunState::Running,
        started_at: now(),
        ended_at: None,
    };
    local.store.create_run(&record).await?;
    local.store.append(&record.run_id, "", RUN_STARTED, body(&started(&plan, gate))?).await?;
    let progress = plan.tables.iter().map(|_| Progress::default()).collect();
    launch(local, lock, opened, plan, record, progress).await
}

pub(super) async fn resume_on(
    local: &LocalState,
    run_id: &str,
    ground: Arc<dyn Ground>,
    gate: Option<GatePassed>,
) -> Result<RunHandle> {
    let lock = local.store.lock().await?;
    let record = view::find_run(local, run_id).await?;
    let plan = Plan::from_text(&record.plan_text).map_err(|e| e.about(&record.run_id))?;
    let opened = Opened::new(local, &plan, ground).await?;
    local.store.mark_interrupted(&record.run_id).await?;
    let progress = view::progress_of(local, &record.run_id, &plan).await?;
    local.store.append(&record.run_id, "", RUN_RESUMED, body(&started(&plan, gate))?).await?;
    local.store.set_run_state(&record.run_id, RunState::Running, None).await?;
    launch(local, lock, opened, plan, record, progress).await
}

/// What a plan file may say and a run cannot do.
fn check(plan: &Plan) -> Result<()> {
    let settings = &plan.settings;
    if plan.tables.is_empty() {
        return Err(Error::invalid("the plan has no table to migrate")
            .with_hint("See `left_out` in the plan for the reasons, mend them, and plan again."));
    }
    let zero = [
        ("max_parallel_tables", settings.max_parallel_tables == 0),
        ("max_parallel_writers", settings.max_parallel_writers == 0),
        ("max_commits_per_min", settings.max_commits_per_min == 0),
    ];
    match zero.iter().find(|(_, zero)| *zero) {
        Some((name, _)) => Err(Error::invalid(format!("{name} is 0, so that nothing could ever be done"))
            .with_hint("Make the plan again with at least 1.")),
        None => Ok(()),
    }
}

fn started(plan: &Plan, gate: Option<GatePassed>) -> RunStarted {
    let by = ["USER", "USERNAME", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    RunStarted {
        plan_hash: plan.hash.clone(),
        source: plan.source.clone(),
        target: plan.target.clone(),
        tables: plan.tables.len(),
        by: by.unwrap_or_else(|| "unknown".to_string()),
        product_version: env!("CARGO_PKG_VERSION").to_string(),
        gate,
    }
}

/// Both ends, open before a run is made: a run that cannot begin leaves no trace.
struct Opened {
    ground: Arc<dyn Ground>,
    source: Arc<dyn icebridge_lakehouse::Catalog>,
    target: Arc<dyn icebridge_lakehouse::TargetCatalog>,
    client: Option<Client>,
}

impl Opened {
    async fn new(local: &LocalState, plan: &Plan, ground: Arc<dyn Ground>) -> Result<Self> {
        let source = ground.source(local, &plan.source).await?;
        let target = ground.target(local, &plan.target).await?;
        let client = ground.client(local, &plan.target).await?;
        if client.is_none() && plan.tables.iter().any(|table| table.cluster.is_some()) {
            return Err(Error::invalid(
                "the plan gives tables to clusters, and the target is no catalog of a workspace",
            )
            .about(&plan.target)
            .with_hint("Make the plan again."));
        }
        Ok(Self { ground, source, target, client })
    }
}

async fn launch(
    local: &LocalState,
    lock: StateLock,
    opened: Opened,
    plan: Plan,
    record: RunRecord,
    progress: Vec<Progress>,
) -> Result<RunHandle> {
    let cancel = CancellationToken::new();
    let waiting: Vec<usize> =
        (0..plan.tables.len()).filter(|i| progress.get(*i).is_none_or(|p| p.state != TableState::Migrated)).collect();
    let owed = match plan.settings.governance {
        Some(_) => (0..plan.tables.len()).filter(|i| progress.get(*i).is_some_and(Progress::is_owed)).collect(),
        None => Vec::new(),
    };
    let begun = waiting.iter().copied().filter(|i| progress.get(*i).is_some_and(|p| p.begun)).collect();
    let validations = local.store.validations(&record.run_id).await?;
    let tables = plan
        .tables
        .iter()
        .zip(&progress)
        .map(|(planned, progress)| {
            let mut run = view::table_run(local, planned, progress, &validations);
            if run.state != TableState::Migrated {
                (run.state, run.error) = (TableState::Queued, None);
            }
            Arc::new(LiveTable::new(run))
        })
        .collect();
    let live = Arc::new(ActiveRun { run_id: record.run_id.clone(), cancel: cancel.clone(), tables });
    let run = Run {
        local: local.clone(),
        ground: opened.ground,
        source: opened.source,
        target: opened.target,
        writers: Arc::new(Semaphore::new(plan.settings.max_parallel_writers)),
        commits: CommitLimiter::per_minute(plan.settings.max_commits_per_min),
        live: Arc::clone(&live),
        namespaces: Mutex::new(HashSet::new()),
        begun,
        client: opened.client,
        governance: OncePerRun::default(),
        plan,
    };
    local.live.insert(Arc::clone(&live));
    live.emit_state(local, RunState::Running);
    let tenure = Tenure { _lock: lock, local: local.clone(), run_id: record.run_id.clone() };
    let done = tokio::spawn(supervise(Arc::new(run), waiting, owed, tenure));
    Ok(RunHandle { run_id: record.run_id, cancel, done })
}

/// The state folder's lock and the place among the live runs: given up however the run ends.
struct Tenure {
    _lock: StateLock,
    local: LocalState,
    run_id: RunId,
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.local.live.remove(&self.run_id);
    }
}

async fn supervise(run: Arc<Run>, waiting: Vec<usize>, owed: Vec<usize>, tenure: Tenure) -> Result<RunView> {
    let mut teller = JoinSet::new();
    teller.spawn(Arc::clone(&run.live).tell(run.local.clone()));
    let of_plan = |index: &usize| run.plan.tables.get(*index);
    let (there, here): (Vec<usize>, Vec<usize>) =
        waiting.into_iter().partition(|index| of_plan(index).is_some_and(|table| table.cluster.is_some()));
    let (by_clusters, by_us, after) =
        tokio::join!(clusters::migrate_tables(&run, there), tables_side_by_side(&run, here), follow_ups(&run, owed));
    let broken = by_clusters.and(by_us).and(after);
    // Dropping the set ends the teller.
    drop(teller);
    run.live.emit_last_progress(&run.local);

    let states: Vec<TableState> = run.live.tables.iter().map(|t| t.snapshot().state).collect();
    let count = |wanted: TableState| states.iter().filter(|s| **s == wanted).count();
    let ended = RunEnded {
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
    };
    let (store, run_id) = (&run.local.store, &run.live.run_id);
    // A journal that takes no more entries leaves the run `running` with nobody at work: interrupted, to be resumed.
    broken?;
    store.append(run_id, "", RUN_ENDED, body(&ended)?).await?;
    store.set_run_state(run_id, ended.state, Some(&now())).await?;
    run.live.emit_state(&run.local, ended.state);
    let local = run.local.clone();
    drop(tenure);
    view::view(&local, &run.live.run_id).await
}

/// What an earlier process had left to do for tables that are migrated.
async fn follow_ups(run: &Run, owed: Vec<usize>) -> Result<()> {
    for index in owed {
        if let Some(planned) = run.plan.tables.get(index) {
            run.follow_up(index, planned).await?;
        }
    }
    Ok(())
}

/// An error means that the journal could not be written; the other tables have finished all the same.
async fn tables_side_by_side(run: &Arc<Run>, waiting: Vec<usize>) -> Result<()> {
    let mut waiting = waiting.into_iter();
    let mut at_work = JoinSet::new();
    let mut index_of: HashMap<tokio::task::Id, usize> = HashMap::new();
    let mut first_error = None;
    loop {
        while at_work.len() < run.plan.settings.max_parallel_tables {
            let Some(index) = waiting.next() else { break };
            let run = Arc::clone(run);
            let task = at_work.spawn(async move { run.travel(index).await });
            index_of.insert(task.id(), index);
        }
        let Some(joined) = at_work.join_next_with_id().await else { break };
        let result = match joined {
            Ok((_, result)) => result,
            // The journey catches panics by itself; this one came from the catching.
            Err(broken) => fail(run, index_of.get(&broken.id()).copied(), &broken).await,
        };
        if let Err(error) = result {
            tracing::error!(%error, "the journal cannot be written");
            first_error.get_or_insert(error);
        }
    }
    first_error.map_or(Ok(()), Err)
}

async fn fail(run: &Run, index: Option<usize>, broken: &tokio::task::JoinError) -> Result<()> {
    let Some((index, planned)) = index.and_then(|i| Some((i, run.plan.tables.get(i)?))) else { return Ok(()) };
    let mut step = TableStep::new(TableState::Failed, &planned.target);
    step.error = Some(Error::internal("the table's task broke off").about(&planned.source).with_cause(broken));
    run.step(index, planned, step).await
}

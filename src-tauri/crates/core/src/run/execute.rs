//! One run: its lock, its tables side by side, its end.

use super::clusters;
use super::entry::{JOB_ENDED, JOB_RESUMED, JOB_STARTED, JobEnded, JobStarted, TableStep, body};
use super::ground::{Ground, Lakehouse};
use super::journey::Run;
use super::live::{LiveJob, LiveTable};
use super::view::{self, Progress};
use crate::Workspace;
use crate::databricks::gate::{self, GatePassed};
use crate::limiter::CommitLimiter;
use crate::workspace::now;
use icebridge_databricks::Client;
use icebridge_model::plan::Plan;
use icebridge_model::run::{JobId, JobState, JobView, TableState};
use icebridge_model::{Error, Result};
use icebridge_store::{JobRecord, StateLock};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// A run at work. It goes on when this is dropped.
#[derive(Debug)]
pub struct JobHandle {
    pub job: JobId,
    cancel: CancellationToken,
    done: JoinHandle<Result<JobView>>,
}

impl JobHandle {
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

    /// The job as it ended. An error means that the run itself broke off: what its tables did is in the view.
    pub async fn wait(self) -> Result<JobView> {
        self.done.await.map_err(|e| Error::internal("the run broke off").about(&self.job).with_cause(e))?
    }
}

/// Starts a run of a plan. Tables that an earlier run of the same plan migrated are found in the target, validated again
/// and left as they are.
pub async fn start(workspace: &Workspace, plan_text: &str) -> Result<JobHandle> {
    let gate = pass_gate(workspace, &Plan::from_text(plan_text)?).await?;
    start_on(workspace, plan_text, Arc::new(Lakehouse), gate).await
}

/// Goes on with a job (empty: the latest): migrated tables stay, all others are tried again.
pub async fn resume(workspace: &Workspace, job: &str) -> Result<JobHandle> {
    let record = view::find_job(workspace, job).await?;
    let plan = Plan::from_text(&record.plan_text).map_err(|e| e.about(&record.job))?;
    let gate = pass_gate(workspace, &plan).await?;
    resume_on(workspace, &record.job, Arc::new(Lakehouse), gate).await
}

/// Asked at every start: a right may have been taken back since the plan was made.
async fn pass_gate(workspace: &Workspace, plan: &Plan) -> Result<Option<GatePassed>> {
    gate::pass(workspace, &plan.target, plan.tables.iter().map(|table| &table.target.namespace)).await
}

pub(super) async fn start_on(
    workspace: &Workspace,
    plan_text: &str,
    ground: Arc<dyn Ground>,
    gate: Option<GatePassed>,
) -> Result<JobHandle> {
    let plan = Plan::from_text(plan_text)?;
    check(&plan)?;
    let lock = workspace.store.lock().await?;
    let opened = Opened::new(workspace, &plan, ground).await?;
    workspace.store.mark_interrupted("").await?;
    let record = JobRecord {
        job: uuid::Uuid::now_v7().to_string(),
        plan_hash: plan.hash.clone(),
        plan_text: plan_text.to_string(),
        source: plan.source.clone(),
        target: plan.target.clone(),
        state: JobState::Running,
        started_at: now(),
        ended_at: None,
    };
    workspace.store.create_job(&record).await?;
    workspace.store.append(&record.job, "", JOB_STARTED, body(&started(&plan, gate))?).await?;
    let progress = plan.tables.iter().map(|_| Progress::default()).collect();
    launch(workspace, lock, opened, plan, record, progress).await
}

pub(super) async fn resume_on(
    workspace: &Workspace,
    job: &str,
    ground: Arc<dyn Ground>,
    gate: Option<GatePassed>,
) -> Result<JobHandle> {
    let lock = workspace.store.lock().await?;
    let record = view::find_job(workspace, job).await?;
    let plan = Plan::from_text(&record.plan_text).map_err(|e| e.about(&record.job))?;
    let opened = Opened::new(workspace, &plan, ground).await?;
    workspace.store.mark_interrupted(&record.job).await?;
    let progress = view::progress_of(workspace, &record.job, &plan).await?;
    workspace.store.append(&record.job, "", JOB_RESUMED, body(&started(&plan, gate))?).await?;
    workspace.store.set_job_state(&record.job, JobState::Running, None).await?;
    launch(workspace, lock, opened, plan, record, progress).await
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

fn started(plan: &Plan, gate: Option<GatePassed>) -> JobStarted {
    let by = ["USER", "USERNAME", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    JobStarted {
        plan_hash: plan.hash.clone(),
        source: plan.source.clone(),
        target: plan.target.clone(),
        tables: plan.tables.len(),
        by: by.unwrap_or_else(|| "unknown".to_string()),
        product_version: env!("CARGO_PKG_VERSION").to_string(),
        gate,
    }
}

/// Both ends, open before a job is made: a run that cannot begin leaves no trace.
struct Opened {
    ground: Arc<dyn Ground>,
    source: Arc<dyn icebridge_lakehouse::Catalog>,
    target: Arc<dyn icebridge_lakehouse::TargetCatalog>,
    client: Option<Client>,
}

impl Opened {
    async fn new(workspace: &Workspace, plan: &Plan, ground: Arc<dyn Ground>) -> Result<Self> {
        let source = ground.source(workspace, &plan.source).await?;
        let target = ground.target(workspace, &plan.target).await?;
        let client = ground.client(workspace, &plan.target).await?;
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
    workspace: &Workspace,
    lock: StateLock,
    opened: Opened,
    plan: Plan,
    record: JobRecord,
    progress: Vec<Progress>,
) -> Result<JobHandle> {
    let cancel = CancellationToken::new();
    let waiting: Vec<usize> =
        (0..plan.tables.len()).filter(|i| progress.get(*i).is_none_or(|p| p.state != TableState::Migrated)).collect();
    let owed = match plan.settings.after {
        Some(_) => (0..plan.tables.len()).filter(|i| progress.get(*i).is_some_and(Progress::is_owed)).collect(),
        None => Vec::new(),
    };
    let begun = waiting.iter().copied().filter(|i| progress.get(*i).is_some_and(|p| p.begun)).collect();
    let validations = workspace.store.validations(&record.job).await?;
    let tables = plan
        .tables
        .iter()
        .zip(&progress)
        .map(|(planned, progress)| {
            let mut run = view::table_run(workspace, planned, progress, &validations);
            if run.state != TableState::Migrated {
                (run.state, run.error) = (TableState::Queued, None);
            }
            Arc::new(LiveTable::new(run))
        })
        .collect();
    let live = Arc::new(LiveJob { job: record.job.clone(), cancel: cancel.clone(), tables });
    let run = Run {
        workspace: workspace.clone(),
        ground: opened.ground,
        source: opened.source,
        target: opened.target,
        writers: Arc::new(Semaphore::new(plan.settings.max_parallel_writers)),
        commits: CommitLimiter::per_minute(plan.settings.max_commits_per_min),
        live: Arc::clone(&live),
        namespaces: Mutex::new(HashSet::new()),
        begun,
        client: opened.client,
        optimized: Mutex::default(),
        metrics_turn: Mutex::default(),
        plan,
    };
    workspace.live.insert(Arc::clone(&live));
    live.emit_state(workspace, JobState::Running);
    let tenure = Tenure { _lock: lock, workspace: workspace.clone(), job: record.job.clone() };
    let done = tokio::spawn(supervise(Arc::new(run), waiting, owed, tenure));
    Ok(JobHandle { job: record.job, cancel, done })
}

/// The state folder's lock and the place among the live jobs: given up however the run ends.
struct Tenure {
    _lock: StateLock,
    workspace: Workspace,
    job: JobId,
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.workspace.live.remove(&self.job);
    }
}

async fn supervise(run: Arc<Run>, waiting: Vec<usize>, owed: Vec<usize>, tenure: Tenure) -> Result<JobView> {
    let mut teller = JoinSet::new();
    teller.spawn(Arc::clone(&run.live).tell(run.workspace.clone()));
    let of_plan = |index: &usize| run.plan.tables.get(*index);
    let (there, here): (Vec<usize>, Vec<usize>) =
        waiting.into_iter().partition(|index| of_plan(index).is_some_and(|table| table.cluster.is_some()));
    let (by_clusters, by_us, after) =
        tokio::join!(clusters::travel(&run, there), tables_side_by_side(&run, here), follow_ups(&run, owed));
    let broken = by_clusters.and(by_us).and(after);
    // Dropping the set ends the teller.
    drop(teller);
    run.live.emit_last_progress(&run.workspace);

    let states: Vec<TableState> = run.live.tables.iter().map(|t| t.snapshot().state).collect();
    let count = |wanted: TableState| states.iter().filter(|s| **s == wanted).count();
    let ended = JobEnded {
        state: if count(TableState::Migrated) == states.len() {
            JobState::Succeeded
        } else if run.live.cancel.is_cancelled() {
            JobState::Cancelled
        } else {
            JobState::Incomplete
        },
        migrated: count(TableState::Migrated),
        failed: count(TableState::Failed),
        cancelled: count(TableState::Cancelled),
    };
    let (store, job) = (&run.workspace.store, &run.live.job);
    // A journal that takes no more entries leaves the job `running` with nobody at work: interrupted, to be resumed.
    broken?;
    store.append(job, "", JOB_ENDED, body(&ended)?).await?;
    store.set_job_state(job, ended.state, Some(&now())).await?;
    run.live.emit_state(&run.workspace, ended.state);
    let workspace = run.workspace.clone();
    drop(tenure);
    view::view(&workspace, &run.live.job).await
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

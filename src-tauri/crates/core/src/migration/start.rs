//! Starts and resumes a run: checks, lock, record, and the tables that are left to do.

use super::context::{Migration, Opened, RunContext, works_here};
use super::environment::{Environment, Lakehouse};
use super::live::{ActiveRun, ActiveRuns, LiveTable};
use super::scheduler::{self, RunGuard, Work};
use super::{same_catalogs, view};
use crate::LocalState;
use crate::approval;
use crate::ledger::{
    PLAN_REHEARSED, RUN_RESUMED, RUN_STARTED, RunStarted, TableHistory, body, find_run, moved_states, plan_of,
    rehearsals_of, run_started, table_histories,
};
use crate::state::now;
use crate::workspaces::gate;
use icebridge_metrics::Watched;
use icebridge_model::approval::Approved;
use icebridge_model::conversion::{PartitionWay, partition_ways};
use icebridge_model::databricks::GatePassed;
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{RunId, RunState, RunView, TableState};
use icebridge_model::{Code, Error, Result};
use icebridge_store::{RunRecord, StateLock};
use std::sync::Arc;
use tokio::task::JoinHandle;
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

    /// Cancels it, also while somebody waits for it.
    pub(crate) fn token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Ends everything at once, as the death of the process would.
    #[cfg(test)]
    pub(super) fn aborter(&self) -> tokio::task::AbortHandle {
        self.done.abort_handle()
    }

    /// The run as it ended. An error means that the run itself ended early: what its tables did is in the view.
    pub async fn wait(self) -> Result<RunView> {
        self.done
            .await
            .map_err(|e| Error::internal("the run panicked or was ended").about(&self.run_id).with_cause(e))?
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
    let record = find_run(local, run_id).await?;
    let plan = plan_of(&record)?;
    let gate = pass_gate(local, &plan).await?;
    resume_on(local, &record.run_id, Arc::new(Lakehouse), gate).await
}

/// Asked at every start: a right may have been taken back since the plan was made.
async fn pass_gate(local: &LocalState, plan: &Plan) -> Result<Option<GatePassed>> {
    if !works_here(plan) {
        return Ok(None);
    }
    gate::pass(local, &plan.target, plan.tables.iter().map(|table| &table.target.namespace)).await
}

pub(super) async fn start_on(
    local: &LocalState,
    plan_text: &str,
    environment: Arc<dyn Environment>,
    gate: Option<GatePassed>,
) -> Result<RunHandle> {
    let plan = Plan::from_text(plan_text)?;
    check(&plan)?;
    let lock = local.store.lock().await?;
    local.store.check_journal().await?;
    refuse_moved(local, &plan, |_| false).await?;
    let approved = approval::require(local, &plan).await?;
    let opened = Opened::new(local, &plan, environment).await?;
    local.store.mark_interrupted("").await?;
    let record = RunRecord {
        run_id: uuid::Uuid::now_v7().to_string().into(),
        plan_hash: plan.hash.clone(),
        plan_text: plan_text.to_string(),
        source: plan.source.clone(),
        target: plan.target.clone(),
        state: RunState::Running,
        started_at: now(),
        ended_at: None,
    };
    let mut entries = vec![(RUN_STARTED, body(&started(local, &plan, gate, approved).await?)?)];
    for made in rehearsals_of(local, &plan.hash).await? {
        entries.push((PLAN_REHEARSED, body(&made)?));
    }
    local.store.create_run(&record, entries).await?;
    let histories = vec![TableHistory::default(); plan.tables.len()];
    launch(local, lock, opened, plan, record, histories).await
}

pub(super) async fn resume_on(
    local: &LocalState,
    run_id: &str,
    environment: Arc<dyn Environment>,
    gate: Option<GatePassed>,
) -> Result<RunHandle> {
    let lock = local.store.lock().await?;
    local.store.check_journal().await?;
    let record = find_run(local, run_id).await?;
    let plan = plan_of(&record)?;
    same_catalogs::check(local, &record.run_id, &plan).await?;
    let approved = approval::require(local, &plan).await?;
    let opened = Opened::new(local, &plan, environment).await?;
    local.store.mark_interrupted(&record.run_id).await?;
    let histories = table_histories(local, &record.run_id, &plan).await?;
    refuse_moved(local, &plan, |at| histories[at].state() == TableState::Migrated).await?;
    // Earlier versions could be ended between the run and its first entry.
    let kind = if run_started(local, &record.run_id).await?.is_some() { RUN_RESUMED } else { RUN_STARTED };
    local.store.append(&record.run_id, "", kind, body(&started(local, &plan, gate, approved).await?)?).await?;
    local.store.set_run_state(&record.run_id, RunState::Running, None).await?;
    launch(local, lock, opened, plan, record, histories).await
}

/// A run compares what it finds in the target with the source, or makes it anew, and others may have written to what was cut over.
/// `is_left_alone`: what the run does not touch, by its place in the plan.
async fn refuse_moved(local: &LocalState, plan: &Plan, is_left_alone: impl Fn(usize) -> bool) -> Result<()> {
    let moved = moved_states(local, &plan.hash).await?;
    let is_moved =
        |(at, planned): &(usize, &PlannedTable)| moved.contains_key(&planned.source.to_string()) && !is_left_alone(*at);
    let tables: Vec<_> = plan.tables.iter().enumerate().filter(is_moved).collect();
    let Some((_, first)) = tables.first() else { return Ok(()) };
    let others = match tables.len() {
        1 => String::new(),
        more => format!(" and {} more", more - 1),
    };
    Err(Error::new(Code::CutOver, format!("{}{others} of this plan are cut over", first.source)).with_hint(
        "Resume the plan's run, which leaves them alone: `icebridge run --resume`. For other tables make a new plan.",
    ))
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

async fn started(
    local: &LocalState,
    plan: &Plan,
    gate: Option<GatePassed>,
    approved: Option<Approved>,
) -> Result<RunStarted> {
    let by = ["USER", "USERNAME", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let mut catalogs = local.store.catalogs().await?;
    catalogs.retain(|catalog| catalog.name == plan.source || catalog.name == plan.target);
    Ok(RunStarted {
        plan_hash: plan.hash.clone(),
        source: plan.source.clone(),
        target: plan.target.clone(),
        tables: plan.tables.len(),
        by: by.unwrap_or_else(|| "unknown".to_string()),
        product_version: env!("CARGO_PKG_VERSION").to_string(),
        gate,
        hosts: same_catalogs::hosts(local, &catalogs).await,
        catalogs,
        approved,
        change: plan.settings.change.clone(),
    })
}

async fn launch(
    local: &LocalState,
    lock: StateLock,
    opened: Opened,
    plan: Plan,
    record: RunRecord,
    histories: Vec<TableHistory>,
) -> Result<RunHandle> {
    let cancel = CancellationToken::new();
    let validations = local.store.validations(&record.run_id).await?;
    let of_plan = || plan.tables.iter().zip(&histories);
    let tables = of_plan().map(|(planned, history)| {
        let mut table = view::table_migration(local, planned, history, &validations);
        if table.state != TableState::Migrated {
            (table.state, table.error) = (TableState::Queued, None);
        }
        Arc::new(LiveTable::new(table, planned.estimate.bytes, local.metrics.clone()))
    });
    let live = Arc::new(ActiveRun::new(record.run_id.clone(), cancel.clone(), tables.collect(), &plan.settings));
    let unfinished = |history: &TableHistory| history.state() != TableState::Migrated;
    let begun = histories.iter().enumerate().filter(|(_, history)| unfinished(history) && history.begun);
    let begun = begun.map(|(index, _)| index).collect();
    let governed = plan.settings.governance.is_some();
    let run = Arc::new(RunContext::new(local.clone(), opened, plan, Arc::clone(&live), begun).await?);

    let mut work = Work { tables: Vec::new(), follow_ups: Vec::new() };
    for (table, history) in Migration::all(&run).into_iter().zip(&histories) {
        if unfinished(history) {
            work.tables.push(table);
        } else if (governed || may_be_clustered(table.planned())) && history.is_owed() {
            work.follow_ups.push(table);
        }
    }
    local.extension::<ActiveRuns>().insert(Arc::clone(&live));
    let watched: Arc<dyn Watched> = live.clone();
    local.metrics.watch(Arc::downgrade(&watched));
    live.emit_state(local, RunState::Running);
    let guard = RunGuard { _lock: lock, local: local.clone(), run_id: record.run_id.clone() };
    let done = tokio::spawn(scheduler::execute(run, work, guard));
    Ok(RunHandle { run_id: record.run_id, cancel, done })
}

/// What follows the copy of such a table is asked of the workspace without any setting.
fn may_be_clustered(planned: &PlannedTable) -> bool {
    partition_ways(&planned.conversions).iter().any(|way| matches!(way, PartitionWay::Cluster { .. }))
}

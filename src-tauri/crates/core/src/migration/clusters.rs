//! Tables that clusters copy: one order for all of them, beside the tables that this process copies.
//!
//! The engine ([`crate::cluster`]) keeps its own records, by which no step is ever started twice. What is written down here
//! are each table's states, as of any other table; what the cluster made is validated as soon as its step is over.

use super::adoption;
use super::cluster_adoption::{adopt_synced, shown_snapshot, stands_proved};
use super::cluster_reach::{Lending, refuse_restricted};
use super::context::{Migration, RunContext};
use super::executor::Executor;
use super::guard::guarded;
use super::pin::{self, Strictness};
use super::proving::CommittedTable;
use crate::cluster::{Engine, JobKind, Observer, Order, PriorSteps, StepRecord, StepState};
use crate::governance::{self, documents};
use crate::mutex::lock;
use crate::validate;
use crate::validate::cluster::SourceRecords;
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, stream};
use icebridge_databricks::Client;
use icebridge_lakehouse::Table;
use icebridge_model::photon::{
    ClusterCopy, ClusterEvent, ClusterResult, ClusterView, CopyEnd, PhotonSettings, SourceRead,
};
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tracing::Instrument;

/// Tables whose source and target are looked at at the same time, before the order is given.
const LOOKED_AT_ONCE: usize = 8;

/// A table's result, and whether this run's cluster made it.
struct Arrival {
    table: Migration,
    result: ClusterResult,
    anew: bool,
}

pub(super) struct ClusterCopies;

#[async_trait]
impl Executor for ClusterCopies {
    async fn execute(&self, run: &Arc<RunContext>, tables: Vec<Migration>) -> Result<()> {
        order_all(run, tables).await
    }
}

async fn order_all(run: &Arc<RunContext>, tables: Vec<Migration>) -> Result<()> {
    let (Some(settings), Some(client)) = (&run.plan.settings.photon, &run.client) else { return Ok(()) };
    let steps = steps_of(run).await?;
    let prior = PriorSteps::of(&steps);
    let mut ready = Vec::new();
    let mut gone = BTreeSet::new();
    let mut looking = stream::iter(tables).map(|table| look(table, &prior)).buffered(LOOKED_AT_ONCE);
    while let Some(looked) = looking.next().await {
        if let Some((table, there)) = looked? {
            if !there && let Some(copy) = copy(&table) {
                gone.insert(copy.target.clone());
            }
            ready.push(table);
        }
    }
    drop(looking);
    // Without a table to order there may be something to follow to its end, or to take away.
    let left = steps.iter().any(|step| step.state != StepState::Cleared);
    let lent = !steps.is_empty() && !settings.secret_conf.is_empty() && !settings.keep_secrets;
    if ready.is_empty() && !left && !lent {
        return Ok(());
    }
    let (sender, arrivals) = unbounded_channel();
    let (ordered, proved) = tokio::join!(order(run, settings, client, ready, gone, sender), prove_all(run, arrivals));
    proved.and(ordered)
}

async fn steps_of(run: &RunContext) -> Result<Vec<StepRecord>> {
    let steps: Vec<StepRecord> = run.local.store.cluster_steps(&run.plan.hash).await?;
    Ok(steps.into_iter().filter(|step| step.job.is_copy()).collect())
}

/// Dropping the sender at its end is what ends the proving.
async fn order(
    run: &Arc<RunContext>,
    settings: &PhotonSettings,
    client: &Client,
    ready: Vec<Migration>,
    gone: BTreeSet<TableIdent>,
    sender: UnboundedSender<Arrival>,
) -> Result<()> {
    let places: HashMap<TableIdent, Migration> =
        ready.iter().filter_map(|table| Some((copy(table)?.target.clone(), table.clone()))).collect();
    let engine = Engine::new(client.clone(), run.local.store.clone(), settings.clone());
    let cap = governance::spend_cap(&run.local.state_dir, client, settings).await;
    let engine = match (engine, cap) {
        (Ok(engine), Ok(cap)) => engine.with_cap(cap),
        (Err(error), _) | (_, Err(error)) => return refuse(&ready, &error).await,
    };
    let lending = lending(run, settings, client);
    if let Err(error) = lending.hide().await {
        return refuse(&ready, &error).await;
    }
    if !ready.is_empty()
        && let Err(error) = lending.lend().await
    {
        lending.take_back().await?;
        return refuse(&ready, &error).await;
    }
    let order = Order {
        plan_hash: run.plan.hash.clone(),
        job: JobKind::BulkCopy,
        run_id: run.live.run_id.clone(),
        attempt: engine.next_attempt(&run.plan.hash).await?,
        tables: ready.iter().filter_map(|table| copy(table).cloned()).collect(),
        secret_scope: lending.scope(),
        gone,
    };
    let watcher = Watcher { places, sender: sender.clone(), steps: Mutex::default(), passed_on: Mutex::default() };
    let results = engine.run(&order, &watcher, &run.live.cancel).await;
    let passed_on = std::mem::take(&mut *lock(&watcher.passed_on));
    for result in results? {
        let table = watcher.places.get(&result.target).filter(|_| !passed_on.contains(&result.target));
        if let Some(table) = table {
            // Without a receiver the proving ended early, and says why.
            let _ = sender.send(Arrival { table: table.clone(), result, anew: false });
        }
    }
    lending.take_back().await
}

fn lending<'a>(run: &'a RunContext, settings: &'a PhotonSettings, client: &'a Client) -> Lending<'a> {
    Lending { local: &run.local, plan: &run.plan, settings, client, owner: &run.owner }
}

async fn refuse(ready: &[Migration], error: &Error) -> Result<()> {
    for table in ready {
        table.give_up(error.clone()).await?;
    }
    Ok(())
}

/// Each table is validated as soon as its cluster is done with it, while others still copy.
async fn prove_all(run: &Arc<RunContext>, mut arrivals: UnboundedReceiver<Arrival>) -> Result<()> {
    let mut proving = JoinSet::new();
    let mut first_error = None;
    let mut open = true;
    let at_once = run.plan.settings.unmeasured_parallel_tables();
    while open || !proving.is_empty() {
        tokio::select! {
            arrival = arrivals.recv(), if open && proving.len() < at_once => match arrival {
                Some(arrival) => {
                    proving.spawn(land(arrival).in_current_span());
                }
                None => open = false,
            },
            Some(proved) = proving.join_next(), if !proving.is_empty() => {
                let proved = proved.map_err(|e| Error::internal("a table's task panicked").with_cause(e));
                if let Err(error) = proved.and_then(|proved| proved) {
                    first_error.get_or_insert(error);
                }
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}

fn copy(table: &Migration) -> Option<&ClusterCopy> {
    table.planned().cluster.as_deref()
}

/// Whether the table may be ordered; if so, whether the target has something of it already.
#[tracing::instrument(name = "table", skip_all, fields(table = %table.planned().source, target_table = %table.planned().target))]
async fn look(table: Migration, prior: &PriorSteps) -> Result<Option<(Migration, bool)>> {
    let ready = guarded(make_ready(&table, prior).boxed()).await;
    match ready {
        Ok(Some(there)) => Ok(Some((table, there))),
        Ok(None) => table.follow_up().await.map(|()| None),
        Err(error) => table.give_up(error).await.map(|()| None),
    }
}

/// None: it was proved before, and there is nothing to compare it with any more.
async fn make_ready(table: &Migration, prior: &PriorSteps) -> Result<Option<bool>> {
    let (run, planned) = (&table.run, table.planned());
    run.not_cancelled()?;
    let copy = copy(table);
    let (there, found) = match table.find_made().await {
        Ok(found) => (found.is_some(), found),
        Err(error) if copy.is_some_and(|copy| prior.may_have_left(copy.method, &copy.target, &error)) => (true, None),
        Err(error) => return Err(error),
    };
    if let Some(found) = &found
        && table.as_it_stands(found).await?.snapshot_id != planned.snapshot_id
    {
        return adopt_synced(table, found.clone()).await.map(|()| None);
    }
    // A cluster may be at it although this side gave up.
    let at_work = copy.is_some_and(|copy| prior.open.contains(&copy.target));
    let begun = there || at_work || table.has_begun();
    let strictness = if begun { Strictness::Readable } else { Strictness::Current };
    if let Err(error) = pin::check(run.source.as_ref(), planned, strictness).await {
        if let Some(found) = found
            && stands_proved(table, found, &error).await?
        {
            return Ok(None);
        }
        return Err(error);
    }
    if let (Some(client), Some(copy), Some(settings)) = (&run.client, copy, &run.plan.settings.photon) {
        refuse_restricted(client, run.governance.me(client).await?, settings, copy).await?;
    }
    table.enter(TableState::Copying).await?;
    table.live().restart();
    table.ensure_namespace().await?;
    Ok(Some(there))
}

#[tracing::instrument(name = "table", skip_all, fields(table = %arrival.table.planned().source, target_table = %arrival.table.planned().target))]
async fn land(arrival: Arrival) -> Result<()> {
    let table = arrival.table.clone();
    match guarded(arrive(arrival).boxed()).await {
        Ok(()) => table.follow_up().await,
        Err(error) => table.give_up(error).await,
    }
}

async fn arrive(Arrival { table, result, anew }: Arrival) -> Result<()> {
    let (run, planned) = (&table.run, table.planned());
    if result.end != CopyEnd::Done {
        let silent = || Error::internal("the result of a table on a cluster has no error");
        return Err(result.error.clone().unwrap_or_else(silent));
    }
    let found = adoption::find(run.target.as_ref(), planned, &run.plan.hash).await?.ok_or_else(|| {
        Error::new(Code::TableNotFound, "the cluster says that it copied the table, and the target does not have it")
            .about(&planned.target)
            .with_hint("Resume the run: the table is copied again.")
    })?;
    if let Some(rows) = result.rows_done {
        table.live().reached(rows, rows);
    }
    let by_cluster = result.validation.clone();
    let compared = run.local.store.outcome_of_plan(&run.plan.hash, &planned.source).await?;
    let compared = compared.and_then(|outcome| outcome.cluster).and_then(|cluster| cluster.target_snapshot_id);
    if let (Some(validation), Some(client)) = (&by_cluster, &run.client) {
        documents::download(&run.local, client, &validation.docs, &run.live.cancel).await;
        table.live().change(|table| table.documents = documents::page(&run.local.state_dir, &validation.docs));
    }
    let snapshot = found.metadata.current_snapshot_id;
    let mut outcome = outcome(result, &found, anew);
    if let Some(cluster) = &mut outcome.cluster {
        // The one at which it was found first: that is what the cluster compared.
        let found_first = compared.filter(|_| !anew).or(cluster.target_snapshot_id).or(snapshot);
        cluster.target_snapshot_id = match found_first {
            None => shown_snapshot(&table).await,
            known => known,
        };
    }
    let then = outcome.cluster.as_ref().and_then(|cluster| cluster.target_snapshot_id);
    let committed = CommittedTable { outcome, table: found, measured: None };
    let note = if anew { "" } else { "a cluster had copied this table for this plan before" };
    table.record_committed(&committed, note).await?;
    run.not_cancelled()?;
    // Read without a version, the pin is what the source still is.
    let unversioned = outcome_is_unversioned(&committed.outcome);
    let strictness = if unversioned && anew { Strictness::Current } else { Strictness::Readable };
    let source = pin::check(run.source.as_ref(), planned, strictness).await?;
    let settings = run.plan.settings.photon.as_ref();
    if settings.is_some_and(|settings| !settings.reads_here(planned.estimate.bytes)) {
        table.enter(TableState::Validating).await?;
        if snapshot.is_some() && snapshot != then {
            return Err(Error::new(Code::ValidationFailed, "the target has changed since the cluster compared it")
                .about(&planned.target)
                .with_hint("`icebridge validate` compares it as it is now, by IceBridge's own reader."));
        }
        let rows = by_cluster.as_ref().and_then(|found| found.expected_rows);
        let counting = SourceRecords::count(&source, planned.snapshot_id, rows);
        let records = guarded(counting.boxed()).await?;
        let validation = validate::cluster::from_cluster(planned, snapshot, by_cluster.as_ref(), &records);
        return table.conclude(validation, !anew).await;
    }
    let mut validation = table.compare(&source, committed).await?;
    if settings.is_some_and(|settings| settings.great_expectations) {
        validate::cluster::add_checks(&mut validation, by_cluster.as_ref());
    }
    table.conclude(validation, !anew).await
}

fn outcome_is_unversioned(outcome: &CopyOutcome) -> bool {
    outcome.cluster.as_ref().is_some_and(|cluster| cluster.source_read == Some(SourceRead::Unversioned))
}

fn outcome(mut result: ClusterResult, table: &Table, anew: bool) -> CopyOutcome {
    // The checks are in the validation.
    if let Some(validation) = &mut result.validation {
        validation.checks.clear();
    }
    CopyOutcome {
        target_metadata_location: table.metadata_location.clone(),
        target_location: table.metadata.location.clone(),
        rows_written: result.rows_done,
        adopted: !anew,
        cluster: Some(Box::new(result)),
        ..CopyOutcome::default()
    }
}

/// Shows the engine's events, and passes on each table's result as soon as it is written down.
struct Watcher {
    /// By the target's name on the cluster.
    places: HashMap<TableIdent, Migration>,
    sender: UnboundedSender<Arrival>,
    steps: Mutex<HashMap<String, Vec<Migration>>>,
    /// The targets whose results were passed on.
    passed_on: Mutex<HashSet<TableIdent>>,
}

impl Watcher {
    fn show(&self, step: &str, change: impl Fn(&mut ClusterView)) {
        for table in lock(&self.steps).get(step).into_iter().flatten() {
            if table.state() != TableState::Copying {
                continue;
            }
            table.live().change(|table| {
                let view = table.cluster.get_or_insert_with(ClusterView::default);
                view.step = step.to_string();
                change(view);
            });
            table.emit();
        }
    }
}

#[async_trait]
impl Observer for Watcher {
    async fn step(&self, record: &StepRecord) -> Result<()> {
        let tables = record.tables().filter_map(|copy| self.places.get(&copy.target).cloned()).collect();
        lock(&self.steps).insert(record.step.clone(), tables);
        if record.is_open() {
            self.show(&record.step, |view| {
                view.stage = record.state.stage();
                view.message.clear();
                view.job_run_id = record.job_run_id;
                view.run_page_url.clone_from(&record.run_page_url);
            });
        }
        if record.state == StepState::Over {
            for result in &record.results {
                if let Some(table) = self.places.get(&result.target) {
                    lock(&self.passed_on).insert(result.target.clone());
                    let _ = self.sender.send(Arrival { table: table.clone(), result: result.clone(), anew: true });
                }
            }
        }
        Ok(())
    }

    fn event(&self, event: ClusterEvent) {
        match event {
            ClusterEvent::Run { step, stage, message, job_run_id, run_page_url } => self.show(&step, |view| {
                view.stage = stage;
                view.message.clone_from(&message);
                view.job_run_id = Some(job_run_id);
                view.run_page_url.clone_from(&run_page_url);
            }),
            ClusterEvent::Table { target, rows_done, rows_total, .. } => {
                if let Some(table) = self.places.get(&target) {
                    table.live().reached(rows_done, rows_total);
                }
            }
            ClusterEvent::Trouble { step, since, error, .. } => self.show(&step, |view| {
                view.message = format!("no answer from the workspace since {since}: {error}; the cluster goes on");
            }),
            ClusterEvent::Recovered { step } => self.show(&step, |view| view.message.clear()),
        }
    }
}

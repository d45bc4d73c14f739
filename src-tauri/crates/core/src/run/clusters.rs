//! Tables that clusters copy: one order for all of them, beside the tables that this process copies.
//!
//! The engine ([`crate::cluster`]) keeps its own records, by which no step is ever started twice. What is written down here
//! are each table's states, as of any other table; what the cluster made is validated as soon as its step is over.

use super::adoption;
use super::entry::TableStep;
use super::journey::{Landed, Run, guarded};
use super::pin::{self, Strictness};
use crate::cluster::{Engine, Observer, Order, PriorSteps, StepRecord, StepState, secrets};
use crate::governance::documents;
use crate::validate;
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, stream};
use icebridge_databricks::Client;
use icebridge_lakehouse::Table;
use icebridge_model::photon::{ClusterCopy, ClusterEvent, ClusterResult, ClusterView, CopyEnd, PhotonSettings};
use icebridge_model::plan::PlannedTable;
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Tables whose source and target are looked at at the same time, before the order is given.
const LOOKED_AT_ONCE: usize = 8;

/// A table's result, and whether this run's cluster made it.
struct Arrival {
    index: usize,
    result: ClusterResult,
    anew: bool,
}

/// An error means that the journal cannot be written.
pub(super) async fn migrate_tables(run: &Arc<Run>, waiting: Vec<usize>) -> Result<()> {
    let (Some(settings), Some(client)) = (&run.plan.settings.photon, &run.client) else { return Ok(()) };
    let steps = steps_of(run).await?;
    let prior = PriorSteps::of(&steps);
    let mut ready = Vec::new();
    let mut gone = BTreeSet::new();
    let mut looking = stream::iter(waiting).map(|index| run.look(index, &prior)).buffered(LOOKED_AT_ONCE);
    while let Some(looked) = looking.next().await {
        if let Some((index, there)) = looked? {
            if !there && let Some(copy) = run.copy(index) {
                gone.insert(copy.target.clone());
            }
            ready.push(index);
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
    let (ordered, landed) = tokio::join!(order(run, settings, client, ready, gone, sender), land_all(run, arrivals));
    landed.and(ordered)
}

async fn steps_of(run: &Run) -> Result<Vec<StepRecord>> {
    run.local.store.cluster_steps(&run.plan.hash).await
}

/// Dropping the sender at its end is what ends the landing.
async fn order(
    run: &Arc<Run>,
    settings: &PhotonSettings,
    client: &Client,
    ready: Vec<usize>,
    gone: BTreeSet<TableIdent>,
    sender: UnboundedSender<Arrival>,
) -> Result<()> {
    let places: HashMap<TableIdent, usize> =
        ready.iter().filter_map(|index| Some((run.copy(*index)?.target.clone(), *index))).collect();
    let engine = match Engine::new(client.clone(), run.local.store.clone(), settings.clone()) {
        Ok(engine) => engine,
        Err(error) => return refuse(run, &ready, &error).await,
    };
    if !ready.is_empty()
        && let Err(error) = lend(run, settings, client).await
    {
        take_back(run, settings, client).await?;
        return refuse(run, &ready, &error).await;
    }
    let order = Order {
        plan_hash: run.plan.hash.clone(),
        run_id: run.live.run_id.clone(),
        attempt: engine.next_attempt(&run.plan.hash).await?,
        tables: ready.iter().filter_map(|index| run.copy(*index).cloned()).collect(),
        gone,
    };
    let watcher = Watcher {
        run: Arc::clone(run),
        places,
        sender: sender.clone(),
        steps: Mutex::default(),
        arrived: Mutex::default(),
    };
    let results = engine.run(&order, &watcher, &run.live.cancel).await;
    let arrived = std::mem::take(&mut *watcher.arrived.lock().unwrap_or_else(PoisonError::into_inner));
    for result in results? {
        if let Some(index) = watcher.places.get(&result.target).filter(|index| !arrived.contains(index)) {
            // The receiver is gone only after the landing failed, whose error is returned.
            let _ = sender.send(Arrival { index: *index, result, anew: false });
        }
    }
    take_back(run, settings, client).await
}

/// Takes away what was lent, by whichever process: a resume of a run that is over does it, too. A cluster that still runs may
/// be about to start another task that needs it.
async fn take_back(run: &Run, settings: &PhotonSettings, client: &Client) -> Result<()> {
    let keys: Vec<String> = settings.secret_conf.values().map(|name| secrets::key(&run.plan.hash, name)).collect();
    if keys.is_empty() || settings.keep_secrets || steps_of(run).await?.iter().any(StepRecord::is_open) {
        return Ok(());
    }
    if let Err(error) = secrets::remove(client, &keys).await {
        tracing::warn!(%error, "the secrets of the clusters are left in the workspace's scope; a resume takes them away");
    }
    Ok(())
}

/// Puts into the workspace's scope what the clusters need to reach the source.
async fn lend(run: &Run, settings: &PhotonSettings, client: &Client) -> Result<()> {
    if settings.secret_conf.is_empty() {
        return Ok(());
    }
    let spec = run.local.store.catalog(&run.plan.source).await?;
    let own = run.local.secrets_of(&spec).await?;
    let mut lent: Vec<(String, Secret)> = Vec::new();
    for name in settings.secret_conf.values().collect::<BTreeSet<_>>() {
        let secret = own.get(name).cloned().ok_or_else(|| {
            Error::new(Code::CredentialsMissing, format!("the source has no secret `{name}` for the clusters"))
                .about(&spec.name)
                .with_hint("Save the source with it, or name another in secret_conf.")
        })?;
        lent.push((secrets::key(&run.plan.hash, name), secret));
    }
    secrets::put(client, &lent, settings.single_user.as_deref()).await
}

async fn refuse(run: &Arc<Run>, ready: &[usize], error: &Error) -> Result<()> {
    for index in ready {
        if let Some(planned) = run.plan.tables.get(*index) {
            run.give_up(*index, planned, error.clone()).await?;
        }
    }
    Ok(())
}

/// Each table is validated as soon as its cluster is done with it, while others still copy.
async fn land_all(run: &Arc<Run>, mut arrivals: UnboundedReceiver<Arrival>) -> Result<()> {
    let mut landing = JoinSet::new();
    let mut first_error = None;
    let mut open = true;
    let at_once = run.plan.settings.max_parallel_tables.max(1);
    while open || !landing.is_empty() {
        tokio::select! {
            arrival = arrivals.recv(), if open && landing.len() < at_once => match arrival {
                Some(arrival) => {
                    let run = Arc::clone(run);
                    landing.spawn(async move { run.land(arrival).await });
                }
                None => open = false,
            },
            Some(landed) = landing.join_next(), if !landing.is_empty() => {
                let landed = landed.map_err(|e| Error::internal("a table's task panicked").with_cause(e));
                if let Err(error) = landed.and_then(|landed| landed) {
                    first_error.get_or_insert(error);
                }
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}

impl Run {
    fn copy(&self, index: usize) -> Option<&ClusterCopy> {
        self.plan.tables.get(index)?.cluster.as_ref()
    }

    /// Whether the table may be ordered; if so, whether the target has something of it already.
    async fn look(&self, index: usize, prior: &PriorSteps) -> Result<Option<(usize, bool)>> {
        let Some(planned) = self.plan.tables.get(index) else { return Ok(None) };
        match guarded(self.make_ready(index, planned, prior).boxed()).await {
            Ok(there) => Ok(Some((index, there))),
            Err(error) => self.give_up(index, planned, error).await.map(|()| None),
        }
    }

    async fn make_ready(&self, index: usize, planned: &PlannedTable, prior: &PriorSteps) -> Result<bool> {
        self.not_cancelled()?;
        let copy = self.copy(index);
        let there = match adoption::find(self.target.as_ref(), planned, &self.plan.hash).await {
            Ok(found) => found.is_some(),
            Err(error) if copy.is_some_and(|copy| prior.may_have_left(copy.method, &copy.target, &error)) => true,
            Err(error) => return Err(error),
        };
        // A cluster may be at it although this side gave up.
        let at_work = copy.is_some_and(|copy| prior.open.contains(&copy.target));
        let begun = there || at_work || self.begun.contains(&index);
        let strictness = if begun { Strictness::Readable } else { Strictness::Current };
        pin::check(self.source.as_ref(), planned, strictness).await?;
        self.step(index, planned, TableStep::new(TableState::Copying, &planned.target)).await?;
        if let Some(table) = self.live.tables.get(index) {
            table.restart();
        }
        self.ensure_namespace(planned).await?;
        Ok(there)
    }

    async fn land(&self, arrival: Arrival) -> Result<()> {
        let index = arrival.index;
        let Some(planned) = self.plan.tables.get(index) else { return Ok(()) };
        match guarded(self.arrive(planned, arrival).boxed()).await {
            Ok(()) => self.follow_up(index, planned).await,
            Err(error) => self.give_up(index, planned, error).await,
        }
    }

    async fn arrive(&self, planned: &PlannedTable, Arrival { index, result, anew }: Arrival) -> Result<()> {
        if result.end != CopyEnd::Done {
            let silent = || Error::internal("the result of a table on a cluster has no error");
            return Err(result.error.clone().unwrap_or_else(silent));
        }
        let table = adoption::find(self.target.as_ref(), planned, &self.plan.hash).await?.ok_or_else(|| {
            Error::new(
                Code::TableNotFound,
                "the cluster says that it copied the table, and the target does not have it",
            )
            .about(&planned.target)
            .with_hint("Resume the run: the table is copied again.")
        })?;
        if let (Some(live), Some(rows)) = (self.live.tables.get(index), result.rows_done) {
            live.reached(rows, rows);
        }
        let found = result.validation.clone();
        let compared = self.local.store.outcome_of_plan(&self.plan.hash, &planned.source).await?;
        let compared = compared.and_then(|outcome| outcome.cluster).and_then(|cluster| cluster.target_snapshot_id);
        if let (Some(found), Some(client)) = (&found, &self.client) {
            documents::download(&self.local, client, &found.docs, &self.live.cancel).await;
            if let Some(live) = self.live.tables.get(index) {
                live.change(|run| run.documents = documents::page(&self.local.state_dir, &found.docs));
            }
        }
        let snapshot = table.metadata.current_snapshot_id;
        let mut outcome = outcome(result, &table, anew);
        if let Some(cluster) = &mut outcome.cluster {
            // The one at which it was found first: that is what the cluster compared.
            cluster.target_snapshot_id = compared.filter(|_| !anew).or(cluster.target_snapshot_id).or(snapshot);
        }
        let then = outcome.cluster.as_ref().and_then(|cluster| cluster.target_snapshot_id);
        let landed = Landed { outcome, table, measured: None };
        let note = if anew { "" } else { "a cluster had copied this table for this plan before" };
        self.landed(index, planned, &landed, note).await?;

        self.not_cancelled()?;
        let reads_here =
            self.plan.settings.photon.as_ref().is_none_or(|settings| settings.reads_here(planned.estimate.bytes));
        let wanted = self.plan.settings.photon.as_ref().is_some_and(|settings| settings.great_expectations);
        if !reads_here {
            self.step(index, planned, TableStep::new(TableState::Validating, &planned.target)).await?;
            if snapshot != then {
                return Err(Error::new(Code::ValidationFailed, "the target has changed since the cluster compared it")
                    .about(&planned.target)
                    .with_hint("`icebridge validate` compares it as it is now, by IceBridge's own reader."));
            }
            return self.conclude(index, planned, validate::cluster::alone(planned, snapshot, found.as_ref())).await;
        }
        let source = pin::pinned(self.source.as_ref(), planned).await?;
        let mut validation = self.compare(index, planned, &source, landed).await?;
        if wanted {
            validate::cluster::also(&mut validation, found.as_ref());
        }
        self.conclude(index, planned, validation).await
    }
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
    run: Arc<Run>,
    /// By the target's name on the cluster.
    places: HashMap<TableIdent, usize>,
    sender: UnboundedSender<Arrival>,
    steps: Mutex<HashMap<String, Vec<usize>>>,
    arrived: Mutex<HashSet<usize>>,
}

impl Watcher {
    fn show(&self, step: &str, change: impl Fn(&mut ClusterView)) {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        for index in steps.get(step).into_iter().flatten() {
            let Some(table) = self.run.live.tables.get(*index) else { continue };
            if table.snapshot().state != TableState::Copying {
                continue;
            }
            table.change(|run| {
                let view = run.cluster.get_or_insert_with(ClusterView::default);
                view.step = step.to_string();
                change(view);
            });
            self.run.live.emit_table(&self.run.local, *index);
        }
    }
}

#[async_trait]
impl Observer for Watcher {
    async fn step(&self, record: &StepRecord) -> Result<()> {
        let indexes = record.tables().filter_map(|copy| self.places.get(&copy.target).copied()).collect();
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).insert(record.step.clone(), indexes);
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
                if let Some(index) = self.places.get(&result.target) {
                    self.arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(*index);
                    let _ = self.sender.send(Arrival { index: *index, result: result.clone(), anew: true });
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
                let table = self.places.get(&target).and_then(|index| self.run.live.tables.get(*index));
                if let Some(table) = table {
                    table.reached(rows_done, rows_total);
                }
            }
            ClusterEvent::Trouble { step, since, error, .. } => self.show(&step, |view| {
                view.message = format!("no answer from the workspace since {since}: {error}; the cluster goes on");
            }),
            ClusterEvent::Recovered { step } => self.show(&step, |view| view.message.clear()),
        }
    }
}

//! What the tables of one run share, and one table's migration within it.

use super::empty_tables::StagingRefused;
use super::environment::Environment;
use super::layouts::SpecsRefused;
use super::live::{ActiveRun, LiveTable};
use super::used_places::Found;
use crate::LocalState;
use crate::governance::OncePerRun;
use crate::ledger::{TABLE_STATE, TableStep};
use crate::limiter::CommitLimiter;
use crate::preflight::TargetKind;
use icebridge_databricks::Client;
use icebridge_lakehouse::{Catalog, TargetCatalog};
use icebridge_metrics::Metrics;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::plan::{Plan, PlannedTable, Settings};
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::{Code, Error, Result};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::{Mutex, OnceCell, Semaphore};

pub(super) struct RunContext {
    pub local: LocalState,
    pub environment: Arc<dyn Environment>,
    pub plan: Plan,
    /// What tells this state from others, for those who meet in one target.
    pub owner: String,
    pub source: Arc<dyn Catalog>,
    pub target: Arc<dyn TargetCatalog>,
    /// Of the target's workspace, where it has one.
    pub client: Option<Client>,
    pub writers: Arc<Semaphore>,
    pub commits: CommitLimiter,
    /// Its tables are the plan's, in the plan's order.
    pub live: Arc<ActiveRun>,
    /// Tables whose copy began before this process did.
    begun: HashSet<usize>,
    /// Namespaces known to be there; one table at a time makes a new one.
    namespaces: Mutex<HashSet<Vec<String>>>,
    pub governance: OncePerRun,
    pub specs_refused: SpecsRefused,
    pub staging_refused: StagingRefused,
    /// Every table of the target, as it was when somebody first asked.
    pub in_target: OnceCell<Vec<Found>>,
}

/// Both ends, open before a run is made: a run that cannot begin leaves no trace.
pub(super) struct Opened {
    pub environment: Arc<dyn Environment>,
    pub source: Arc<dyn Catalog>,
    pub target: Arc<dyn TargetCatalog>,
    pub client: Option<Client>,
}

impl Opened {
    pub async fn new(local: &LocalState, plan: &Plan, environment: Arc<dyn Environment>) -> Result<Self> {
        let source = environment.source(local, &plan.source).await?;
        let target = match works_here(plan) {
            true => environment.target(local, &plan.target).await?,
            false => environment.target_of_clusters(local, &plan.target).await?,
        };
        let client = environment.client(local, &plan.target).await?;
        if client.is_none() && plan.tables.iter().any(|table| table.cluster.is_some()) {
            return Err(Error::invalid(
                "the plan gives tables to clusters, and the target is no catalog of a workspace",
            )
            .about(&plan.target)
            .with_hint("Make the plan again."));
        }
        Ok(Self { environment, source, target, client })
    }
}

/// The usual limit is for a workspace, which bounds the commits of everybody in it. Other catalogs publish no bound: those on
/// the network slow down by themselves, and a folder of this machine has nothing to protect. One that was chosen always holds.
pub(crate) fn commit_limit(target: &CatalogSpec, settings: &Settings, metrics: Metrics) -> CommitLimiter {
    match TargetKind::of(target) {
        TargetKind::Unity => CommitLimiter::per_minute(settings.max_commits_per_min, metrics),
        _ if settings.max_commits_per_min == Settings::default().max_commits_per_min => {
            CommitLimiter::unlimited(metrics)
        }
        _ => CommitLimiter::per_minute(settings.max_commits_per_min, metrics),
    }
}

/// Whether this process writes or reads a table of the target: only then the target must be open to it.
pub(super) fn works_here(plan: &Plan) -> bool {
    let photon = plan.settings.photon.as_ref();
    let reads = |table: &PlannedTable| photon.is_none_or(|photon| photon.reads_here(table.estimate.bytes));
    plan.tables.iter().any(|table| table.cluster.is_none() || reads(table))
}

impl RunContext {
    pub async fn new(
        local: LocalState,
        opened: Opened,
        plan: Plan,
        live: Arc<ActiveRun>,
        begun: HashSet<usize>,
    ) -> Result<Self> {
        let owner = local.store.identity().await?;
        let commits = commit_limit(opened.target.spec(), &plan.settings, local.metrics.clone());
        let specs_refused = SpecsRefused::remembered(&local, &plan, opened.client.as_ref()).await?;
        let staging_refused =
            StagingRefused::remembered(&local, &plan, opened.target.as_ref(), opened.client.as_ref()).await?;
        Ok(Self {
            local,
            owner,
            environment: opened.environment,
            source: opened.source,
            target: opened.target,
            client: opened.client,
            writers: Arc::new(Semaphore::new(plan.settings.max_parallel_writers)),
            commits,
            live,
            begun,
            namespaces: Mutex::default(),
            governance: OncePerRun::default(),
            specs_refused,
            staging_refused,
            in_target: OnceCell::new(),
            plan,
        })
    }

    pub fn not_cancelled(&self) -> Result<()> {
        if self.live.cancel.is_cancelled() {
            return Err(cancelled());
        }
        Ok(())
    }

    /// Whether an error comes from the run's own cancellation.
    pub fn is_cancelled(&self, error: &Error) -> bool {
        error.code == Code::Cancelled && self.live.cancel.is_cancelled()
    }
}

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the run was cancelled")
}

/// One table's migration. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub(super) struct Migration {
    pub run: Arc<RunContext>,
    /// Of the plan's tables, and so of the live ones. Only [`Migration::all`] makes one.
    index: usize,
}

impl Migration {
    /// Of every table, in the plan's order.
    pub fn all(run: &Arc<RunContext>) -> Vec<Self> {
        (0..run.plan.tables.len()).map(|index| Self { run: Arc::clone(run), index }).collect()
    }

    pub fn planned(&self) -> &PlannedTable {
        &self.run.plan.tables[self.index]
    }

    pub fn live(&self) -> &Arc<LiveTable> {
        &self.run.live.tables[self.index]
    }

    /// Its copy began before this process did.
    pub fn has_begun(&self) -> bool {
        self.run.begun.contains(&self.index)
    }

    pub fn state(&self) -> TableState {
        self.live().state()
    }

    pub async fn ensure_namespace(&self) -> Result<()> {
        let target = &self.planned().target;
        let mut known = self.run.namespaces.lock().await;
        if !known.contains(&target.namespace) {
            self.run.target.ensure_namespace(&target.namespace).await.map_err(|e| e.about(target))?;
            known.insert(target.namespace.clone());
        }
        Ok(())
    }

    pub async fn enter(&self, state: TableState) -> Result<()> {
        self.record(TableStep::new(state, &self.planned().target)).await
    }

    /// Writes a step down, and then shows it. An error means that the journal cannot be written.
    pub async fn record(&self, step: TableStep) -> Result<()> {
        let source = self.planned().source.to_string();
        self.run.local.store.append(&self.run.live.run_id, &source, TABLE_STATE, step.to_body()?).await?;
        self.show(step);
        Ok(())
    }

    /// A step that made something, which is kept with its checksums.
    pub async fn record_made(&self, step: TableStep, outcome: &CopyOutcome) -> Result<()> {
        let step = step.outcome(outcome);
        let entry = (TABLE_STATE, step.to_body()?);
        let (run, source) = (&self.run, &self.planned().source);
        run.local.store.save_outcome(&run.live.run_id, &run.plan.hash, source, outcome, entry).await?;
        self.show(step);
        Ok(())
    }

    /// Writes down why the table is not migrated.
    pub async fn give_up(&self, error: Error) -> Result<()> {
        self.record(self.given_up(error)).await
    }

    fn given_up(&self, error: Error) -> TableStep {
        let planned = self.planned();
        let error = error.about(&planned.source).or_usual_hint();
        let step = if self.run.is_cancelled(&error) {
            TableStep::new(TableState::Cancelled, &planned.target)
                .note("what was finished is kept: a resume, or another run of the same plan, goes on from there")
        } else {
            tracing::warn!(code = %error.code, %error, "the table failed");
            TableStep::new(TableState::Failed, &planned.target)
        };
        step.error(error)
    }

    /// Tables of one cancelled run that have not begun: together, since there may be many thousands of them.
    pub async fn cancel_all(tables: Vec<Self>) -> Result<()> {
        let Some(first) = tables.first() else { return Ok(()) };
        let run = Arc::clone(&first.run);
        let steps: Vec<TableStep> = tables.iter().map(|table| table.given_up(cancelled())).collect();
        let bodies =
            tables.iter().zip(&steps).map(|(table, step)| Ok((table.planned().source.clone(), step.to_body()?)));
        run.local.store.append_all(&run.live.run_id, TABLE_STATE, bodies.collect::<Result<_>>()?).await?;
        // One line and no event a table: who looks on asks again when the run has ended.
        tracing::info!(tables = tables.len(), "tables that had not begun are cancelled");
        for (table, step) in tables.iter().zip(steps) {
            table.live().step(step.state, step.error, step.outcome);
        }
        Ok(())
    }

    fn show(&self, step: TableStep) {
        tracing::info!(
            table = %self.planned().source,
            state = step.state.as_str(),
            note = step.note,
            code = step.error.as_ref().map(|error| error.code.as_str()),
            "table state"
        );
        self.live().step(step.state, step.error, step.outcome);
        self.emit();
    }

    pub fn emit(&self) {
        self.run.live.mark_changed(self.index);
    }
}

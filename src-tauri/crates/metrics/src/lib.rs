//! What is counted while the programs work, in the text format of Prometheus. The list of all metrics is in
//! docs/metrics.md; a test compares.
//!
//! Nothing is counted twice: where the product knows a number already (a run's counters), it is read when it is asked for
//! ([`Watched`]). Labels have values from lists in the source alone. Names of tables, catalogs, hosts and people are no
//! labels.

mod at_work;
mod copied;
mod labels;
mod list;
mod requests;
#[cfg(test)]
mod tests;

pub use at_work::AtWork;
pub use copied::Copied;
pub use labels::Stage;
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
pub use requests::{Requests, Waiting, Waits};

use icebridge_model::copy_mode::EngineKind;
use icebridge_model::event::Event;
use icebridge_model::photon::ClusterStage;
use icebridge_model::run::{CopyOutcome, RunCounters, RunState, TableState};
use icebridge_model::sync::{SyncState, SyncView};
use icebridge_model::validation::Validation;
use labels::{ByCommit, ByStage, ByState, ByStateAndEngine, ByVerdict, ByWay, gauge};
use list::List;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A run at work, whose numbers are read when they are asked for.
pub trait Watched: Send + Sync {
    fn progress(&self) -> Progress;
}

#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub counters: RunCounters,
    /// That may be at work in this process at the same time.
    pub parallel_tables: usize,
    /// Of each table that a cluster copies.
    pub cluster_stages: Vec<ClusterStage>,
}

/// All metrics. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    list: List,
    run: Mutex<Option<Weak<dyn Watched>>>,
}

static OF_PROCESS: LazyLock<Metrics> = LazyLock::new(Metrics::default);

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("icebridge");
        let list = List::register(&mut registry);
        Self(Arc::new(Inner { registry, list, run: Mutex::new(None) }))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// The ones that this process serves.
    pub fn of_process() -> Self {
        OF_PROCESS.clone()
    }

    /// As they are now.
    pub fn text(&self) -> String {
        self.read_run();
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = prometheus_text::encode(&mut text, &self.0.registry);
        text
    }

    /// Times a stage until what is returned is dropped.
    pub fn stage(&self, stage: Stage) -> AtWork {
        AtWork::begin(&self.0.list, stage)
    }

    /// For the bytes and rows of one table's copy.
    pub fn copied(&self, engine: EngineKind) -> Copied {
        Copied::of(&self.0.list, engine)
    }

    /// For one family of one kind of server.
    pub fn requests(&self, family: &'static str) -> Requests {
        Requests::of(&self.0.list, family)
    }

    /// For the turns of a run's commits.
    pub fn commit_waits(&self) -> Waits {
        Waits::of(&self.0.list, list::COMMITS)
    }

    /// A table goes from one state to the next, in which it was so long.
    pub fn table_step(&self, (from, to): (TableState, TableState), engine: EngineKind, lasted: Duration) {
        let list = &self.0.list;
        if !from.is_terminal() {
            let labels = ByStateAndEngine { state: from.as_str(), engine: engine.as_str() };
            list.table_stages.get_or_create(&labels).observe(lasted.as_secs_f64());
        }
        if to.is_terminal() {
            let labels = ByStateAndEngine { state: to.as_str(), engine: engine.as_str() };
            list.tables_ended.get_or_create(&labels).inc();
        }
    }

    /// The target has the table.
    pub fn committed(&self, engine: EngineKind, outcome: Option<&CopyOutcome>) {
        let list = &self.0.list;
        let adopted = outcome.is_some_and(|outcome| outcome.adopted);
        let how = if adopted { "found" } else { "made" };
        list.commits.get_or_create(&ByCommit { outcome: how, engine: engine.as_str() }).inc();
        // What is found has the files of whoever made it.
        for (way, files) in outcome.filter(|_| !adopted).map(labels::files).into_iter().flatten() {
            list.files.get_or_create(&ByWay { way }).inc_by(files);
        }
    }

    pub fn commit_attempted(&self) {
        self.0.list.commit_attempts.inc();
    }

    /// The catalog refused an attempt as a conflict.
    pub fn commit_conflicted(&self) {
        self.0.list.commit_conflicts.inc();
    }

    pub fn validated(&self, validation: &Validation) {
        let labels = ByVerdict {
            verdict: if validation.passed { "equal" } else { "different" },
            proof: validation.proof.as_str(),
            engine: validation.read_by.as_str(),
        };
        self.0.list.verdicts.get_or_create(&labels).inc();
    }

    /// A look at the tables of a run, or a round of them.
    pub fn synced(&self, view: &SyncView) {
        let list = &self.0.list;
        list.sync_rounds.inc_by(view.tables.iter().filter(|table| table.made.is_some()).count() as u64);
        for state in SyncState::ALL {
            let tables = view.count(state) as u64;
            list.sync_tables.get_or_create(&ByState { state: state.as_str() }).set(gauge(tables));
        }
        let lags = || view.tables.iter().map(|table| &table.lag);
        list.sync_behind_snapshots.set(gauge(lags().map(|lag| lag.snapshots).fold(0, u64::saturating_add)));
        list.sync_behind_rows.set(gauge(lags().filter_map(|lag| lag.rows).fold(0, u64::saturating_add)));
        list.sync_behind_seconds.set(gauge(lags().map(|lag| lag.seconds).max().unwrap_or(0)));
    }

    /// What long operations say while they work.
    pub fn event(&self, event: &Event) {
        match event {
            Event::Inventory { done, total, .. } => {
                self.0.list.inventory_read.set(gauge(*done as u64));
                self.0.list.inventory_found.set(gauge(*total as u64));
            }
            Event::Run { state, .. } => self.run_state(*state),
            // A run's numbers are read when they are asked for, which is never too late.
            Event::Changes(_)
            | Event::SignIn { .. }
            | Event::Unity { .. }
            | Event::Sync { .. }
            | Event::SyncJob { .. }
            | Event::CutOver { .. } => {}
        }
    }

    fn run_state(&self, entered: RunState) {
        let list = &self.0.list;
        list.runs.get_or_create(&ByState { state: entered.as_str() }).inc();
        for state in RunState::ALL {
            list.run_state.get_or_create(&ByState { state: state.as_str() }).set(i64::from(state == entered));
        }
    }

    /// From now on the gauges of a run are those of this one.
    pub fn watch(&self, run: Weak<dyn Watched>) {
        *self.watched() = Some(run);
        self.read_run();
    }

    /// The run ends: what it says now stays.
    pub fn unwatch(&self) {
        self.read_run();
        *self.watched() = None;
    }

    fn watched(&self) -> MutexGuard<'_, Option<Weak<dyn Watched>>> {
        self.0.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock, so that of two readers the later one's numbers stay.
    fn read_run(&self) {
        let watched = self.watched();
        let Some(run) = watched.as_ref().and_then(Weak::upgrade) else { return };
        let Progress { counters, parallel_tables, cluster_stages } = run.progress();
        let list = &self.0.list;
        for state in TableState::ALL {
            let tables = counters.of(state) as u64;
            list.run_tables.get_or_create(&ByState { state: state.as_str() }).set(gauge(tables));
        }
        for stage in ClusterStage::ALL {
            let tables = cluster_stages.iter().filter(|one| *one == stage).count() as u64;
            list.run_cluster_tables.get_or_create(&ByStage { stage: stage.as_str() }).set(gauge(tables));
        }
        list.run_parallel_tables.set(gauge(parallel_tables as u64));
        list.run_planned_bytes.set(gauge(counters.bytes_to_copy));
        list.run_done_bytes.set(gauge(counters.bytes_done));
        list.run_planned_rows.set(gauge(counters.rows));
        list.run_copied_rows.set(gauge(counters.rows_copied));
    }
}

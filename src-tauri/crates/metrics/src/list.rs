//! Every metric there is, with its name, unit and meaning.

use crate::labels::*;
use icebridge_model::copy_mode::EngineKind;
use icebridge_model::photon::ClusterStage;
use icebridge_model::run::{CopyOutcome, RunState, TableState};
use icebridge_model::sync::SyncState;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub const COMMITS: &str = "commits";
const ENGINES: [EngineKind; 2] = [EngineKind::Embedded, EngineKind::Photon];

pub type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

pub struct List {
    pub stages: Histograms<ByStage>,
    pub stages_at_work: Family<ByStage, Gauge>,
    pub inventory_found: Gauge,
    pub inventory_read: Gauge,
    pub runs: Family<ByState, Counter>,
    pub run_state: Family<ByState, Gauge>,
    pub run_tables: Family<ByState, Gauge>,
    pub run_cluster_tables: Family<ByStage, Gauge>,
    pub run_parallel_tables: Gauge,
    pub run_planned_bytes: Gauge,
    pub run_done_bytes: Gauge,
    pub run_planned_rows: Gauge,
    pub run_copied_rows: Gauge,
    pub table_stages: Histograms<ByStateAndEngine>,
    pub tables_ended: Family<ByStateAndEngine, Counter>,
    pub copied_bytes: Family<ByEngine, Counter>,
    pub copied_rows: Family<ByEngine, Counter>,
    pub files: Family<ByWay, Counter>,
    pub commits: Family<ByCommit, Counter>,
    pub commit_attempts: Counter,
    pub commit_conflicts: Counter,
    pub verdicts: Family<ByVerdict, Counter>,
    pub sync_rounds: Counter,
    pub sync_tables: Family<ByState, Gauge>,
    pub sync_behind_snapshots: Gauge,
    pub sync_behind_rows: Gauge,
    pub sync_behind_seconds: Gauge,
    pub requests: Family<ByFamily, Counter>,
    pub retries: Family<ByFamily, Counter>,
    pub throttled: Family<ByFamily, Counter>,
    pub waits: Histograms<ByLimiter>,
    pub waiting: Family<ByLimiter, Gauge>,
}

/// From ten milliseconds to half a day: the smallest table and the largest.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 4.0, 12))
}

/// From a millisecond to the five minutes that a server may ask for.
fn waits() -> Histogram {
    Histogram::new([0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0])
}

impl List {
    pub fn register(registry: &mut Registry) -> Self {
        let list = Self {
            stages: Family::new_with_constructor(durations),
            stages_at_work: Family::default(),
            inventory_found: Gauge::default(),
            inventory_read: Gauge::default(),
            runs: Family::default(),
            run_state: Family::default(),
            run_tables: Family::default(),
            run_cluster_tables: Family::default(),
            run_parallel_tables: Gauge::default(),
            run_planned_bytes: Gauge::default(),
            run_done_bytes: Gauge::default(),
            run_planned_rows: Gauge::default(),
            run_copied_rows: Gauge::default(),
            table_stages: Family::new_with_constructor(durations),
            tables_ended: Family::default(),
            copied_bytes: Family::default(),
            copied_rows: Family::default(),
            files: Family::default(),
            commits: Family::default(),
            commit_attempts: Counter::default(),
            commit_conflicts: Counter::default(),
            verdicts: Family::default(),
            sync_rounds: Counter::default(),
            sync_tables: Family::default(),
            sync_behind_snapshots: Gauge::default(),
            sync_behind_rows: Gauge::default(),
            sync_behind_seconds: Gauge::default(),
            requests: Family::default(),
            retries: Family::default(),
            throttled: Family::default(),
            waits: Family::new_with_constructor(waits),
            waiting: Family::default(),
        };
        registry.register(
            "build",
            "Always 1. The version of this program",
            Info::new(ByVersion { version: env!("CARGO_PKG_VERSION") }),
        );
        list.register_stages(registry);
        list.register_run(registry);
        list.register_tables(registry);
        list.register_sync(registry);
        list.register_requests(registry);
        list.begin_at_zero();
        list
    }

    fn register_stages(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "stage_duration",
            "How long each stage took, whatever came of it. A stage that is still at work is not in it",
            Unit::Seconds,
            self.stages.clone(),
        );
        registry.register("stage_at_work", "How many of each stage are at work now", self.stages_at_work.clone());
        registry.register(
            "inventory_found_tables",
            "Tables that the last inventory has to read",
            self.inventory_found.clone(),
        );
        registry.register("inventory_read_tables", "Tables that it has read so far", self.inventory_read.clone());
    }

    fn register_sync(&self, registry: &mut Registry) {
        registry.register("sync_rounds", "Rounds of tables that this process committed", self.sync_rounds.clone());
        registry.register(
            "sync_tables",
            "Tables of the last look or round, by how they stand to their sources",
            self.sync_tables.clone(),
        );
        registry.register(
            "sync_behind_snapshots",
            "Snapshots that the sources of those tables have got since",
            self.sync_behind_snapshots.clone(),
        );
        registry.register(
            "sync_behind_rows",
            "Rows that those snapshots added and deleted, where all of a table's say so",
            self.sync_behind_rows.clone(),
        );
        registry.register_with_unit(
            "sync_behind",
            "Time since the oldest snapshot that a target lacks was committed, at the last look or round",
            Unit::Seconds,
            self.sync_behind_seconds.clone(),
        );
    }

    fn register_run(&self, registry: &mut Registry) {
        registry.register(
            "runs",
            "How often a run entered each state; running counts starts and resumes",
            self.runs.clone(),
        );
        registry.register("run_state", "1 for the state of the last run, 0 for all others", self.run_state.clone());
        registry.register("run_tables", "Tables of the last run by their state now", self.run_tables.clone());
        registry.register(
            "run_cluster_tables",
            "Tables of the last run that a cluster copies, by how far the cluster is",
            self.run_cluster_tables.clone(),
        );
        registry.register(
            "run_parallel_tables",
            "Tables of the last run that may be at work in this process at the same time",
            self.run_parallel_tables.clone(),
        );
        registry.register_with_unit(
            "run_planned",
            "Bytes that the last run has to copy, by the plan's estimate",
            Unit::Bytes,
            self.run_planned_bytes.clone(),
        );
        registry.register_with_unit(
            "run_done",
            "Of the planned bytes, those of tables that are copied, and what is copied of the others",
            Unit::Bytes,
            self.run_done_bytes.clone(),
        );
        registry.register(
            "run_planned_rows",
            "Rows of the last run's tables, by the plan",
            self.run_planned_rows.clone(),
        );
        registry.register(
            "run_copied_rows",
            "Rows of the last run that were read for the copy; a copy of whole files reads none",
            self.run_copied_rows.clone(),
        );
    }

    fn register_tables(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "table_stage_duration",
            "How long tables stayed in each state of a run, observed when they leave it",
            Unit::Seconds,
            self.table_stages.clone(),
        );
        registry.register("tables_ended", "Tables that entered a last state", self.tables_ended.clone());
        registry.register_with_unit(
            "copied",
            "Bytes of source files that were copied, or that lay there from an attempt before. A copy that begins again counts again",
            Unit::Bytes,
            self.copied_bytes.clone(),
        );
        registry.register(
            "copied_rows",
            "Rows that were read for copies, or that a cluster says it copied. A copy that begins again counts again",
            self.copied_rows.clone(),
        );
        registry.register(
            "files",
            "Files of the tables that were committed, by how they were made",
            self.files.clone(),
        );
        registry.register(
            "commits",
            "Tables that are in the target: made by this process, or found there from the same plan",
            self.commits.clone(),
        );
        registry.register(
            "commit_attempts",
            "Attempts of this process to commit a table, the first ones too",
            self.commit_attempts.clone(),
        );
        registry.register(
            "commit_conflicts",
            "Attempts that the catalog refused as a conflict with another commit",
            self.commit_conflicts.clone(),
        );
        registry.register(
            "verdicts",
            "Comparisons of source and target by what they found, how much that proves, and who read",
            self.verdicts.clone(),
        );
    }

    fn register_requests(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests to catalogs, workspaces, hooks and collectors of traces that were sent, retries too, by family of their API",
            self.requests.clone(),
        );
        registry.register("http_retries", "Requests that were sent again after a failure", self.retries.clone());
        registry.register(
            "http_throttled",
            "Answers that asked for fewer requests, such as status 429",
            self.throttled.clone(),
        );
        registry.register_with_unit(
            "limiter_wait",
            "How long a request or a commit waited for its turn, observed when the wait is over",
            Unit::Seconds,
            self.waits.clone(),
        );
        registry.register("limiter_waiting", "Requests and commits that wait for their turn now", self.waiting.clone());
    }

    /// Whoever looks must tell "none" from "not known".
    fn begin_at_zero(&self) {
        for stage in Stage::ALL {
            let labels = ByStage { stage: stage.as_str() };
            drop(self.stages.get_or_create(&labels));
            drop(self.stages_at_work.get_or_create(&labels));
        }
        for state in RunState::ALL {
            let labels = ByState { state: state.as_str() };
            drop(self.runs.get_or_create(&labels));
            drop(self.run_state.get_or_create(&labels));
        }
        for state in TableState::ALL {
            drop(self.run_tables.get_or_create(&ByState { state: state.as_str() }));
        }
        for stage in ClusterStage::ALL {
            drop(self.run_cluster_tables.get_or_create(&ByStage { stage: stage.as_str() }));
        }
        for engine in ENGINES.map(EngineKind::as_str) {
            for outcome in ["made", "found"] {
                drop(self.commits.get_or_create(&ByCommit { outcome, engine }));
            }
            for state in TableState::ALL.into_iter().filter(|state| state.is_terminal()) {
                drop(self.tables_ended.get_or_create(&ByStateAndEngine { state: state.as_str(), engine }));
            }
            for state in TableState::ALL.into_iter().filter(|state: &TableState| !state.is_terminal()) {
                drop(self.table_stages.get_or_create(&ByStateAndEngine { state: state.as_str(), engine }));
            }
            drop(self.copied_bytes.get_or_create(&ByEngine { engine }));
            drop(self.copied_rows.get_or_create(&ByEngine { engine }));
        }
        for state in SyncState::ALL {
            drop(self.sync_tables.get_or_create(&ByState { state: state.as_str() }));
        }
        for (way, _) in files(&CopyOutcome::default()) {
            drop(self.files.get_or_create(&ByWay { way }));
        }
        drop(self.waits.get_or_create(&ByLimiter { limiter: COMMITS }));
        drop(self.waiting.get_or_create(&ByLimiter { limiter: COMMITS }));
    }
}

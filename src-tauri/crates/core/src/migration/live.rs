//! Runs at work in this process: their counters, and the way to cancel them.

use super::parallel::Parallel;
use crate::LocalState;
use crate::mutex::lock;
use icebridge_lakehouse::copy::Observer;
use icebridge_metrics::{Copied, Metrics, Progress, Watched};
use icebridge_model::event::{CHANGED_ROWS, Event, RunChanges};
use icebridge_model::photon::ClusterStage;
use icebridge_model::plan::{EngineKind, Settings};
use icebridge_model::run::{CopyOutcome, RunCounters, RunId, RunState, TableMigration, TableState};
use icebridge_model::view::{ViewRow, measures, rows};
use icebridge_model::{Error, TableIdent};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Ten times a second is as often as a person can see.
const TICK: Duration = Duration::from_millis(100);
/// The rate is that of the last seconds: a copy that has stalled must not show yesterday's speed.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// By run.
#[derive(Clone, Debug, Default)]
pub struct ActiveRuns(Arc<Mutex<HashMap<RunId, Arc<ActiveRun>>>>);

impl ActiveRuns {
    pub(super) fn insert(&self, run: Arc<ActiveRun>) {
        lock(&self.0).insert(run.run_id.clone(), run);
    }
    pub(super) fn remove(&self, run_id: &str) {
        lock(&self.0).remove(run_id);
    }
    /// A table of a run that is at work in this process.
    pub(super) fn table(&self, run_id: &str, source: &TableIdent) -> Option<TableMigration> {
        let run = self.get(run_id)?;
        run.tables.iter().find(|table| lock(&table.table).source == *source).map(|table| table.snapshot())
    }
    pub(super) fn counted(&self, run_id: &str) -> Option<RunCounters> {
        let run = self.get(run_id)?;
        Some(counters(&run.tables.iter().map(|table| table.counted()).collect::<Vec<_>>()))
    }
    pub(super) fn get(&self, run_id: &str) -> Option<Arc<ActiveRun>> {
        lock(&self.0).get(run_id).cloned()
    }
}

#[derive(Debug)]
pub(super) struct ActiveRun {
    pub run_id: RunId,
    pub cancel: CancellationToken,
    /// In the plan's order.
    pub tables: Vec<Arc<LiveTable>>,
    pub parallel: Parallel,
    /// Tables whose rows the next event holds.
    changed: Mutex<BTreeSet<usize>>,
}

/// What is counted for all tables is counted here, where a table's own numbers change.
#[derive(Debug)]
pub(super) struct LiveTable {
    table: Mutex<TableMigration>,
    /// By the plan.
    bytes_to_copy: u64,
    bytes: AtomicU64,
    rows: AtomicU64,
    metrics: Metrics,
    copied: Copied,
    /// When it entered its state.
    since: Mutex<Instant>,
}

impl LiveTable {
    pub fn new(table: TableMigration, bytes_to_copy: u64, metrics: Metrics) -> Self {
        let (bytes, rows) = (AtomicU64::new(table.bytes_done), AtomicU64::new(table.rows_done));
        let (copied, since) = (metrics.copied(table.engine), Mutex::new(Instant::now()));
        Self { table: Mutex::new(table), bytes_to_copy, bytes, rows, metrics, copied, since }
    }

    pub fn state(&self) -> TableState {
        lock(&self.table).state
    }

    /// A transition of the table.
    pub fn step(&self, state: TableState, error: Option<Error>, outcome: Option<CopyOutcome>) {
        let counted = self.bytes.load(Ordering::Relaxed);
        let lasted = std::mem::replace(&mut *lock(&self.since), Instant::now()).elapsed();
        self.change(|table| {
            self.metrics.table_step((table.state, state), table.engine, lasted);
            if state == TableState::Committed {
                self.metrics.committed(table.engine, outcome.as_ref());
            }
            table.state = state;
            table.error = error;
            if outcome.is_some() {
                table.outcome = outcome;
            }
            if state == TableState::Committed {
                table.bytes_total = counted;
            }
        });
    }

    /// How much of it is done, from 0 to 1.
    pub fn share(&self) -> f64 {
        let (done, whole) = measures::progress(self.state(), (self.bytes.load(Ordering::Relaxed), self.bytes_to_copy));
        (done as f64 / whole.max(1) as f64).min(1.0)
    }

    /// Where its cluster is, while one copies it.
    fn cluster_stage(&self) -> Option<ClusterStage> {
        let table = lock(&self.table);
        table.cluster.as_ref().filter(|_| table.state == TableState::Copying).map(|cluster| cluster.stage)
    }

    fn row(&self) -> ViewRow {
        let mut row = rows::of_migration(&self.snapshot());
        row.set("bytes_to_copy", self.bytes_to_copy);
        row
    }

    fn counted(&self) -> Counted {
        let table = lock(&self.table);
        Counted {
            state: table.state,
            bytes_to_copy: self.bytes_to_copy,
            bytes_copied: self.bytes.load(Ordering::Relaxed),
            rows: table.rows_total,
            rows_copied: self.rows.load(Ordering::Relaxed),
            on_cluster: table.engine == EngineKind::Photon,
            passed: table.validation.as_ref().map(|validation| validation.passed),
        }
    }

    pub fn change(&self, change: impl FnOnce(&mut TableMigration)) {
        change(&mut lock(&self.table));
    }

    /// A copy that begins again counts again.
    pub fn restart(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        self.rows.store(0, Ordering::Relaxed);
    }

    /// What a cluster reports of a copy: rows, and by them a share of the bytes.
    pub fn reached(&self, rows: u64, of: u64) {
        let total = u128::from(lock(&self.table).bytes_total);
        let share = (total * u128::from(rows.min(of))).checked_div(u128::from(of)).unwrap_or(0);
        let bytes = u64::try_from(share).unwrap_or(u64::MAX);
        // What is counted for all tables never falls.
        self.copied.rows(rows.saturating_sub(self.rows.swap(rows, Ordering::Relaxed)));
        self.copied.bytes(bytes.saturating_sub(self.bytes.swap(bytes, Ordering::Relaxed)));
    }

    pub fn snapshot(&self) -> TableMigration {
        let mut table = lock(&self.table).clone();
        table.bytes_done = self.bytes.load(Ordering::Relaxed);
        table.rows_done = self.rows.load(Ordering::Relaxed);
        table
    }
}

impl Observer for LiveTable {
    fn bytes(&self, more: u64) {
        self.copied.bytes(more);
        self.bytes.fetch_add(more, Ordering::Relaxed);
    }
    fn rows(&self, more: u64) {
        self.copied.rows(more);
        self.rows.fetch_add(more, Ordering::Relaxed);
    }
}

impl ActiveRun {
    pub fn new(run_id: RunId, cancel: CancellationToken, tables: Vec<Arc<LiveTable>>, settings: &Settings) -> Self {
        Self { run_id, cancel, tables, parallel: Parallel::of(settings), changed: Mutex::default() }
    }

    /// Its state goes out with the next event.
    pub fn mark_changed(&self, index: usize) {
        lock(&self.changed).insert(index);
    }

    /// Emits progress until it is dropped.
    pub async fn report_progress(self: Arc<Self>, local: LocalState) {
        let mut rate = Rate::default();
        let mut emitted: Vec<(u64, u64)> = vec![(0, 0); self.tables.len()];
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            let counted: Vec<Counted> = self.tables.iter().map(|table| table.counted()).collect();
            for (index, (table, emitted)) in counted.iter().zip(&mut emitted).enumerate() {
                let counts = (table.bytes_copied, table.rows_copied);
                if !table.state.is_terminal() && *emitted != counts {
                    *emitted = counts;
                    self.mark_changed(index);
                }
            }
            self.emit_changes(&local, &mut rate, &counted);
        }
    }

    /// So that the last event shows the end.
    pub fn emit_last_progress(&self, local: &LocalState) {
        let counted: Vec<Counted> = self.tables.iter().map(|table| table.counted()).collect();
        let mut rate = Rate::default();
        self.emit_changes(local, &mut rate, &counted);
        while !lock(&self.changed).is_empty() {
            self.emit_changes(local, &mut rate, &counted);
        }
    }

    fn emit_changes(&self, local: &LocalState, rate: &mut Rate, counted: &[Counted]) {
        let counters = counters(counted);
        let (bytes_per_second, seconds_left) = rate.measure(&counters, Instant::now());
        let rows = self.take_changed().into_iter().filter_map(|index| self.tables.get(index));
        local.emit(Event::Changes(RunChanges {
            run_id: self.run_id.clone(),
            counters,
            bytes_per_second,
            seconds_left,
            parallel: self.parallel.standing(),
            rows: rows.map(|table| table.row()).collect(),
        }));
    }

    /// As many as one event holds.
    fn take_changed(&self) -> Vec<usize> {
        let mut changed = lock(&self.changed);
        let taken: Vec<usize> = changed.iter().take(CHANGED_ROWS).copied().collect();
        for index in &taken {
            changed.remove(index);
        }
        taken
    }

    pub fn emit_state(&self, local: &LocalState, state: RunState) {
        local.emit(Event::Run { run_id: self.run_id.clone(), state });
    }
}

impl Watched for ActiveRun {
    fn progress(&self) -> Progress {
        Progress {
            counters: counters(&self.tables.iter().map(|table| table.counted()).collect::<Vec<_>>()),
            parallel_tables: self.parallel.tables(),
            cluster_stages: self.tables.iter().filter_map(|table| table.cluster_stage()).collect(),
        }
    }
}

/// One table at one moment.
#[derive(Clone, Copy, Debug)]
struct Counted {
    state: TableState,
    bytes_to_copy: u64,
    bytes_copied: u64,
    rows: u64,
    rows_copied: u64,
    on_cluster: bool,
    passed: Option<bool>,
}

fn counters(tables: &[Counted]) -> RunCounters {
    let mut all = RunCounters::default();
    for table in tables {
        match all.by_state.get_mut(table.state.as_str()) {
            Some(count) => *count += 1,
            None => drop(all.by_state.insert(table.state.as_str().to_string(), 1)),
        }
        // Which part is done is the state's to say; the numbers of one that is copied no longer matter.
        let (done, whole) = measures::progress(table.state, (table.bytes_copied, table.bytes_to_copy));
        all.bytes_done += if done >= whole { table.bytes_to_copy } else { done.min(table.bytes_to_copy) };
        all.bytes_to_copy += table.bytes_to_copy;
        all.bytes_copied += table.bytes_copied;
        all.rows += table.rows;
        all.rows_copied += table.rows_copied;
        all.on_clusters += usize::from(table.on_cluster);
        all.equal += usize::from(table.passed == Some(true));
        all.differ += usize::from(table.passed == Some(false));
    }
    all
}

#[derive(Default)]
struct Rate {
    seen: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Bytes a second, and the seconds that are left at that.
    fn measure(&mut self, counters: &RunCounters, now: Instant) -> (u64, Option<u64>) {
        let done = counters.bytes_done;
        self.seen.push_back((now, done));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW) {
            self.seen.pop_front();
        }
        let bytes_per_second = self.seen.front().map_or(0, |(at, bytes)| {
            let milliseconds = now.duration_since(*at).as_millis();
            let more = u128::from(done.saturating_sub(*bytes));
            u64::try_from((more * 1000).checked_div(milliseconds).unwrap_or(0)).unwrap_or(u64::MAX)
        });
        (bytes_per_second, counters.bytes_to_copy.saturating_sub(done).checked_div(bytes_per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(state: TableState, copied: u64, to_copy: u64) -> Counted {
        Counted {
            state,
            bytes_to_copy: to_copy,
            bytes_copied: copied,
            rows: 0,
            rows_copied: 0,
            on_cluster: false,
            passed: None,
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |s: u64| start + Duration::from_secs(s);
        let copied = |bytes| counters(&[table(TableState::Copying, bytes, 1000)]);
        rate.measure(&copied(0), at(0));
        assert_eq!(rate.measure(&copied(500), at(1)), (500, Some(1)));
        for s in 2..12 {
            rate.measure(&copied(500), at(s));
        }
        assert_eq!(rate.measure(&copied(500), at(12)), (0, None));
    }

    #[test]
    fn a_wrong_estimate_neither_hangs_nor_passes_the_end() {
        let tables = [table(TableState::Migrated, 10, 1000), table(TableState::Copying, 900, 700)];
        let counted = counters(&tables);
        assert_eq!((counted.bytes_copied, counted.bytes_to_copy, counted.bytes_done), (910, 1700, 1700));
        assert_eq!(counted.ended(), 1);
        assert_eq!(Rate::default().measure(&counted, Instant::now()), (0, None));
    }

    #[test]
    fn one_event_holds_some_rows_and_the_next_the_others() {
        let run = ActiveRun::new("r".into(), CancellationToken::new(), Vec::new(), &Settings::default());
        (0..CHANGED_ROWS + 5).for_each(|index| run.mark_changed(index));
        assert_eq!(
            (run.take_changed().len(), run.take_changed().len(), run.take_changed().len()),
            (CHANGED_ROWS, 5, 0)
        );
    }
}

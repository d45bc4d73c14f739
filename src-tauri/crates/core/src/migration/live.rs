//! Runs at work in this process: their counters, and the way to cancel them.

use crate::LocalState;
use crate::sync::lock;
use icebridge_lakehouse::copy::Observer;
use icebridge_model::run::{CopyOutcome, Event, Progress, RunId, RunState, TableMigration, TableState};
use icebridge_model::{Error, TableIdent};
use std::collections::{HashMap, VecDeque};
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
}

#[derive(Debug)]
pub(super) struct LiveTable {
    table: Mutex<TableMigration>,
    bytes: AtomicU64,
    rows: AtomicU64,
}

impl LiveTable {
    pub fn new(table: TableMigration) -> Self {
        Self {
            bytes: AtomicU64::new(table.bytes_done),
            rows: AtomicU64::new(table.rows_done),
            table: Mutex::new(table),
        }
    }

    pub fn state(&self) -> TableState {
        lock(&self.table).state
    }

    /// A transition of the table.
    pub fn step(&self, state: TableState, error: Option<Error>, outcome: Option<CopyOutcome>) {
        let counted = self.bytes.load(Ordering::Relaxed);
        self.change(|table| {
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
        self.rows.store(rows, Ordering::Relaxed);
        self.bytes.store(u64::try_from(share).unwrap_or(u64::MAX), Ordering::Relaxed);
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
        self.bytes.fetch_add(more, Ordering::Relaxed);
    }
    fn rows(&self, more: u64) {
        self.rows.fetch_add(more, Ordering::Relaxed);
    }
}

impl ActiveRun {
    pub fn emit_table(&self, local: &LocalState, table: &LiveTable) {
        local.emit(Event::Table { run_id: self.run_id.clone(), table: Box::new(table.snapshot()) });
    }

    /// Emits progress until it is dropped.
    pub async fn report_progress(self: Arc<Self>, local: LocalState) {
        let mut rate = Rate::default();
        let mut emitted: Vec<(u64, u64)> = vec![(0, 0); self.tables.len()];
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            let runs: Vec<TableMigration> = self.tables.iter().map(|t| t.snapshot()).collect();
            for (run, emitted) in runs.iter().zip(&mut emitted) {
                let counts = (run.bytes_done, run.rows_done);
                if !run.state.is_terminal() && *emitted != counts {
                    *emitted = counts;
                    local.emit(Event::Table { run_id: self.run_id.clone(), table: Box::new(run.clone()) });
                }
            }
            local.emit(Event::Progress(rate.progress(&self.run_id, &runs, Instant::now())));
        }
    }

    /// So that the last event shows the end.
    pub fn emit_last_progress(&self, local: &LocalState) {
        let runs: Vec<TableMigration> = self.tables.iter().map(|t| t.snapshot()).collect();
        local.emit(Event::Progress(Rate::default().progress(&self.run_id, &runs, Instant::now())));
    }

    pub fn emit_state(&self, local: &LocalState, state: RunState) {
        local.emit(Event::Run { run_id: self.run_id.clone(), state });
    }
}

#[derive(Default)]
struct Rate {
    seen: VecDeque<(Instant, u64)>,
}

impl Rate {
    fn progress(&mut self, run_id: &str, runs: &[TableMigration], now: Instant) -> Progress {
        let bytes_done: u64 = runs.iter().map(|r| r.bytes_done).sum();
        // A table that is done needs no more, whatever was estimated; one that turned out larger is as large as it is.
        let bytes_total: u64 = runs
            .iter()
            .map(|r| if r.state.is_terminal() { r.bytes_done } else { r.bytes_total.max(r.bytes_done) })
            .sum();
        self.seen.push_back((now, bytes_done));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|(at, _)| now.duration_since(*at) > RATE_WINDOW) {
            self.seen.pop_front();
        }
        let bytes_per_second = self.seen.front().map_or(0, |(at, bytes)| {
            let milliseconds = now.duration_since(*at).as_millis();
            let more = u128::from(bytes_done.saturating_sub(*bytes));
            u64::try_from((more * 1000).checked_div(milliseconds).unwrap_or(0)).unwrap_or(u64::MAX)
        });
        Progress {
            run_id: run_id.to_string(),
            tables_done: runs.iter().filter(|r| r.state.is_terminal()).count(),
            tables_total: runs.len(),
            bytes_done,
            bytes_total,
            rows_done: runs.iter().map(|r| r.rows_done).sum(),
            bytes_per_second,
            seconds_left: (bytes_total - bytes_done).checked_div(bytes_per_second),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::plan::{CopyMode, EngineKind};

    fn run(state: TableState, done: u64, total: u64) -> TableMigration {
        TableMigration {
            source: TableIdent::new(["a"], "b"),
            target: TableIdent::new(["a"], "b"),
            mode: CopyMode::Clone,
            state,
            bytes_done: done,
            bytes_total: total,
            rows_done: 0,
            rows_total: 0,
            error: None,
            validation: None,
            outcome: None,
            engine: EngineKind::Embedded,
            cluster: None,
            documents: None,
            governance: None,
            not_validated: None,
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let at = |s: u64| start + Duration::from_secs(s);
        rate.progress("j", &[run(TableState::Copying, 0, 1000)], at(0));
        let progress = rate.progress("j", &[run(TableState::Copying, 500, 1000)], at(1));
        assert_eq!((progress.bytes_per_second, progress.seconds_left), (500, Some(1)));
        for s in 2..12 {
            rate.progress("j", &[run(TableState::Copying, 500, 1000)], at(s));
        }
        let stalled = rate.progress("j", &[run(TableState::Copying, 500, 1000)], at(12));
        assert_eq!((stalled.bytes_per_second, stalled.seconds_left), (0, None));
    }

    #[test]
    fn a_wrong_estimate_neither_hangs_nor_passes_the_end() {
        let mut rate = Rate::default();
        let runs = [run(TableState::Migrated, 10, 1000), run(TableState::Copying, 900, 700)];
        let progress = rate.progress("j", &runs, Instant::now());
        assert_eq!((progress.bytes_done, progress.bytes_total, progress.tables_done), (910, 910, 1));
    }
}

//! Finds out during a run how many tables in parallel pay off. docs/concurrency.md explains it.

use super::context::RunContext;
use super::live::LiveTable;
use super::search::{Measured, Search};
use crate::limiter::CommitCounts;
use icebridge_model::plan::PlannedTable;
use icebridge_model::run::{ParallelTables, TableState};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(250);
/// A measurement takes so long at least, and ends at the latest.
const SPAN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(20));
/// Before the latest, when so many tables have ended for each that is at work.
const TABLES_ENDED: usize = 3;
/// What a table takes besides its bytes, as bytes.
const TABLE_BYTES: f64 = 10_000_000.0;

/// Measures and tries until it is dropped, or no table waits any more: then the number no longer matters.
pub(super) async fn tune(run: Arc<RunContext>) {
    let parallel = &run.live.parallel;
    let Some(ParallelTables { tables, most, .. }) = parallel.standing() else { return };
    let mut search = Search::new(tables, most);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut begun = Reading::of(&run);
    loop {
        look.tick().await;
        let now = Reading::of(&run);
        if now.waiting == 0 {
            return;
        }
        // Some of the larger number before have not ended yet.
        if parallel.at_work() > search.tables() {
            begun = now;
            continue;
        }
        if let Some(measured) = begun.until(&now, search.tables()) {
            search.measured(measured);
            parallel.set(ParallelTables { tables: search.tables(), most, found: search.is_found() });
            begun = now;
        }
    }
}

/// What was done up to a moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    /// In bytes, with [`TABLE_BYTES`] for each table.
    work: f64,
    waiting: usize,
    tables_ended: usize,
    commits: CommitCounts,
}

impl Reading {
    fn of(run: &RunContext) -> Self {
        let mut now =
            Self { at: Instant::now(), work: 0.0, waiting: 0, tables_ended: 0, commits: run.commits.counts() };
        let ours = run.plan.tables.iter().zip(&run.live.tables).filter(|(planned, _)| planned.cluster.is_none());
        for (planned, live) in ours {
            let state = live.state();
            now.waiting += usize::from(state == TableState::Queued);
            now.tables_ended += usize::from(state.is_terminal());
            now.work += done(planned, live, state);
        }
        now
    }

    /// None: it is too early to say.
    fn until(&self, now: &Self, at_work: usize) -> Option<Measured> {
        let span = now.at.duration_since(self.at);
        let ended = now.tables_ended.saturating_sub(self.tables_ended);
        if span < SPAN.0 || span < SPAN.1 && ended < at_work.saturating_mul(TABLES_ENDED) {
            return None;
        }
        let commits = now.commits.since(&self.commits);
        // A copy that begins again takes back what it had done.
        Some(Measured { rate: (now.work - self.work).max(0.0) / span.as_secs_f64(), repeated: commits.repeated() })
    }
}

/// A table that failed has taken time and done nothing.
fn done(planned: &PlannedTable, live: &LiveTable, state: TableState) -> f64 {
    match state {
        TableState::Failed | TableState::Cancelled => 0.0,
        _ => live.share() * (planned.estimate.bytes as f64 + TABLE_BYTES),
    }
}

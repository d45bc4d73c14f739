//! How many of a run's tables are at work in this process at the same time: as many as the plan says, or as many as the run
//! finds to pay off.

use icebridge_model::plan::Settings;
use icebridge_model::run::ParallelTables;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// Of a run that finds the number.
const FIRST: usize = 2;

#[derive(Debug)]
pub(super) struct Parallel {
    adaptive: bool,
    standing: watch::Sender<ParallelTables>,
    at_work: AtomicUsize,
}

impl Parallel {
    pub fn of(settings: &Settings) -> Self {
        let most = settings.max_parallel_tables.max(1);
        let tables = if settings.adaptive { FIRST.min(most) } else { most };
        let standing = watch::Sender::new(ParallelTables { tables, most, found: false });
        Self { adaptive: settings.adaptive, standing, at_work: AtomicUsize::new(0) }
    }

    /// That may be at work now.
    pub fn tables(&self) -> usize {
        self.standing.borrow().tables
    }

    /// None where the plan's number holds.
    pub fn standing(&self) -> Option<ParallelTables> {
        self.adaptive.then(|| *self.standing.borrow())
    }

    /// Those that are at work now: more than may be, where fewer may be than a moment ago.
    pub fn at_work(&self) -> usize {
        self.at_work.load(Ordering::Relaxed)
    }

    /// Told by who begins and ends tables.
    pub fn set_at_work(&self, tables: usize) {
        self.at_work.store(tables, Ordering::Relaxed);
    }

    /// Hears of each later number.
    pub fn listen(&self) -> watch::Receiver<ParallelTables> {
        self.standing.subscribe()
    }

    pub fn set(&self, next: ParallelTables) {
        let is_new = self.standing.send_if_modified(|standing| std::mem::replace(standing, next) != next);
        if is_new {
            tracing::info!(tables = next.tables, most = next.most, found = next.found, "tables in parallel");
        }
    }
}

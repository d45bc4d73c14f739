//! The look or round that is at work in this process: how far it is, and the way to cancel it.

use crate::LocalState;
use crate::mutex::lock;
use crate::sync::session::Session;
use icebridge_model::event::Event;
use icebridge_model::sync::{SyncProgress, SyncedTable};
use icebridge_model::view::rows;
use icebridge_model::{Result, TableIdent};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Events and rows of views are written together, at most this often.
pub(super) const TOLD_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
struct Active(Mutex<CancellationToken>);

/// Asks what is at work to stop, and returns at once. Rounds in the middle of a commit finish it.
pub fn cancel(local: &LocalState) {
    lock(&local.extension::<Active>().0).cancel();
}

/// Ended by `cancel`, and by who ends the token.
pub(crate) fn begin(local: &LocalState, token: &CancellationToken) -> CancellationToken {
    let mine = token.child_token();
    *lock(&local.extension::<Active>().0) = mine.clone();
    mine
}

/// Tells of the tables that are done.
pub(super) struct Told<'a> {
    session: &'a Session<'a>,
    tables: usize,
    done: usize,
    waiting: Vec<(TableIdent, icebridge_model::view::ViewRow)>,
    began: Instant,
    last: Instant,
    /// What was said of it last.
    bytes: u64,
}

impl<'a> Told<'a> {
    pub fn new(session: &'a Session<'a>, tables: usize) -> Self {
        Self { session, tables, done: 0, waiting: Vec::new(), began: Instant::now(), last: Instant::now(), bytes: 0 }
    }

    pub async fn done(&mut self, table: &SyncedTable, now_ms: i64) -> Result<()> {
        self.done += 1;
        self.waiting.push((table.source.clone(), rows::synced(table, now_ms)));
        if self.done < self.tables && self.last.elapsed() < TOLD_EVERY {
            return Ok(());
        }
        self.flush().await
    }

    /// While tables are at work: what was copied meanwhile.
    pub fn go_on(&mut self) {
        if self.bytes != self.session.copied.load(Ordering::Relaxed) {
            self.emit();
        }
    }

    fn emit(&mut self) {
        self.bytes = self.session.copied.load(Ordering::Relaxed);
        let progress = SyncProgress::after(self.done, self.tables, self.bytes, self.began.elapsed());
        self.session.local.emit(Event::Sync { run_id: self.session.run_id.clone(), progress });
    }

    async fn flush(&mut self) -> Result<()> {
        self.last = Instant::now();
        let (session, rows) = (self.session, std::mem::take(&mut self.waiting));
        session.local.store.save_run_rows(&session.run_id, &rows).await?;
        self.emit();
        Ok(())
    }
}

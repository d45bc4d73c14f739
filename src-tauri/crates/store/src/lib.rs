//! Local state: one SQLite file through sqlx, one module a table, and the journal.
//!
//! `Store` is cheap to clone. Writes go through one connection at a time inside a process and through SQLite's own lock
//! between processes; [`Store::lock`] is for what must be alone in the whole state folder, such as a run.

mod acceptances;
mod approvals;
mod catalogs;
mod clock;
mod cluster_steps;
mod earlier;
mod failure;
mod journal;
mod kinds;
mod lock;
mod mappings;
mod open;
mod outcomes;
mod overview;
mod places;
mod row;
mod run_record;
mod runs;
mod tables;
mod units;
mod unity;
mod validations;
mod views;
mod workspaces;

pub use acceptances::Acceptance;
pub use clock::now;
pub use earlier::{EarlierMigrations, Made};
pub use kinds::{AUDIT_EXPORTED, TABLE_VALIDATED};
pub use lock::StateLock;
pub use overview::Overview;
pub use places::StagedPlace;
pub use run_record::RunRecord;
pub use tables::InventoryPage;
pub use unity::{SchemaOf, UnityBatch, UnityPlace, UnityWalk};

use icebridge_model::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// The name of the database inside the state folder.
pub const STATE_FILE: &str = "state.db";

#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    /// For [`Store::write_lightly`].
    light: SqlitePool,
    state_dir: PathBuf,
    writer: Arc<Mutex<()>>,
    /// Sequence and hash of the last journal entry that this process has checked.
    checked: Arc<Mutex<(u64, String)>>,
}

/// A write in progress: SQLite's write lock, and this process's turn to hold it.
struct Write<'a> {
    transaction: Transaction<'static, Sqlite>,
    _turn: MutexGuard<'a, ()>,
}

impl Write<'_> {
    async fn commit(self) -> Result<()> {
        self.transaction.commit().await.map_err(|e| failure::of(e, "write the local state"))
    }
}

impl Store {
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Waits until open connections are given back, and checkpoints the write-ahead log.
    pub async fn close(&self) {
        self.light.close().await;
        self.pool.close().await;
    }

    /// What a commit has written outlives a power cut: the journal is written before what it says is done.
    async fn write(&self) -> Result<Write<'_>> {
        self.begin(&self.pool).await
    }

    /// For what can be read or computed again. Its commits may be lost in a power cut, the last ones first; the state stays
    /// whole. Thousands of small commits would else wait for the disk one by one.
    async fn write_lightly(&self) -> Result<Write<'_>> {
        self.begin(&self.light).await
    }

    /// IMMEDIATE, because a transaction that reads first and writes later can lose its turn to another process.
    async fn begin(&self, pool: &SqlitePool) -> Result<Write<'_>> {
        let turn = self.writer.lock().await;
        let transaction =
            pool.begin_with("BEGIN IMMEDIATE").await.map_err(|e| failure::of(e, "write the local state"))?;
        Ok(Write { transaction, _turn: turn })
    }
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal("a record cannot be written as JSON").with_cause(e))
}

fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| failure::unreadable(what).with_cause(e))
}

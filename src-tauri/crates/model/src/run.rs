//! A run of one plan: the states of its tables and the events it emits.

use crate::conversion::PartitionWay;
use crate::copy_mode::{CopyMode, EngineKind};
use crate::governance::GovernanceReport;
use crate::photon::{ClusterResult, ClusterView};
use crate::validation::Validation;
use crate::{Error, TableIdent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::ids::{PlanHash, RunId};

/// The states of a table in a run. Kept as journal entries; the last one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableState {
    Queued,
    /// Files are being copied or written; nothing is visible in the target yet.
    Copying,
    /// All files are there; the commit is next. From here on a resume asks the target before it acts.
    Committing,
    /// The target has the table; it is not migrated yet.
    Committed,
    Validating,
    /// Committed and validated: the only state that counts as migrated.
    Migrated,
    Failed,
    Cancelled,
}

impl TableState {
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Copying,
        Self::Committing,
        Self::Committed,
        Self::Validating,
        Self::Migrated,
        Self::Failed,
        Self::Cancelled,
    ];

    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Migrated | Self::Failed | Self::Cancelled)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Copying => "copying",
            Self::Committing => "committing",
            Self::Committed => "committed",
            Self::Validating => "validating",
            Self::Migrated => "migrated",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Running,
    /// Every table is migrated.
    Succeeded,
    /// Finished, but some table is not migrated.
    Incomplete,
    Cancelled,
    /// The process ended in the middle; `run --resume` goes on.
    Interrupted,
}

impl RunState {
    pub const ALL: [Self; 5] = [Self::Running, Self::Succeeded, Self::Incomplete, Self::Cancelled, Self::Interrupted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Incomplete => "incomplete",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableMigration {
    pub source: TableIdent,
    pub target: TableIdent,
    pub mode: CopyMode,
    pub state: TableState,
    pub bytes_done: u64,
    pub bytes_total: u64,
    pub rows_done: u64,
    pub rows_total: u64,
    #[serde(default)]
    pub error: Option<Error>,
    #[serde(default)]
    pub validation: Option<Validation>,
    /// What the copy moved: files copied, decoded or moved by column chunk, commits, retries.
    #[serde(default)]
    pub outcome: Option<CopyOutcome>,
    #[serde(default)]
    pub engine: EngineKind,
    /// Of a table that a cluster copies.
    #[serde(default)]
    pub cluster: Option<ClusterView>,
    /// The Data Docs of its validation on the cluster, on this machine: an `index.html`.
    #[serde(default)]
    pub documents: Option<String>,
    /// What was done in Unity Catalog since it is migrated.
    #[serde(default, alias = "after")]
    pub governance: Option<GovernanceReport>,
    /// Why it could not be compared when it was to be validated again. Its state and its earlier validation stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_validated: Option<Error>,
    /// Why the engine that was to read it once more could not. Its validation is what it is without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_read_back: Option<Error>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CopyOutcome {
    pub target_metadata_location: String,
    pub target_location: String,
    /// The target's table-uuid, where its metadata was read: another table may come to lie at the same location.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target_uuid: String,
    pub files_copied: u64,
    pub files_decoded: u64,
    pub files_chunk_moved: u64,
    pub bytes_written: u64,
    /// Rows a decoded rewrite wrote; none for register and clone, which do not look at rows.
    pub rows_written: Option<u64>,
    pub commit_attempts: u32,
    /// The target already had this very table from this very plan: nothing was written.
    pub adopted: bool,
    /// How a table is laid out whose partition spec the target might have refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitioning: Option<PartitionWay>,
    /// What a cluster made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Box<ClusterResult>>,
    /// SHA-256 of each file as it was read, path relative to the table: the evidence of a clone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<FileSum>,
    /// Files of a clone whose size is not the one that the source's metadata says. Engines read such files all the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stale_sizes: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub run_id: RunId,
    pub plan_hash: PlanHash,
    pub source: String,
    pub target: String,
    pub state: RunState,
    pub started_at: String,
    #[serde(default)]
    pub ended_at: Option<String>,
    pub tables: Vec<TableMigration>,
    pub migrated: usize,
    pub failed: usize,
}

/// A run as a whole: nothing in it grows with the number of tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunOverview {
    pub run_id: RunId,
    pub plan_hash: PlanHash,
    pub source: String,
    pub target: String,
    pub state: RunState,
    pub started_at: String,
    #[serde(default)]
    pub ended_at: Option<String>,
    /// When its last audit bundle was exported.
    #[serde(default)]
    pub exported_at: Option<String>,
    pub counters: RunCounters,
}

/// Where a run stands that finds out how many tables in parallel pay off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParallelTables {
    /// That may be at work now.
    pub tables: usize,
    /// By the plan.
    pub most: usize,
    /// More were no faster; until then, or when it is looked for again, numbers are tried.
    pub found: bool,
}

/// What is counted over the tables of a run. The names are those of the view's columns and mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounters {
    /// Tables by their state; a state that no table has is left out.
    pub by_state: BTreeMap<String, usize>,
    /// By the plan: does not change while the run is at work.
    pub bytes_to_copy: u64,
    pub bytes_copied: u64,
    /// Of the bytes to copy, those of tables that are copied, and what is copied of the others.
    pub bytes_done: u64,
    pub rows: u64,
    pub rows_copied: u64,
    /// Tables that a cluster copies.
    pub on_clusters: usize,
    /// Tables of which source and target were compared and are equal.
    pub equal: usize,
    pub differ: usize,
}

impl RunCounters {
    /// In a state that nothing follows.
    pub fn ended(&self) -> usize {
        [TableState::Migrated, TableState::Failed, TableState::Cancelled].map(|state| self.of(state)).iter().sum()
    }

    /// How far the run is, as parts of a whole: by bytes, or by tables where there are none to copy. It is whole only when
    /// every table is migrated: all bytes may be there long before the last commit and comparison.
    pub fn progress(&self) -> (u64, u64) {
        let (tables, migrated) = (self.tables(), self.of(TableState::Migrated));
        if tables > 0 && tables == migrated {
            return (1, 1);
        }
        match self.bytes_to_copy {
            0 => (self.ended() as u64, tables.max(1) as u64),
            bytes if self.bytes_done >= bytes && self.ended() < tables => (99, 100),
            bytes => (self.bytes_done, bytes),
        }
    }

    pub fn tables(&self) -> usize {
        self.by_state.values().sum()
    }

    pub fn of(&self, state: TableState) -> usize {
        self.by_state.get(state.as_str()).copied().unwrap_or(0)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub run_id: RunId,
    pub plan_hash: PlanHash,
    pub source: String,
    pub target: String,
    pub state: RunState,
    pub started_at: String,
    #[serde(default)]
    pub ended_at: Option<String>,
    pub tables: usize,
    pub migrated: usize,
    pub failed: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(states: &[(&str, usize)], done: u64, to_copy: u64) -> RunCounters {
        let by_state = states.iter().map(|(state, tables)| ((*state).to_string(), *tables)).collect();
        RunCounters { by_state, bytes_done: done, bytes_to_copy: to_copy, ..RunCounters::default() }
    }

    #[test]
    fn a_run_is_whole_only_when_every_table_is_migrated() {
        for (states, done, to_copy, expected) in [
            (&[("queued", 4)][..], 0, 0, (0, 4)),
            (&[("migrated", 3), ("queued", 1)], 0, 0, (3, 4)),
            (&[("copying", 2)], 30, 100, (30, 100)),
            (&[("validating", 2)], 100, 100, (99, 100)),
            (&[("migrated", 1), ("failed", 1)], 60, 100, (60, 100)),
            (&[("migrated", 2)], 100, 100, (1, 1)),
            (&[], 0, 0, (0, 1)),
        ] {
            assert_eq!(counters(states, done, to_copy).progress(), expected, "{states:?}");
        }
    }
}

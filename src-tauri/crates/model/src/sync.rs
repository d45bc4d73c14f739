//! Keeping migrated tables up with their sources, round by round.

use crate::ids::RunId;
use crate::plan::EngineKind;
use crate::validation::Check;
use crate::{Error, TableIdent, format};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How a table of the target stands to its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// The target has the state that the source has now.
    UpToDate,
    /// The source has moved on since.
    Behind,
    /// A round did not come to its end. The target is as it was, and the next round tries again.
    Failed,
    /// The table cannot be kept up until a person has decided: the target was changed by others, the source is another
    /// table, or the table cannot be synced at all.
    Stopped,
    /// It is cut over, or on its way: others write to the target, and no round is made.
    CutOver,
    /// It is not migrated: there is nothing to keep up.
    NotMigrated,
}

impl SyncState {
    pub const ALL: [Self; 6] =
        [Self::UpToDate, Self::Behind, Self::Failed, Self::Stopped, Self::CutOver, Self::NotMigrated];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::Behind => "behind",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::CutOver => "cut_over",
            Self::NotMigrated => "not_migrated",
        }
    }
}

/// How far the target is behind its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// Snapshots that the source has got since.
    pub snapshots: u64,
    /// Rows that they added and deleted, where all of them say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Since the first of them was committed.
    pub seconds: u64,
}

/// How the source's history goes on from the state that the target has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// The same snapshot: only the table's metadata is new.
    #[default]
    SameSnapshot,
    /// The earlier snapshot is an ancestor of the current one.
    Continued,
    /// It is not: the source was rolled back, or its current snapshot was set to another branch of the history.
    RolledBack,
    /// The snapshots between are expired, so that nobody can tell.
    Expired,
}

impl History {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameSnapshot => "same_snapshot",
            Self::Continued => "continued",
            Self::RolledBack => "rolled_back",
            Self::Expired => "expired",
        }
    }
}

/// What changed at the source since the round before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceChanges {
    pub history: History,
    /// New snapshots by their operation: append, overwrite, delete, replace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub snapshots: BTreeMap<String, u64>,
    /// Snapshots that are gone from the source's metadata.
    #[serde(default)]
    pub expired: u64,
    #[serde(default)]
    pub schema: bool,
    #[serde(default)]
    pub partition_spec: bool,
}

/// How a round was compared before it became visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The rows that are read from other files, or with other deletes, than in the round before; all others were
    /// compared in earlier rounds.
    Changes,
    /// Every row on both sides.
    Whole,
}

impl Compared {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Whole => "whole",
        }
    }
}

/// One round of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncRound {
    /// The first copy is round 0.
    pub round: u64,
    pub source_metadata_location: String,
    pub source_snapshot_id: Option<i64>,
    /// The target's metadata file before the round, and its own.
    pub from_metadata_location: String,
    pub target_metadata_location: String,
    /// The target's snapshot, of a round that a cluster made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_snapshot_id: Option<i64>,
    #[serde(default, skip_serializing_if = "EngineKind::is_embedded")]
    pub engine: EngineKind,
    /// The workspace's run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_run_id: Option<i64>,
    pub changes: SourceChanges,
    pub files_copied: u64,
    pub bytes_written: u64,
    /// Read by the comparison on each side.
    pub rows_read: u64,
    pub compared: Compared,
    /// Of the whole table after the round.
    pub rows: u64,
    /// The row digest of the whole table after the round (docs/digest.md).
    pub digest: String,
    pub checks: Vec<Check>,
    pub milliseconds: u64,
}

/// One table of a sync.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncedTable {
    pub source: TableIdent,
    pub target: TableIdent,
    pub state: SyncState,
    /// The round that the target stands at.
    #[serde(default)]
    pub round: u64,
    /// The source's snapshot that the target has.
    #[serde(default)]
    pub synced_snapshot_id: Option<i64>,
    /// The source's current snapshot.
    #[serde(default)]
    pub source_snapshot_id: Option<i64>,
    #[serde(default)]
    pub lag: Lag,
    /// Made just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<SyncRound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Empty: the latest.
    #[serde(default)]
    pub run_id: RunId,
    /// Source tables; empty: all that the run migrated.
    #[serde(default)]
    pub tables: Vec<TableIdent>,
    /// Compare every row, and not only what changed.
    #[serde(default)]
    pub whole: bool,
    /// By a loop, which asks again and again: no cluster is started for what failed for good with the same state of the source.
    #[serde(default)]
    pub repeated: bool,
}

/// How far a look or a round is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncProgress {
    /// Tables that it is done with.
    pub done: usize,
    pub tables: usize,
    /// Copied on this machine so far, in files of the source.
    #[serde(default)]
    pub bytes: u64,
    #[serde(default)]
    pub bytes_per_second: u64,
    /// If the tables that are left take as long as those that are done; none before the first is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

impl SyncProgress {
    pub fn after(done: usize, tables: usize, bytes: u64, elapsed: Duration) -> Self {
        let left = tables.saturating_sub(done);
        let seconds_left =
            (done > 0 && left > 0).then(|| (elapsed.as_secs_f64() * left as f64 / done as f64).ceil() as u64);
        let bytes_per_second = (bytes as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
        Self { done, tables, bytes, bytes_per_second, seconds_left }
    }
}

impl fmt::Display for SyncProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} tables", format::count(self.done as u64), format::count(self.tables as u64))?;
        if self.bytes > 0 {
            write!(f, ", {} copied, {}/s", format::bytes(self.bytes), format::bytes(self.bytes_per_second))?;
        }
        self.seconds_left.map_or(Ok(()), |left| write!(f, ", about {} left", format::seconds(left)))
    }
}

/// How many times the usual pause the next round is away, after this many in a row that failed.
pub fn rounds_apart(failed: u32) -> u32 {
    const LONGEST: u32 = 16;
    1u32.checked_shl(failed).unwrap_or(LONGEST).min(LONGEST)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncView {
    pub run_id: RunId,
    /// Names of catalogs.
    pub source: String,
    pub target: String,
    pub at: String,
    pub tables: Vec<SyncedTable>,
}

/// The same whatever the number of tables: each has its row in the run's view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncOutline {
    pub run_id: RunId,
    pub at: String,
    pub tables: usize,
    /// By [`SyncState::as_str`].
    pub by_state: BTreeMap<String, usize>,
    /// Tables that this round brought on.
    pub rounds: usize,
    pub files_copied: u64,
    pub bytes_written: u64,
}

/// A table of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundsRequest {
    /// Empty: the latest.
    #[serde(default)]
    pub run_id: RunId,
    /// The source table.
    pub table: TableIdent,
}

/// What became of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundEnd {
    /// The target shows it.
    Committed,
    Failed,
    /// For a person to decide.
    Stopped,
    /// It was begun and not ended: it is at work, or its process ended.
    Open,
}

/// A round in a table's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastRound {
    pub at: String,
    /// None: it was not even begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u64>,
    pub end: RoundEnd,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<SyncRound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl SyncView {
    pub fn outline(&self) -> SyncOutline {
        let mut by_state = BTreeMap::new();
        for table in &self.tables {
            *by_state.entry(table.state.as_str().to_string()).or_default() += 1;
        }
        let made = || self.tables.iter().filter_map(|table| table.made.as_ref());
        SyncOutline {
            run_id: self.run_id.clone(),
            at: self.at.clone(),
            tables: self.tables.len(),
            by_state,
            rounds: made().count(),
            files_copied: made().map(|made| made.files_copied).sum(),
            bytes_written: made().map(|made| made.bytes_written).sum(),
        }
    }

    pub fn count(&self, state: SyncState) -> usize {
        self.tables.iter().filter(|table| table.state == state).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_what_is_known() {
        let said =
            |done, bytes, seconds| SyncProgress::after(done, 40, bytes, Duration::from_secs(seconds)).to_string();
        assert_eq!(said(0, 0, 0), "0 of 40 tables");
        assert_eq!(said(0, 500_000_000, 10), "0 of 40 tables, 500 MB copied, 50.0 MB/s");
        assert_eq!(said(10, 0, 60), "10 of 40 tables, about 3 min left");
        assert_eq!(said(40, 1, 60), "40 of 40 tables, 1 B copied, 0 B/s");
        let event = serde_json::to_value(SyncProgress::after(1, 2, 3, Duration::from_secs(1))).unwrap();
        assert_eq!(event["seconds_left"], 1);
    }
}

//! Moving readers and writers of migrated tables from the source to the target, with a way back until it is finished.

use crate::hooks::HookDone;
use crate::ids::RunId;
use crate::judge::JudgeKind;
use crate::validation::ProofLevel;
use crate::{Error, TableIdent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far a table's cut-over is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutoverState {
    /// Not migrated: there is nothing to move to.
    NotMigrated,
    /// It was not begun, or went back.
    NotBegun,
    /// Begun and not moved: an attempt is at work, or ended in between. Readers and writers are where they were.
    Begun,
    /// An attempt failed before anything was moved. Readers and writers are where they were.
    Failed,
    /// The move was begun and not confirmed: the next attempt does it again, or takes it back.
    Moving,
    /// Readers and writers are at the target; the source is kept, and there is a way back.
    OnProbation,
    /// The way back was begun and not confirmed: the next attempt does it again.
    Returning,
    /// The way back is closed.
    Finished,
}

impl CutoverState {
    pub const ALL: [Self; 8] = [
        Self::NotMigrated,
        Self::NotBegun,
        Self::Begun,
        Self::Failed,
        Self::Moving,
        Self::OnProbation,
        Self::Returning,
        Self::Finished,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotMigrated => "not_migrated",
            Self::NotBegun => "not_begun",
            Self::Begun => "begun",
            Self::Failed => "failed",
            Self::Moving => "moving",
            Self::OnProbation => "on_probation",
            Self::Returning => "returning",
            Self::Finished => "finished",
        }
    }

    /// Whether others may write to the target: a sync would take their rows away.
    pub fn is_moved(self) -> bool {
        matches!(self, Self::Moving | Self::OnProbation | Self::Returning | Self::Finished)
    }
}

/// The state of both sides that was moved, or is about to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The source's last state.
    pub source_metadata_location: String,
    pub source_snapshot_id: Option<i64>,
    /// The highest number of any branch, and the schema, of both sides: what comes later is somebody's.
    #[serde(default)]
    pub source_sequence_number: i64,
    #[serde(default)]
    pub source_schema_id: i32,
    #[serde(default)]
    pub target_sequence_number: i64,
    /// The target's first state of its own.
    pub target_metadata_location: String,
    pub target_snapshot_id: Option<i64>,
    /// As the catalog tells which table it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target_uuid: String,
    pub rows: u64,
    /// The row digest of both sides (docs/digest.md).
    pub digest: String,
    pub proof: ProofLevel,
    /// The hooks that moved readers and writers; without one people were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved_by: Vec<String>,
    /// When the source's last state was seen first.
    pub quiet_since: String,
    /// From then to the end of the move: for so long nobody could write.
    pub downtime_ms: u64,
}

/// What was seen of a table on probation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probation {
    /// Snapshots that the source has got since the move: somebody still writes there.
    pub source_snapshots: u64,
    /// Who made the last of them, as its summary says: engine, application.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_writer: String,
    /// Snapshots of the target since the move, and the rows that it has more (or fewer, negative), where they say so.
    pub target_snapshots: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_rows: Option<i64>,
    /// The rows of the moved state were compared again.
    pub compared: bool,
}

/// One table of a cut-over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutoverTable {
    pub source: TableIdent,
    pub target: TableIdent,
    pub state: CutoverState,
    /// Of the last step.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// Its writers were told to stop, are not at the target, and no hook has told them that they may write again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writers_stopped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// Of the last look at a table on probation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probation: Option<Probation>,
    /// Of a table that was moved back: how long that took, from when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutoverRequest {
    /// Empty: the latest.
    #[serde(default)]
    pub run_id: RunId,
    /// Source tables; empty: all that the run migrated.
    #[serde(default)]
    pub tables: Vec<TableIdent>,
    /// For so long the source must have no new state before it is taken as its last.
    pub quiet_seconds: u64,
    /// For so long is waited for the quiet time.
    pub within_seconds: u64,
    /// An engine that reads both sides once more before the move.
    #[serde(default)]
    pub judge: Option<JudgeKind>,
    /// The path of a hooks file; empty: none.
    #[serde(default)]
    pub hooks: String,
}

/// The way back, a check of the probation, or the end of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutoverTables {
    /// Empty: the one whose tables were cut over last.
    #[serde(default)]
    pub run_id: RunId,
    /// Source tables; empty: all that are on probation.
    #[serde(default)]
    pub tables: Vec<TableIdent>,
    /// The path of a hooks file; empty: none.
    #[serde(default)]
    pub hooks: String,
    /// A check reads all rows of both sides.
    #[serde(default)]
    pub compare: bool,
    /// A way back leaves rows behind that were written to the target since. An end is made although somebody has written to
    /// the source since, or nobody can tell.
    #[serde(default)]
    pub anyway: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutoverView {
    pub run_id: RunId,
    /// Names of catalogs.
    pub source: String,
    pub target: String,
    pub at: String,
    pub tables: Vec<CutoverTable>,
    /// Called for all of the tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookDone>,
}

/// The same whatever the number of tables: each has its row in the run's view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutoverOutline {
    pub run_id: RunId,
    pub at: String,
    pub tables: usize,
    /// By [`CutoverState::as_str`].
    pub by_state: BTreeMap<String, usize>,
    /// Tables whose last step ended in an error.
    pub errors: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookDone>,
}

impl CutoverView {
    pub fn outline(&self) -> CutoverOutline {
        CutoverOutline {
            run_id: self.run_id.clone(),
            at: self.at.clone(),
            tables: self.tables.len(),
            by_state: self.by_state(),
            errors: self.tables.iter().filter(|table| table.error.is_some()).count(),
            hooks: self.hooks.clone(),
        }
    }

    pub fn count(&self, state: CutoverState) -> usize {
        self.tables.iter().filter(|table| table.state == state).count()
    }

    pub fn by_state(&self) -> BTreeMap<String, usize> {
        let mut by_state = BTreeMap::new();
        for table in &self.tables {
            *by_state.entry(table.state.as_str().to_string()).or_default() += 1;
        }
        by_state
    }
}

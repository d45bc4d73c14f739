//! A rehearsal: all that a plan's run, its sync and its cut-over do, on a schema of its own, and how long each of it took.

use crate::hooks::HookDone;
use crate::ids::{PlanHash, RunId};
use crate::validation::ProofLevel;
use crate::{Error, TableIdent};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RehearsalOf {
    /// A plan file.
    Plan(PathBuf),
    /// The plan of a run; empty: of the latest.
    Run(RunId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RehearsalRequest {
    pub of: RehearsalOf,
    /// Source tables; empty: all of the plan.
    pub tables: Vec<TableIdent>,
    /// The schema of the target that the tables are copied into; empty: a new one, named after the time.
    pub schema: String,
    /// The path of a hooks file, whose calls say that they are a rehearsal's; empty: none is called.
    pub hooks: String,
}

/// What came of it, as journal and bundle have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// Of the plan that was rehearsed.
    pub plan_hash: PlanHash,
    /// Of the rehearsal's run, which its own state folder has.
    pub run_id: RunId,
    pub state_folder: String,
    pub target: String,
    pub schema: String,
    pub began_at: String,
    pub ended_at: String,
    /// Of all tables together, waiting included. Zero: it was not come to.
    pub milliseconds: RehearsedSteps,
    pub tables: Vec<RehearsedTable>,
    /// Called for all of the tables, or for some at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookDone>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RehearsedSteps {
    /// Copied, and compared.
    pub run: u64,
    /// What the sources had got since the plan.
    pub sync: u64,
    #[serde(rename = "move")]
    pub moved: u64,
    pub check: u64,
    pub back: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RehearsedTable {
    pub source: TableIdent,
    /// In the rehearsal's schema.
    pub target: TableIdent,
    pub rows: u64,
    pub bytes: u64,
    /// Of the last comparison before the move.
    pub proof: ProofLevel,
    /// Nobody could have written for so long. None: it was not moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downtime_ms: Option<u64>,
    /// From when the way back was asked for until its readers and writers were at the source. None: it was not moved back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_ms: Option<u64>,
    /// It was moved, and moved back.
    pub went_back: bool,
    /// The source has had another state since the plan was made: before its run the plan has to be made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_newer: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl Rehearsal {
    pub fn passed(&self) -> usize {
        self.tables.iter().filter(|table| table.went_back && table.error.is_none()).count()
    }

    /// Every table was moved and moved back, and every hook did what it was called for.
    pub fn is_whole(&self) -> bool {
        self.passed() == self.tables.len() && self.hooks.iter().all(|hook| hook.error.is_none())
    }
}

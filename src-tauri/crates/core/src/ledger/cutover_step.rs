//! One step of a table's cut-over, as the journal has it.

use super::entry::{TABLE_CUTOVER, read};
use crate::LocalState;
use icebridge_model::cutover::{CutoverState, Moved, Probation};
use icebridge_model::hooks::HookDone;
use icebridge_model::journal::Entry;
use icebridge_model::{Error, Result, TableIdent};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutoverStage {
    /// An attempt begins.
    Begun,
    /// Announced to those who are to know; every row was compared while writers still wrote.
    Announced,
    /// The source had no new state for the quiet time, and the target has its last one.
    Quiet,
    /// Nothing was moved; the attempt is over.
    Failed,
    /// Readers and writers are being moved. From here on rows of others may be in the target.
    Moving,
    /// They are at the target.
    Moved,
    /// Looked at while on probation.
    Checked,
    /// They are being moved back.
    Returning,
    /// They are at the source.
    Returned,
    /// The way back is closed.
    Finished,
}

/// Body of `table.cutover`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutoverStep {
    pub stage: CutoverStage,
    pub target: TableIdent,
    /// Of the attempt, and in what its hooks are given.
    pub key: String,
    /// The table's writers were told to stop, and no hook has told them that they may write again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// From `moving` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// Of `checked`, and what was looked at before `returning` and `finished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probation: Option<Probation>,
    /// Of `returned`: for so long readers and writers were waited for, from the moment when the way back was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_ms: Option<u64>,
    /// Called for this step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookDone>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl CutoverStage {
    pub fn state(self) -> CutoverState {
        match self {
            Self::Begun | Self::Announced | Self::Quiet => CutoverState::Begun,
            Self::Failed => CutoverState::Failed,
            Self::Moving => CutoverState::Moving,
            Self::Moved | Self::Checked => CutoverState::OnProbation,
            Self::Returning => CutoverState::Returning,
            Self::Returned => CutoverState::NotBegun,
            Self::Finished => CutoverState::Finished,
        }
    }

    /// The attempt is over, and readers and writers are at the source.
    pub fn is_at_source(self) -> bool {
        matches!(self, Self::Failed | Self::Returned)
    }

    fn is_moved(self) -> bool {
        self.state().is_moved()
    }
}

impl CutoverStep {
    /// Whether the table's writers stand still. Those of a table that was moved write to the target.
    pub fn writers_stopped(&self) -> bool {
        self.stopped && !matches!(self.stage.state(), CutoverState::OnProbation | CutoverState::Finished)
    }
}

/// The last step of each table in any run of the plan, by source table, with its time.
pub(crate) async fn last_cutover_steps(
    local: &LocalState,
    plan_hash: &str,
) -> Result<HashMap<String, (String, CutoverStep)>> {
    let entries = local.store.last_of_plan(plan_hash, TABLE_CUTOVER).await?;
    let step = |entry: Entry| Ok((entry.table.clone(), (entry.at.clone(), read(&entry)?)));
    entries.into_iter().map(step).collect()
}

/// The tables of a plan that are cut over, or on their way, by source table, with the state that was moved: others may
/// write to the target.
pub(crate) async fn moved_states(local: &LocalState, plan_hash: &str) -> Result<HashMap<String, Moved>> {
    let steps = last_cutover_steps(local, plan_hash).await?;
    let moved = |step: CutoverStep| step.moved.filter(|_| step.stage.is_moved());
    Ok(steps.into_iter().filter_map(|(table, (_, step))| Some((table, moved(step)?))).collect())
}

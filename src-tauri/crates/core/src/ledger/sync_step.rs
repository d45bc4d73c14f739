//! One step of a round that keeps a migrated table up with its source, as the journal has it.

use super::entry::{TABLE_SYNCED, read};
use crate::LocalState;
use icebridge_model::sync::SyncRound;
use icebridge_model::{Error, Result, TableIdent};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncStage {
    /// Files are being copied; nothing of the round is visible.
    Begun,
    /// The files are there and compare equal; the commit is next.
    Compared,
    /// The target shows the round.
    Committed,
    /// The round is given up; the target is as it was before.
    Failed,
    /// As `Failed`, until a person has decided.
    Stopped,
}

/// Body of `table.synced`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncStep {
    pub stage: SyncStage,
    pub target: TableIdent,
    pub round: u64,
    /// The state of the source that the round brings.
    pub source_metadata_location: String,
    pub source_snapshot_id: Option<i64>,
    /// From `compared` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<SyncRound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// Of a round by a cluster that differs from its source: the target's snapshot that its own commit left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs_at: Option<i64>,
}

/// The last step of each table in any run of the plan, by source table.
pub(crate) async fn last_sync_steps(local: &LocalState, plan_hash: &str) -> Result<HashMap<String, SyncStep>> {
    let entries = local.store.last_of_plan(plan_hash, TABLE_SYNCED).await?;
    entries.into_iter().map(|entry| Ok((entry.table.clone(), read(&entry)?))).collect()
}

/// The last round of a table that the target has shown, in any run of the plan.
pub(crate) async fn last_committed(
    local: &LocalState,
    plan_hash: &str,
    table: &TableIdent,
) -> Result<Option<SyncStep>> {
    let entry = local.store.last_with(plan_hash, TABLE_SYNCED, table, ("stage", "committed")).await?;
    entry.as_ref().map(read).transpose()
}

/// The last step of a round that brought a state of the source, from `compared` on, in any run of the plan.
pub(crate) async fn step_that_brought(
    local: &LocalState,
    plan_hash: &str,
    table: &TableIdent,
    source_metadata_location: &str,
) -> Result<Option<SyncStep>> {
    let field = ("made.source_metadata_location", source_metadata_location);
    let entry = local.store.last_with(plan_hash, TABLE_SYNCED, table, field).await?;
    entry.as_ref().map(read).transpose()
}

//! What a run writes into the journal. These shapes are part of the audit bundle's format: fields are added, never changed.

use icebridge_model::approval::Approved;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::databricks::GatePassed;
use icebridge_model::journal::{Entry, canonical};
use icebridge_model::run::{ParallelTables, PlanHash, RunState};
use icebridge_model::{Code, Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

pub const RUN_STARTED: &str = "run.started";
pub const RUN_RESUMED: &str = "run.resumed";
pub const RUN_ENDED: &str = "run.ended";
/// What these three were called before runs were: the journal keeps its entries as they were written.
pub const OLD_RUN_STARTED: &str = "job.started";
pub const OLD_RUN_RESUMED: &str = "job.resumed";
pub const OLD_RUN_ENDED: &str = "job.ended";
pub const TABLE_STATE: &str = "table.state";
/// Its body is a `GovernanceReport`: what was done in Unity Catalog after the migration.
pub const TABLE_GOVERNANCE: &str = "table.governance";
/// What it was called before: the journal keeps its entries as they were written.
pub const OLD_TABLE_GOVERNANCE: &str = "table.after";
/// The row of metrics is about to be written, by who may not look whether it is there.
pub const METRICS_SENT: &str = "governance.metrics_sent";
/// Its body names the error for which a table could not be compared again. It changes no state.
pub const TABLE_NOT_VALIDATED: &str = "table.not_validated";
/// Its body is a [`super::SyncStep`]: a step of a round that keeps a migrated table up with its source.
pub const TABLE_SYNCED: &str = "table.synced";
/// Its body is a [`CutoverApproved`]: a cut-over of a plan that asks for approvals begins.
pub const CUTOVER_APPROVED: &str = "cutover.approved";
/// Outside of any run, and in the journal of each run of the plan.
pub const PLAN_REHEARSED: &str = "plan.rehearsed";
/// Its body is a [`super::CutoverStep`]: a step on the way from the source to the target, or back.
pub const TABLE_CUTOVER: &str = "table.cutover";
// Appended by the store, with the validation itself.
pub use icebridge_store::TABLE_VALIDATED;

/// Body of `run.started` and `run.resumed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    pub plan_hash: PlanHash,
    pub source: String,
    pub target: String,
    pub tables: usize,
    /// The operating system's name of who started it.
    pub by: String,
    pub product_version: String,
    /// Of a target that has one: asked just before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GatePassed>,
    /// The address of each workspace that source and target are in, by its name here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, String>,
    /// Source and target as they were defined, without their secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catalogs: Vec<CatalogSpec>,
    /// Of a plan that asks for approvals: the ones on which the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
    /// The plan's number of a change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub change: String,
}

/// Body of `cutover.approved`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutoverApproved {
    pub approved: Approved,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub change: String,
}

/// Body of `run.ended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEnded {
    pub state: RunState,
    pub migrated: usize,
    pub failed: usize,
    pub cancelled: usize,
    /// What it found to be enough, where it looked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_tables: Option<ParallelTables>,
}

pub(crate) fn body(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal("a journal entry cannot be written as JSON").with_cause(e))
}

pub(crate) fn read<T: DeserializeOwned>(entry: &Entry) -> Result<T> {
    serde_json::from_value(entry.body.clone()).map_err(|e| {
        Error::new(Code::StateBroken, format!("a {} entry cannot be understood", entry.kind))
            .about(format!("journal entry {}", entry.sequence))
            .with_hint("The state was written by another version of IceBridge: use that one for this run.")
            .with_cause(e)
    })
}

/// Whether two bodies say the same, whatever the order of their keys.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    canonical(a) == canonical(b)
}

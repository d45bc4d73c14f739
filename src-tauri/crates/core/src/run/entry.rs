//! What a run writes into the journal. These shapes are part of the audit bundle's format: fields are added, never changed.

use icebridge_lakehouse::catalog::Publication;
use icebridge_model::databricks::GatePassed;
use icebridge_model::journal::canonical;
use icebridge_model::run::{CopyOutcome, FileSum, RunState, TableState};
use icebridge_model::{Error, Result, TableIdent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

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
// Appended by the store, with the validation itself.
pub use icebridge_store::TABLE_VALIDATED;

/// Body of `run.started` and `run.resumed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    pub plan_hash: String,
    pub source: String,
    pub target: String,
    pub tables: usize,
    /// The operating system's name of who started it.
    pub by: String,
    pub product_version: String,
    /// Of a target that has one: asked just before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GatePassed>,
}

/// Body of `run.ended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEnded {
    pub state: RunState,
    pub migrated: usize,
    pub failed: usize,
    pub cancelled: usize,
}

/// Body of `table.state`. A field that a state has nothing to say about is left out; the last one said holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableStep {
    pub state: TableState,
    pub target: TableIdent,
    /// Why, where it is not plain: what was adopted, what was found at a resume.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// At `committing`: what is about to become visible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publication: Option<Published>,
    /// Without its checksums, which can be many: `checksums` stands for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CopyOutcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksums: Option<SumOfSums>,
    /// At `committed`: the target's snapshot as this run made or found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_snapshot_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl TableStep {
    pub fn new(state: TableState, target: &TableIdent) -> Self {
        Self {
            state,
            target: target.clone(),
            note: String::new(),
            publication: None,
            outcome: None,
            checksums: None,
            target_snapshot_id: None,
            error: None,
        }
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub fn outcome(mut self, outcome: &CopyOutcome) -> Self {
        self.checksums = (!outcome.checksums.is_empty()).then(|| SumOfSums::of(&outcome.checksums));
        self.outcome = Some(CopyOutcome { checksums: Vec::new(), ..outcome.clone() });
        self
    }

    pub fn to_body(&self) -> Result<Value> {
        body(self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// `register` or `create`.
    pub how: String,
    pub metadata_location: String,
}

impl From<&Publication> for Published {
    fn from(publication: &Publication) -> Self {
        let (how, metadata_location) = match publication {
            Publication::Register { metadata_location } => ("register", metadata_location),
            Publication::Create { metadata_location, .. } => ("create", metadata_location),
        };
        Self { how: how.into(), metadata_location: metadata_location.clone() }
    }
}

/// Stands for a list of checksums: SHA-256 over its lines `<sha256>  <path>\n` in their order, as `sha256sum` writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumOfSums {
    pub files: usize,
    pub bytes: u64,
    pub sha256: String,
}

impl SumOfSums {
    pub fn of(sums: &[FileSum]) -> Self {
        let mut hasher = Sha256::new();
        for sum in sums {
            hasher.update(format!("{}  {}\n", sum.sha256, sum.path));
        }
        Self {
            files: sums.len(),
            bytes: sums.iter().fold(0, |all, s| all.saturating_add(s.bytes)),
            sha256: hex::encode(hasher.finalize()),
        }
    }
}

pub(crate) fn body(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal("a journal entry cannot be written as JSON").with_cause(e))
}

/// Whether two bodies say the same, whatever the order of their keys.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    canonical(a) == canonical(b)
}

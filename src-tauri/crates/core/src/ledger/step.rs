//! One table's transition, as the journal has it.

use super::entry::body;
use icebridge_lakehouse::catalog::Publication;
use icebridge_model::run::{CopyOutcome, FileSum, TableState};
use icebridge_model::{Error, Result, TableIdent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

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

    pub fn error(mut self, error: Error) -> Self {
        self.error = Some(error);
        self
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
    pub how: PublishedBy,
    pub metadata_location: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedBy {
    /// The catalog adopts finished metadata.
    Register,
    /// The catalog makes the table from a metadata document.
    Create,
}

impl From<&Publication> for Published {
    fn from(publication: &Publication) -> Self {
        let (how, metadata_location) = match publication {
            Publication::Register { metadata_location } => (PublishedBy::Register, metadata_location),
            Publication::Create { metadata_location, .. } => (PublishedBy::Create, metadata_location),
        };
        Self { how, metadata_location: metadata_location.clone() }
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

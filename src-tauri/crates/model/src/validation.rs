//! What was compared between a source table at its pinned snapshot and its target, and what that proves.

use crate::check::CheckName;
use crate::conversion::Conversion;
use crate::copy_mode::EngineKind;
use crate::records::RecordCounts;
use crate::{Error, TableIdent};
use serde::{Deserialize, Serialize};

/// How much is proved, weakest first. A run's level is the lowest of its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofLevel {
    /// Something differs, or nothing could be compared.
    None,
    /// Columns, types, nullability and docs agree.
    Schema,
    /// … and the row counts.
    Count,
    /// … and per column the counts of nulls and NaNs, the least, the greatest and the sum.
    Aggregates,
    /// … and the typed row digest: the same rows the same number of times.
    Digest,
    /// … and every file is the source's file, by SHA-256, in every snapshot.
    Bytes,
    /// At least [`Self::Digest`], and the target's own engine read the target and found that digest. The source was read by
    /// whoever made the digest alone.
    TargetReadBack,
    /// At least [`Self::Digest`], and an engine that is not IceBridge's read both sides and found that digest.
    ReadBack,
}

impl ProofLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Schema => "schema",
            Self::Count => "count",
            Self::Aggregates => "aggregates",
            Self::Digest => "digest",
            Self::Bytes => "bytes",
            Self::TargetReadBack => "target_read_back",
            Self::ReadBack => "read_back",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `schema`, `count`, `aggregates:<column>`, `digest`, `bytes`, `target-read-back`, `read-back`, `records`, `deletes`, `great-expectations`; of a cluster also
    /// `schema:<column>`, `nulls:<column>`, `range:<column>`, `unique:<columns>`, `digest:<column>`.
    pub name: CheckName,
    pub passed: bool,
    pub source: String,
    pub target: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    pub source: TableIdent,
    pub target: TableIdent,
    pub source_snapshot_id: Option<i64>,
    pub target_snapshot_id: Option<i64>,
    pub passed: bool,
    pub proof: ProofLevel,
    /// Who read both sides: IceBridge's own reader, or a cluster.
    #[serde(default, skip_serializing_if = "EngineKind::is_embedded")]
    pub read_by: EngineKind,
    pub rows: u64,
    /// 64 hexadecimal digits, see docs/digest.md; of the source.
    pub digest: String,
    /// What holds under these: the source was measured as they convert it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversions: Vec<Conversion>,
    pub checks: Vec<Check>,
    /// The source's records and deletes at its snapshot; none where they were not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_records: Option<RecordCounts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_records: Option<RecordCounts>,
    #[serde(default)]
    pub error: Option<Error>,
    pub validated_at: String,
    pub milliseconds: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What one side of a comparison found: the reader's measurement of one table at one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    pub snapshot_id: Option<i64>,
    pub rows: u64,
    pub digest: String,
    /// Top-level columns by name.
    pub columns: Vec<ColumnMeasure>,
    /// What the manifests and the delete files say of the number of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<RecordCounts>,
    /// What the data files' footers say in place of the manifests, where the manifests say another number than was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_by_footers: Option<RecordCounts>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnMeasure {
    pub name: String,
    pub column_type: String,
    pub nulls: u64,
    pub nans: u64,
    /// Texts, at any depth, whose bytes are not UTF-8.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_utf8: u64,
    /// Of primitive types with an order; text as Iceberg's single-value JSON.
    pub least: Option<String>,
    pub greatest: Option<String>,
    /// Of integers and decimals, exact.
    pub sum: Option<String>,
}

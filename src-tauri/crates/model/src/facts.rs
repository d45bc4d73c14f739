//! What the inventory knows of a table, read from its own metadata and manifests and pinned to one snapshot.

use crate::records::DeleteCounts;
use crate::schema::{PartitionSpec, Schema, SortOrder};
use crate::{Error, TableIdent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableFacts {
    pub ident: TableIdent,
    pub metadata_location: String,
    pub uuid: String,
    pub location: String,
    pub format_version: u8,
    pub last_updated_ms: i64,
    /// The current schema: what a reader sees today.
    pub schema: Schema,
    pub partition_specs: Vec<PartitionSpec>,
    pub default_spec_id: i32,
    /// The default sort order; empty fields mean unsorted.
    pub sort_order: SortOrder,
    pub properties: BTreeMap<String, String>,
    /// The snapshot everything else is pinned to; none for a table without one.
    pub snapshot_id: Option<i64>,
    pub snapshot_count: usize,
    pub refs: Vec<SnapshotRef>,
    pub has_name_mapping: bool,
    /// Keys of table encryption, `encryption.*` properties, or key metadata on a file.
    pub encrypted: bool,
    /// Statistics (Puffin) and partition statistics files the metadata names.
    pub statistics_files: usize,
    /// Of them, those outside the table's location.
    #[serde(default)]
    pub outside_statistics: usize,
    /// Files named by the metadata that lie outside the table's location.
    pub outside_location: usize,
    pub files: FileTotals,
    /// What the delete files delete, and what they name in vain; none where they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletes: Option<DeleteCounts>,
    #[serde(default)]
    pub history: HistoryFiles,
    #[serde(default, skip_serializing_if = "FooterFacts::is_empty")]
    pub footers: FooterFacts,
    /// Set where the metadata is the newest of a folder, and no catalog says that it was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<UnconfirmedMetadata>,
}

/// Whether the files of earlier snapshots and the statistics files are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryFiles {
    /// Files that were looked for; not all of them, unless that was asked for.
    pub checked: u64,
    pub missing: u64,
    /// One of them, with what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_missing: Option<String>,
}

/// What the footers of some data files say that the table's metadata does not; columns by their dotted paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FooterFacts {
    /// The files that were looked at; others may be like them or not.
    pub checked: u64,
    /// Timestamps in another unit than the table's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_units: Vec<String>,
    /// Partition columns that the files hold too, with another value or as another type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_columns: Vec<String>,
    /// Columns of types that cannot become the table's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfit: Vec<String>,
}

impl FooterFacts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Metadata that was taken for the table's because it is the newest in its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedMetadata {
    /// Metadata files in the folder.
    pub candidates: usize,
    /// Those that the one that was taken does not come after, by its metadata log.
    pub rivals: Vec<String>,
}

impl TableFacts {
    pub fn partition_spec(&self) -> PartitionSpec {
        self.partition_specs.iter().find(|s| s.spec_id == self.default_spec_id).cloned().unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRef {
    pub name: String,
    pub snapshot_id: i64,
    /// `branch` or `tag`.
    pub kind: String,
}

/// Live files of the pinned snapshot, added up from its manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTotals {
    pub data_files: u64,
    pub data_bytes: u64,
    /// Records in data files, before any delete is applied.
    pub data_records: u64,
    pub position_delete_files: u64,
    pub equality_delete_files: u64,
    pub deletion_vectors: u64,
    pub delete_records: u64,
    pub delete_bytes: u64,
    pub manifests: u64,
    /// Of them, those whose fields have names and no ids.
    #[serde(default)]
    pub manifests_without_ids: u64,
    pub manifest_bytes: u64,
    /// Files per format as the manifests name it, in capitals: PARQUET, ORC, AVRO.
    pub formats: BTreeMap<String, u64>,
    /// Files per partition spec id.
    #[serde(deserialize_with = "numbers_from_text_keys")]
    pub specs_in_use: BTreeMap<i32, u64>,
    /// Bytes of all files of all snapshots where the inventory could tell them apart; what a clone copies.
    pub history_bytes: u64,
    pub history_files: u64,
    /// Records in data files that later snapshots took out of the table, by the summaries of the snapshots that are kept.
    #[serde(default)]
    pub history_records: u64,
}

/// JSON's keys are text. `InventoryRow` is flattened, and serde then hands them over as text, which it otherwise parses.
fn numbers_from_text_keys<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<i32, u64>, D::Error> {
    let by_text = BTreeMap::<String, u64>::deserialize(deserializer)?;
    by_text.into_iter().map(|(key, files)| Ok((key.parse().map_err(serde::de::Error::custom)?, files))).collect()
}

impl FileTotals {
    pub fn delete_files(&self) -> u64 {
        self.position_delete_files + self.equality_delete_files + self.deletion_vectors
    }
}

/// One row of the inventory: facts, or the reason why there are none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredRow")]
pub struct InventoryRow {
    pub ident: TableIdent,
    pub captured_at: String,
    #[serde(flatten)]
    pub outcome: InventoryOutcome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InventoryOutcome {
    Facts(Box<TableFacts>),
    Problem(Error),
}

/// The same as it is written. Serde reads flattened fields by keeping all of them as values first, and this is read for
/// every table of an inventory.
#[derive(Deserialize)]
struct StoredRow {
    ident: TableIdent,
    captured_at: String,
    facts: Option<Box<TableFacts>>,
    problem: Option<Error>,
}

impl TryFrom<StoredRow> for InventoryRow {
    type Error = &'static str;

    fn try_from(stored: StoredRow) -> Result<Self, Self::Error> {
        let outcome = match (stored.facts, stored.problem) {
            (Some(facts), _) => InventoryOutcome::Facts(facts),
            (None, Some(problem)) => InventoryOutcome::Problem(problem),
            (None, None) => return Err("neither facts nor a problem"),
        };
        Ok(Self { ident: stored.ident, captured_at: stored.captured_at, outcome })
    }
}

impl InventoryRow {
    pub fn facts(&self) -> Option<&TableFacts> {
        match &self.outcome {
            InventoryOutcome::Facts(facts) => Some(facts),
            InventoryOutcome::Problem(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flattening buffers the JSON, and what is buffered no longer turns text keys into numbers by itself.
    #[test]
    fn a_row_survives_its_json() {
        let files = FileTotals { specs_in_use: BTreeMap::from([(0, 2), (1, 40)]), ..FileTotals::default() };
        let facts = TableFacts {
            ident: TableIdent::new(["s"], "t"),
            metadata_location: "m".into(),
            uuid: "u".into(),
            location: "l".into(),
            format_version: 2,
            last_updated_ms: -1,
            schema: Schema { schema_id: 0, identifier_field_ids: Vec::new(), fields: Vec::new() },
            partition_specs: Vec::new(),
            default_spec_id: 0,
            sort_order: SortOrder::default(),
            properties: BTreeMap::new(),
            snapshot_id: Some(i64::MAX - 1),
            snapshot_count: 1,
            refs: Vec::new(),
            has_name_mapping: false,
            encrypted: false,
            statistics_files: 0,
            outside_statistics: 0,
            outside_location: 0,
            files,
            deletes: None,
            history: HistoryFiles::default(),
            footers: FooterFacts::default(),
            unconfirmed: None,
        };
        let row = InventoryRow {
            ident: facts.ident.clone(),
            captured_at: "now".into(),
            outcome: InventoryOutcome::Facts(Box::new(facts)),
        };
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<InventoryRow>(&text).unwrap(), row);
    }
}

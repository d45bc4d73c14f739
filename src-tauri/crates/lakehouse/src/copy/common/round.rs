//! A later round of a table that was copied before: it brings the target to the source's present state.
//!
//! A round is one new metadata file in the target. Its name follows from the plan and from the source's metadata file that it
//! was made from, so that a table tells by itself which state of the source it has, and a repeated round makes the same
//! file. A table whose metadata file has another name was written to by somebody else; where a catalog names the files, one
//! whose current snapshot is another.

use super::contract::{CopyTask, Onto};
use super::{identity, marks};
use crate::catalog::{Advancing, Staged, TargetCatalog};
use crate::copy::relocate::document;
use crate::metadata::{Snapshot, TableMetadata};
use crate::name_mapping::PROPERTY_NAME_MAPPING;
use crate::provenance::{
    PROPERTY_LAYOUT, PROPERTY_NAME_MAPPING_MARK, PROPERTY_PLAN, PROPERTY_SEQUENCE_NUMBER, PROPERTY_SNAPSHOT,
    PROPERTY_SOURCE_LOCATION, PROPERTY_SOURCE_METADATA, PROPERTY_SOURCE_SNAPSHOT, PROPERTY_SYNC_ROUND,
};
use crate::table::Table;
use bytes::Bytes;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::{Value, json};

/// Which state of the source a table of the target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub round: u64,
    pub source_metadata_location: String,
    pub source_snapshot_id: Option<i64>,
}

/// None: the table is none that this plan copied with its snapshots' ids, or somebody else has written to it since.
pub fn standing(catalog: &dyn TargetCatalog, table: &Table, plan_hash: &str, target: &TableIdent) -> Option<Standing> {
    let property = |key: &str| table.metadata.properties.get(key).map(String::as_str);
    if property(PROPERTY_PLAN) != Some(plan_hash) {
        return None;
    }
    let standing = Standing {
        round: match property(PROPERTY_SYNC_ROUND) {
            Some(round) => round.parse().ok()?,
            None => 0,
        },
        source_metadata_location: property(PROPERTY_SOURCE_METADATA)?.to_string(),
        source_snapshot_id: property(PROPERTY_SOURCE_SNAPSHOT).and_then(|id| id.parse().ok()),
    };
    let is_as_made = match catalog.advancing() {
        Advancing::No => false,
        Advancing::ByFile => {
            let (_, name) = table.metadata_location.rsplit_once('/')?;
            name == file_name(plan_hash, target, &standing)
        }
        // The file is the catalog's own. A commit of somebody else has another snapshot, or is found when the next one is made.
        Advancing::ByUpdates => {
            let metadata = &table.metadata;
            let mapping = marks::name_mapping(property(PROPERTY_NAME_MAPPING));
            let sequence_number = property(PROPERTY_SEQUENCE_NUMBER).and_then(|left| left.parse::<i64>().ok());
            let current = metadata.current_snapshot_id;
            let has_snapshot = match property(PROPERTY_SNAPSHOT) {
                Some(left) => left == marks::snapshot(current),
                None => current == standing.source_snapshot_id,
            };
            has_snapshot
                && property(PROPERTY_LAYOUT).is_none_or(|left| has_layout(metadata, left))
                && property(PROPERTY_NAME_MAPPING_MARK).is_none_or(|left| left == mapping)
                && sequence_number.is_none_or(|left| metadata.last_sequence_number <= left)
        }
    };
    (is_as_made || catalog.advancing() != Advancing::No && is_compacted(&table.metadata)).then_some(standing)
}

/// Whether the current snapshot is the one that we left, of a table whose snapshots are its own.
pub fn is_as_left(metadata: &TableMetadata) -> bool {
    let left = metadata.properties.get(PROPERTY_SNAPSHOT);
    left.is_none_or(|left| *left == marks::snapshot(metadata.current_snapshot_id))
}

/// Whether all that was done to a rewritten table since we left it is compaction: other files, the same rows. Engines that manage tables do
/// so by themselves.
fn is_compacted(metadata: &TableMetadata) -> bool {
    let property = |key: &str| metadata.properties.get(key).map(String::as_str);
    let left = property(PROPERTY_SNAPSHOT).and_then(|left| left.parse::<i64>().ok());
    let (Some(left), Some(current)) = (left, metadata.current_snapshot_id) else { return false };
    let mapping = marks::name_mapping(property(PROPERTY_NAME_MAPPING));
    left != current
        && snapshots_since(metadata, Some(left)).is_some_and(|by| by.iter().all(|one| is_replacing(one)))
        && metadata.refs.keys().all(|name| name == "main")
        && property(PROPERTY_LAYOUT).is_some_and(|left| has_layout(metadata, left))
        && property(PROPERTY_NAME_MAPPING_MARK).is_some_and(|left| left == mapping)
}

/// The snapshots that led from one, or from a table without any, to the current one, the last one first.
pub fn snapshots_since(metadata: &TableMetadata, since: Option<i64>) -> Option<Vec<&Snapshot>> {
    let mut found = Vec::new();
    let mut at = metadata.current_snapshot_id;
    for _ in 0..=metadata.snapshots.len() {
        if at == since {
            return Some(found);
        }
        let snapshot = metadata.snapshot(at?)?;
        found.push(snapshot);
        at = snapshot.parent_snapshot_id;
    }
    None
}

/// "Data and delete files were added and removed without changing table data" (specification, "Snapshots"). One that adds more rows
/// than it removes says itself that this is not so; deletes that were applied make them fewer.
pub fn is_replacing(snapshot: &Snapshot) -> bool {
    let number = |key: &str| match snapshot.summary.get(key) {
        Some(text) => text.trim().parse::<u64>().ok(),
        None => Some(0),
    };
    let brings_rows = match (number("added-records"), number("deleted-records")) {
        (Some(added), Some(deleted)) => added > deleted,
        _ => true,
    };
    snapshot.summary.get("operation").is_some_and(|operation| operation == "replace") && !brings_rows
}

/// Whether a table has nothing since a snapshot but compaction, on any branch.
pub fn is_only_compacted_since(metadata: &TableMetadata, snapshot_id: Option<i64>, sequence_number: i64) -> bool {
    let later = metadata.snapshots.iter().filter(|one| one.sequence_number > sequence_number);
    let on_main = match (snapshot_id, metadata.current_snapshot_id) {
        (left, current) if left == current => true,
        (Some(left), _) => {
            snapshots_since(metadata, Some(left)).is_some_and(|all| all.iter().all(|one| is_replacing(one)))
        }
        (None, _) => false,
    };
    on_main && later.into_iter().all(is_replacing)
}

/// A comment makes a new schema of the same columns: whoever may describe a table has not changed it.
fn has_layout(metadata: &TableMetadata, left: &str) -> bool {
    let layout = |schema: i32| {
        marks::layout(schema.into(), metadata.default_spec_id.into(), metadata.default_sort_order_id.into())
    };
    let current = metadata.current_schema();
    let same = metadata.schemas.iter().filter(|known| known.without_comments() == current.without_comments());
    same.map(|known| known.schema_id).chain([current.schema_id]).any(|id| layout(id) == left)
}

fn file_name(plan_hash: &str, target: &TableIdent, standing: &Standing) -> String {
    match standing.round {
        0 => identity::first_metadata_file(plan_hash, target),
        round => {
            let snapshot = standing.source_snapshot_id.map_or("none".to_string(), |id| id.to_string());
            let purpose = format!("round {round} {} {snapshot}", standing.source_metadata_location);
            format!("{round:05}-{}.metadata.json", identity::uuid(plan_hash, target, &purpose))
        }
    }
}

impl Onto<'_> {
    /// Where the round's metadata goes.
    pub fn metadata_location(&self, task: &CopyTask<'_>) -> String {
        let standing = Standing {
            round: self.round,
            source_metadata_location: task.source.metadata_location.clone(),
            source_snapshot_id: task.snapshot_id,
        };
        let folder = self.target.metadata.location.trim_end_matches('/');
        format!("{folder}/metadata/{}", file_name(task.plan_hash, task.target_ident, &standing))
    }

    /// That the table is the one that the plan made, of a table whose uuid we gave.
    pub fn check_uuid(&self, task: &CopyTask<'_>) -> Result<()> {
        let uuid = identity::uuid(task.plan_hash, task.target_ident, "table").to_string();
        match self.target.metadata.uuid.eq_ignore_ascii_case(&uuid) {
            true => Ok(()),
            false => {
                Err(Error::new(Code::TargetChanged, "another table has taken the target's name")
                    .about(task.target_ident))
            }
        }
    }

    /// What the round's metadata says of itself.
    pub fn mark(&self, metadata: &mut Value, task: &CopyTask<'_>) -> Result<()> {
        let round = [
            (PROPERTY_SYNC_ROUND.to_string(), self.round.to_string()),
            // A source that was set back counts from lower numbers again, and a catalog does not.
            (
                PROPERTY_SEQUENCE_NUMBER.to_string(),
                number(metadata, "last-sequence-number").max(self.target.metadata.last_sequence_number).to_string(),
            ),
            (
                PROPERTY_SOURCE_LOCATION.to_string(),
                source_location(&self.target.metadata, &task.source.metadata).into(),
            ),
        ];
        document::set_properties(metadata, round)?;
        let before = &self.target.metadata;
        let mut log = before.raw.get("metadata-log").and_then(Value::as_array).cloned().unwrap_or_default();
        log.push(json!({"timestamp-ms": before.last_updated_ms, "metadata-file": self.target.metadata_location}));
        // A source that was set back is older than what the target has been; engines refuse a log that is ahead of its table.
        let updated = number(metadata, "last-updated-ms");
        log.retain(|entry| entry["timestamp-ms"].as_i64().is_some_and(|at| at <= updated));
        log.drain(..log.len().saturating_sub(kept_in_log(metadata)));
        metadata["metadata-log"] = Value::Array(log);
        Ok(())
    }
}

/// Puts a table's metadata where a catalog can be pointed to it, with all that was written for it on the disk.
pub async fn write_metadata(staged: &Staged, location: &str, metadata: &Value) -> Result<u64> {
    let text =
        serde_json::to_vec_pretty(metadata).map_err(|e| Error::internal("table metadata to JSON").with_cause(e))?;
    let bytes = text.len() as u64;
    staged.storage.write(location, Bytes::from(text)).await?;
    staged.storage.make_durable(&staged.location).await?;
    Ok(bytes)
}

/// The source's folder that the places of the target's files follow from; the present one where an earlier version copied.
pub fn source_location<'a>(target: &'a TableMetadata, source: &'a TableMetadata) -> &'a str {
    target.properties.get(PROPERTY_SOURCE_LOCATION).map_or(&source.location, String::as_str)
}

fn number(metadata: &Value, key: &str) -> i64 {
    metadata.get(key).and_then(Value::as_i64).unwrap_or(0)
}

/// As engines do it, by the table's property.
fn kept_in_log(metadata: &Value) -> usize {
    let said = metadata["properties"]["write.metadata.previous-versions-max"].as_str();
    said.and_then(|text| text.parse().ok()).unwrap_or(100).max(1)
}

//! The marks in a copy's properties: which plan made it, and of what.

use super::contract::CopyTask;
use crate::copy::relocate::document;
use crate::name_mapping::PROPERTY_NAME_MAPPING;
use crate::provenance::{
    PROPERTY_FIELD_IDS, PROPERTY_LAYOUT, PROPERTY_NAME_MAPPING_MARK, PROPERTY_PLAN, PROPERTY_REFS,
    PROPERTY_SEQUENCE_NUMBER, PROPERTY_SNAPSHOT, PROPERTY_SOURCE_LOCATION, PROPERTY_SOURCE_METADATA,
    PROPERTY_SOURCE_SNAPSHOT, PROPERTY_SOURCE_UUID, PROPERTY_SYNC_ROUND, PROPERTY_UNIT_MAP,
};
use icebridge_model::Result;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Says in a table's metadata where it comes from. A source that was made by IceBridge itself has such marks, of another copy.
pub fn set(metadata: &mut Value, task: &CopyTask<'_>) -> Result<()> {
    let of_another_copy = [
        PROPERTY_SOURCE_UUID,
        PROPERTY_SOURCE_SNAPSHOT,
        PROPERTY_SYNC_ROUND,
        PROPERTY_SNAPSHOT,
        PROPERTY_UNIT_MAP,
        PROPERTY_FIELD_IDS,
    ];
    document::remove_properties(metadata, &of_another_copy);
    let number = |key: &str| metadata.get(key).and_then(Value::as_i64).unwrap_or(0);
    let layout = layout(number("current-schema-id"), number("default-spec-id"), number("default-sort-order-id"));
    let left = [
        (PROPERTY_LAYOUT, layout),
        (PROPERTY_SEQUENCE_NUMBER, number("last-sequence-number").to_string()),
        (PROPERTY_NAME_MAPPING_MARK, name_mapping(metadata["properties"][PROPERTY_NAME_MAPPING].as_str())),
        (PROPERTY_REFS, refs(metadata)),
    ];
    let left = left.map(|(key, value)| (key.to_string(), value));
    document::set_properties(metadata, properties(task).into_iter().chain(left))
}

/// Says which snapshot a copy was left with whose snapshots are not the source's, and whether its field ids are.
pub fn set_own(metadata: &mut Value, current: Option<i64>, keeps_ids: bool) -> Result<()> {
    let ids = if keeps_ids { "source" } else { "own" };
    let marks = [(PROPERTY_SNAPSHOT, snapshot(current)), (PROPERTY_FIELD_IDS, ids.to_string())];
    document::set_properties(metadata, marks.map(|(key, value)| (key.to_string(), value)))
}

/// As a mark tells it.
pub fn snapshot(id: Option<i64>) -> String {
    id.map_or_else(|| "none".to_string(), |id| id.to_string())
}

/// As a mark tells them.
fn refs(metadata: &Value) -> String {
    let all = metadata.get("refs").and_then(Value::as_object).into_iter().flatten();
    let named = all.filter(|(name, _)| *name != "main");
    let refs: Map<String, Value> = named.map(|(name, one)| (name.clone(), one["snapshot-id"].clone())).collect();
    Value::Object(refs).to_string()
}

/// As a mark tells it.
pub fn name_mapping(mapping: Option<&str>) -> String {
    mapping.map_or_else(|| "none".to_string(), |mapping| hex::encode(Sha256::digest(mapping)))
}

/// As a mark tells it.
pub fn layout(schema: i64, spec: i64, sort_order: i64) -> String {
    format!("{schema}-{spec}-{sort_order}")
}

fn properties(task: &CopyTask<'_>) -> Vec<(String, String)> {
    let mut out = vec![
        (PROPERTY_PLAN.into(), task.plan_hash.into()),
        (PROPERTY_SOURCE_METADATA.into(), task.source.metadata_location.clone()),
        (PROPERTY_SOURCE_LOCATION.into(), task.source.metadata.location.clone()),
    ];
    if !task.source.metadata.uuid.is_empty() {
        out.push((PROPERTY_SOURCE_UUID.into(), task.source.metadata.uuid.clone()));
    }
    if let Some(id) = task.snapshot_id {
        out.push((PROPERTY_SOURCE_SNAPSHOT.into(), id.to_string()));
    }
    out
}

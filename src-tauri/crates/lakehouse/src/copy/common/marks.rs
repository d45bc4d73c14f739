//! The marks in a copy's properties: which plan made it, and of what.

use super::contract::CopyTask;
use crate::copy::relocate::document;
use crate::provenance::{
    PROPERTY_LAYOUT, PROPERTY_PLAN, PROPERTY_SOURCE_LOCATION, PROPERTY_SOURCE_METADATA, PROPERTY_SOURCE_SNAPSHOT,
    PROPERTY_SOURCE_UUID, PROPERTY_SYNC_ROUND,
};
use icebridge_model::Result;
use serde_json::Value;

/// Says in a table's metadata where it comes from. A source that was made by IceBridge itself has such marks, of another copy.
pub fn set(metadata: &mut Value, task: &CopyTask<'_>) -> Result<()> {
    document::remove_properties(metadata, &[PROPERTY_SOURCE_UUID, PROPERTY_SOURCE_SNAPSHOT, PROPERTY_SYNC_ROUND]);
    let id = |key: &str| metadata.get(key).and_then(Value::as_i64).unwrap_or(0);
    let layout = layout(id("current-schema-id"), id("default-spec-id"), id("default-sort-order-id"));
    let marks = properties(task).into_iter().chain([(PROPERTY_LAYOUT.to_string(), layout)]);
    document::set_properties(metadata, marks)
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

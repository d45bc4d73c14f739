//! The first metadata of a table.

use super::error::IcebergError;
use super::fields;
use super::rules::Rules;
use crate::base::{Fields, plain};
use crate::unity::is_reserved;
use serde_json::{Value, json};

/// What the engine keeps for itself cannot be set, as in `CREATE TABLE`.
pub fn allowed(properties: &Value) -> Result<(), IcebergError> {
    let mut names = properties.as_object().into_iter().flatten().map(|(name, _)| name);
    match names.find(|name| is_reserved(name)) {
        None => Ok(()),
        Some(name) => {
            Err(IcebergError::bad(format!("the table property {name} is managed by the engine and cannot be set")))
        }
    }
}

/// Nothing but what a commit builds on.
pub fn empty(uuid: &str, location: &str, format_version: i64, now: i64) -> Value {
    json!({
        "format-version": format_version, "table-uuid": uuid, "location": location, "last-sequence-number": 0,
        "last-updated-ms": now, "last-column-id": 0, "current-schema-id": -1, "schemas": [],
        "default-spec-id": -1, "partition-specs": [], "last-partition-id": 999, "default-sort-order-id": -1,
        "sort-orders": [], "properties": {}, "current-snapshot-id": -1, "refs": {}, "snapshots": [],
        "statistics": [], "partition-statistics": [], "snapshot-log": [], "metadata-log": [],
    })
}

/// From the request of createTable.
pub fn metadata(request: &Fields, uuid: &str, location: &str, now: i64, rules: &Rules) -> Result<Value, IcebergError> {
    let mut properties = request.get("properties").cloned().unwrap_or_else(|| json!({}));
    let version = properties.as_object_mut().and_then(|own| own.remove("format-version"));
    let version = version.map_or(Ok(2), |text| plain(&text).parse::<i64>());
    let version = version.map_err(|_| IcebergError::bad("format-version is no number"))?;
    rules.check_version(version)?;
    allowed(&properties)?;
    let schema = request.get("schema").ok_or_else(|| IcebergError::bad("the schema is missing"))?;
    fields::check(schema)?;
    let (schema, of) = fields::fresh(schema)?;
    let mut spec = request.get("partition-spec").cloned().unwrap_or_else(|| json!({"fields": []}));
    rules.check_spec(&spec)?;
    fields::follow(&mut spec["fields"], &of)?;
    for (at, field) in spec["fields"].as_array_mut().into_iter().flatten().enumerate() {
        field["field-id"] = json!(1000 + at);
    }
    spec["spec-id"] = json!(0);
    let mut order = request.get("write-order").cloned().unwrap_or_else(|| json!({"fields": []}));
    fields::follow(&mut order["fields"], &of)?;
    let sorted = order["fields"].as_array().is_some_and(|fields| !fields.is_empty());
    order["order-id"] = json!(i32::from(sorted));
    let mut metadata = empty(uuid, location, version, now);
    metadata["last-column-id"] = json!(fields::last(&schema));
    metadata["last-partition-id"] = json!(last_partition(&spec));
    metadata["current-schema-id"] = json!(0);
    metadata["default-spec-id"] = json!(0);
    metadata["default-sort-order-id"] = order["order-id"].clone();
    metadata["schemas"] = json!([schema]);
    metadata["partition-specs"] = json!([spec]);
    metadata["sort-orders"] = json!([order]);
    metadata["properties"] = properties;
    Ok(metadata)
}

pub fn last_partition(spec: &Value) -> i64 {
    let ids = spec["fields"].as_array().into_iter().flatten().filter_map(|field| field["field-id"].as_i64());
    ids.max().unwrap_or(999)
}

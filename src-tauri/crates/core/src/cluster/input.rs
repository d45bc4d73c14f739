//! The input files of `bulk_copy`, `incremental_sync` and `gx_runner`, as docs/spark-jobs.md describes them.

use super::record::{Lane, LaneCheck};
use icebridge_model::conversion::{ColumnAt, Conversion};
use icebridge_model::ident::split_parts;
use icebridge_model::photon::{ClusterCopy, ClusterMethod, PhotonSettings};
use icebridge_model::{Error, Result};
use serde_json::{Map, Value, json};

/// The same tables give the same bytes: what is written again is what was there.
pub(super) fn bulk_copy(lane: &Lane, plan_hash: &str, settings: &PhotonSettings) -> Result<Vec<u8>> {
    let tables: Vec<Value> = lane.tables.iter().map(|table| copy(table, settings, lane.check.is_some())).collect();
    written(&json!({
        "job": "bulk_copy", "input_version": 1, "result_path": lane.result_path, "plan_hash": plan_hash,
        "tables": tables,
    }))
}

/// One round of each table of the lane.
pub(super) fn incremental_sync(lane: &Lane, plan_hash: &str) -> Result<Vec<u8>> {
    let one = |table: &ClusterCopy| {
        json!({
            "source": source(table), "target": table.target, "keys": table.keys, "changes": table.changes,
            // Compared row by row afterwards, by who reads both sides.
            "verify": "count",
        })
    };
    let tables: Vec<Value> = lane.tables.iter().map(one).collect();
    written(&json!({
        "job": "incremental_sync", "input_version": 1, "result_path": lane.result_path, "plan_hash": plan_hash,
        "max_rounds": 1, "interval_seconds": 0, "tables": tables,
    }))
}

/// Of all tables of the lane: which of them will be there is not known before.
pub(super) fn gx_runner(lane: &Lane, check: &LaneCheck, plan_hash: &str) -> Result<Vec<u8>> {
    let one = |table: &ClusterCopy| {
        json!({
            "target": table.target, "source": source(table), "keys": table.keys,
            // CREATE TABLE AS SELECT cannot keep NOT NULL: a finding says so.
            "ignore_nullability": table.method == ClusterMethod::Ctas,
        })
    };
    let tables: Vec<Value> = lane.tables.iter().map(one).collect();
    written(&json!({
        "job": "gx_runner", "input_version": 1, "result_path": check.result_path, "docs_path": check.docs_path,
        "plan_hash": plan_hash, "tables": tables,
    }))
}

fn written(input: &Value) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(input)
        .map_err(|e| Error::internal("the input of a job cannot be written").with_cause(e))?;
    text.push(b'\n');
    Ok(text)
}

/// A null is a value of another type to the jobs: what is not known is left out.
fn put(into: &mut Map<String, Value>, name: &str, value: Value) {
    if !value.is_null() {
        into.insert(name.to_owned(), value);
    }
}

fn source(table: &ClusterCopy) -> Map<String, Value> {
    let mut source = Map::from_iter([("table".to_owned(), json!(table.source))]);
    put(&mut source, "snapshot_id", json!(table.snapshot_id));
    put(&mut source, "table_uuid", json!(table.table_uuid));
    put(&mut source, "delete_files", json!(table.delete_files));
    put(&mut source, "deletion_vectors", json!(table.deletion_vectors));
    put(&mut source, "partition_fields", json!(table.partition_fields));
    put(&mut source, "properties", json!(table.properties));
    if table.unversioned {
        source.insert("unversioned".to_owned(), json!(true));
    }
    let conversions: Vec<Value> = table.conversions.iter().filter_map(conversion).collect();
    if !conversions.is_empty() {
        source.insert("conversions".to_owned(), json!(conversions));
    }
    source
}

/// What a job has to do of a conversion: types that its engine reads are what it finds, names are lists of their parts.
fn conversion(one: &Conversion) -> Option<Value> {
    let parts = |column: &ColumnAt| split_parts(&column.path).ok();
    match one {
        Conversion::Optional { column } => Some(json!({"kind": "optional", "path": parts(column)?})),
        Conversion::Type { column, to, .. } => Some(json!({"kind": "type", "path": parts(column)?, "to": to})),
        // The layout, the format version and the keys are in the input by themselves; names are never changed on a cluster.
        Conversion::Rename { .. }
        | Conversion::IdentifierFields { .. }
        | Conversion::Partitioning { .. }
        | Conversion::SortOrder
        | Conversion::FormatVersion { .. } => None,
    }
}

/// `is_checked`: `gx_runner` comes after it, and looks whether the keys are unique.
fn copy(table: &ClusterCopy, settings: &PhotonSettings, is_checked: bool) -> Value {
    let mut target = Map::from_iter([("table".to_owned(), json!(table.target))]);
    put(&mut target, "partition_by", json!(table.partition_by));
    put(&mut target, "cluster_by", json!(table.cluster_by));
    put(&mut target, "comment", json!(table.comment));
    put(&mut target, "format_version", json!(table.format_version));
    let mut one = Map::from_iter([
        ("source".to_owned(), Value::Object(source(table))),
        ("target".to_owned(), Value::Object(target)),
        ("method".to_owned(), json!(table.method.as_str())),
    ]);
    if table.method == ClusterMethod::DeepClone {
        // The vendor's pages differ on whether a foreign table can be cloned.
        one.insert("fall_back".to_owned(), json!(true));
    }
    if table.method == ClusterMethod::InsertSelect {
        one.insert("batches".to_owned(), json!({"rows": settings.batch_rows}));
    }
    if !is_checked && !table.keys.is_empty() {
        one.insert("keys".to_owned(), json!(table.keys));
    }
    Value::Object(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::record::sample;

    #[test]
    fn the_copy_looks_at_the_keys_where_no_check_comes_after_it() {
        let keys = |is_checked: bool| {
            let table = ClusterCopy { keys: vec!["id".into()], ..sample("a", 1) };
            let lane = Lane::new("/Volumes/m/d/v/s", 1, vec![table], is_checked);
            let settings = PhotonSettings::default();
            let input: Value = serde_json::from_slice(&bulk_copy(&lane, "p", &settings).unwrap()).unwrap();
            input["tables"][0]["keys"].clone()
        };
        assert_eq!((keys(false), keys(true)), (json!(["id"]), Value::Null));
    }
}

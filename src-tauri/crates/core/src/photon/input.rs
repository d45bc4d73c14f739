//! The input file of `bulk_copy`, as docs/spark-jobs.md describes it.

use icebridge_model::photon::{ClusterCopy, ClusterMethod, PhotonSettings};
use icebridge_model::{Error, Result};
use serde_json::{Map, Value, json};

pub(super) const JOB: &str = "bulk_copy";

/// The same tables give the same bytes: what is written again is what was there.
pub(super) fn bulk_copy(
    tables: &[&ClusterCopy],
    plan_hash: &str,
    result_path: &str,
    settings: &PhotonSettings,
) -> Result<Vec<u8>> {
    let tables: Vec<Value> = tables.iter().map(|table| one(table, settings)).collect();
    let input = json!({
        "job": JOB, "input_version": 1, "result_path": result_path, "plan_hash": plan_hash, "tables": tables,
    });
    let mut text = serde_json::to_vec_pretty(&input)
        .map_err(|e| Error::internal("the input of a job cannot be written").with_cause(e))?;
    text.push(b'\n');
    Ok(text)
}

fn one(table: &ClusterCopy, settings: &PhotonSettings) -> Value {
    let mut source = Map::from_iter([("table".to_owned(), json!(table.source))]);
    // A null is a value of another type to the job: what is not known is left out.
    let put = |into: &mut Map<String, Value>, name: &str, value: Value| {
        if !value.is_null() {
            into.insert(name.to_owned(), value);
        }
    };
    put(&mut source, "snapshot_id", json!(table.snapshot_id));
    put(&mut source, "table_uuid", json!(table.table_uuid));
    put(&mut source, "delete_files", json!(table.delete_files));
    put(&mut source, "deletion_vectors", json!(table.deletion_vectors));
    put(&mut source, "partition_fields", json!(table.partition_fields));
    put(&mut source, "properties", json!(table.properties));
    let mut target = Map::from_iter([("table".to_owned(), json!(table.target))]);
    put(&mut target, "partition_by", json!(table.partition_by));
    put(&mut target, "cluster_by", json!(table.cluster_by));
    put(&mut target, "comment", json!(table.comment));
    put(&mut target, "format_version", json!(table.format_version));
    let mut one = Map::from_iter([
        ("source".to_owned(), Value::Object(source)),
        ("target".to_owned(), Value::Object(target)),
        ("method".to_owned(), json!(table.method.as_str())),
    ]);
    if table.method == ClusterMethod::InsertSelect {
        one.insert("batches".to_owned(), json!({"rows": settings.batch_rows}));
    }
    Value::Object(one)
}

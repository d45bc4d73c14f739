//! The first copy of a table: the rows of the pinned snapshot in one snapshot of a new table.

use super::data_file::DataFile;
use super::document::{self, Shape, Snapshot};
use super::numbering::Numbering;
use super::unit_map::{self, MappedUnit, UnitMap};
use super::units;
use super::writing::{Made, gathered, rules, timestamp, way, write_manifests, write_units, written_columns};
use crate::catalog::{Publication, Staged};
use crate::copy::common::checks::check_cancelled;
use crate::copy::common::contract::{CopyTask, Prepared};
use crate::copy::common::converted::Converted;
use crate::copy::common::marks;
use crate::copy::common::transfer::Transfer;
use crate::copy::common::{identity, place};
use crate::copy::relocate;
use crate::provenance::PROPERTY_PLAN;
use crate::scan;
use bytes::Bytes;
use icebridge_model::Result;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub async fn copy(task: &CopyTask<'_>) -> Result<Prepared> {
    relocate::document::refuse_encryption(&task.source.metadata)?;
    let converted = Converted::of(task);
    let shape = Shape::of(&task.source.metadata, &converted, task.target.spec().is_unity())?;
    let draft = shape.document("", "", 0)?;
    let staged = place::stage(task, Some(&draft)).await?;
    let (written, numbering) = match &staged.empty {
        Some(empty) => shape.filling(empty).map_err(|e| e.about(task.target_ident))?,
        None => (shape.clone(), Numbering::default()),
    };
    let transfer = Transfer::new(task, &staged);
    let tasks = transfer.or_cancelled(scan::plan(task.source, task.snapshot_id)).await?;
    let rules = rules(task, &converted, &numbering);
    let units = units::units(tasks, rules, &purpose(task, &staged), task.target_ident);
    let made = write_units(task, &staged, &transfer, (&shape, &written, &numbering), units).await?;
    check_cancelled(task)?;
    commit(task, &staged, &transfer, (&shape, &written, &numbering), made).await
}

/// Neither is what was made for the column ids of another table.
fn purpose(task: &CopyTask<'_>, staged: &Staged) -> String {
    let way = way(task);
    match &staged.empty {
        Some(empty) => format!("{way} {}", empty.uuid),
        None => way,
    }
}

async fn commit(
    task: &CopyTask<'_>,
    staged: &Staged,
    transfer: &Transfer<'_>,
    // As it is read, as it is written, and from the ids of one to those of the other.
    (read, shape, numbering): (&Shape, &Shape, &Numbering),
    made: Vec<Made>,
) -> Result<Prepared> {
    let mut units: Vec<MappedUnit> = made.iter().map(|made| made.mapped(0, 0)).collect();
    units.sort_by(|a, b| a.reads.cmp(&b.reads));
    let metadata_location = place::metadata_location(staged, task);
    let (files, outcome) = gathered(task, staged, &metadata_location, made);

    // Not before the table was made, whose clock may be another.
    let made_at = staged.empty.as_ref().map_or(0, |empty| empty.last_updated_ms);
    let timestamp_ms = timestamp(transfer, "rewrite:commit-time").await?.max(made_at);
    let uuid = match &staged.empty {
        Some(empty) => empty.uuid.clone(),
        None => identity::uuid(task.plan_hash, task.target_ident, "table").to_string(),
    };
    let mut metadata = shape.document(&uuid, &staged.location, timestamp_ms)?;
    // A source without a snapshot gives a table without one, and so does a snapshot without a row.
    if !files.is_empty() {
        let snapshot = write_snapshot(task, staged, shape, &files, timestamp_ms).await?;
        document::add_snapshot(&mut metadata, shape.format_version, &snapshot)?;
    } else if let Some(empty) = &staged.empty {
        metadata["last-sequence-number"] = empty.last_sequence_number.into();
    }
    marks::set(&mut metadata, task)?;
    match (files.is_empty(), shape.parent) {
        (true, Some(parent)) => marks::set_own(&mut metadata, Some(parent), numbering.keeps_ids())?,
        _ => {
            let current = metadata.get("current-snapshot-id").and_then(Value::as_i64);
            marks::set_own(&mut metadata, current, numbering.keeps_ids())?;
        }
    }
    let map = UnitMap {
        units,
        ids: numbering.ids(),
        naming: unit_map::naming(&task.source.metadata)?,
        schemas: vec![written_columns(task, read)],
        earlier: None,
    };
    let folder = place::own_folder("metadata", task, staged);
    map.save(&staged.storage, &staged.location, &folder, &mut metadata).await?;
    staged.storage.make_durable(&staged.location).await?;
    Ok(Prepared { outcome, publication: Publication::Create { metadata, metadata_location } })
}

async fn write_snapshot(
    task: &CopyTask<'_>,
    staged: &Staged,
    shape: &Shape,
    files: &[DataFile],
    timestamp_ms: i64,
) -> Result<Snapshot> {
    let id = identity::snapshot_id(task.plan_hash, task.target_ident);
    let name = identity::uuid(task.plan_hash, task.target_ident, "manifests");
    let schema = shape.schema_json()?;
    let commit = shape.commit(id, &schema, &staged.location, 0);
    let folder = format!("{}/{}", staged.location, place::own_folder("metadata", task, staged));
    let lines = write_manifests(task, staged, &commit, files, (&folder, name)).await?;
    let manifest_list = format!("{folder}/snap-{id}-1-{name}.avro");
    let (bytes, row_ids) = commit.manifest_list(name.into_bytes(), &lines)?;
    staged.storage.write(&manifest_list, Bytes::from(bytes)).await?;
    Ok(Snapshot {
        id,
        schema_id: shape.schema.schema_id,
        parent: shape.parent,
        sequence_number: shape.sequence_number,
        timestamp_ms,
        manifest_list,
        summary: summary(task, files),
        row_ids,
    })
}

/// What engines write for an append to an empty table.
fn summary(task: &CopyTask<'_>, files: &[DataFile]) -> BTreeMap<String, String> {
    let count = files.len() as u64;
    let records: u64 = files.iter().map(|f| f.records).sum();
    let bytes: u64 = files.iter().map(|f| f.size).sum();
    let partitions: BTreeSet<String> = files.iter().map(|f| format!("{:?}", f.partition)).collect();
    let mut out: BTreeMap<String, String> = [
        ("added-data-files", count),
        ("added-records", records),
        ("added-files-size", bytes),
        ("changed-partition-count", partitions.len() as u64),
        ("total-records", records),
        ("total-files-size", bytes),
        ("total-data-files", count),
        ("total-delete-files", 0),
        ("total-position-deletes", 0),
        ("total-equality-deletes", 0),
    ]
    .map(|(key, number)| (key.to_string(), number.to_string()))
    .into();
    out.insert("operation".into(), "append".into());
    out.insert(PROPERTY_PLAN.into(), task.plan_hash.into());
    out
}

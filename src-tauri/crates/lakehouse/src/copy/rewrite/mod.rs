//! The rows of the pinned snapshot in new files of a new table: deletes applied, one schema, one spec, no history.
//!
//! Where no row of a file changes and its columns lie as we would write them, its column chunks move into the new file
//! without a page being decoded. Row ids of format version 3 are given anew: row lineage is lost, which a finding says.

mod advance;
mod bounds;
mod carried;
mod columns;
mod compacted;
mod data_file;
mod decoded;
mod dictionary;
mod document;
mod manifests;
mod metrics;
mod murmur3;
mod next_shape;
mod numbering;
mod options;
mod output;
mod partition;
mod projection;
mod round_reads;
mod transform;
mod unit_map;
mod units;
mod work;
mod written_under;

use crate::arrow_types::arrow_schema;
use crate::catalog::{Publication, Staged};
use crate::copy::common::contract::{Copier, CopyTask, Discarded, Onto, Prepared};
use crate::copy::common::converted::Converted;
use crate::copy::common::identity::{self, cancelled, check_cancelled};
use crate::copy::common::marks;
use crate::copy::common::transfer::Transfer;
use crate::name_mapping::{self, MappedField};
use crate::provenance::PROPERTY_PLAN;
use crate::reader::Reader;
use crate::scan;
use crate::storage::Claim;
use async_trait::async_trait;
use bytes::Bytes;
use data_file::DataFile;
use decoded::Target;
use document::{Shape, Snapshot};
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_model::conversion::{Conversion, PartitionWay};
use icebridge_model::run::CopyOutcome;
use icebridge_model::schema::Schema;
use icebridge_model::{Code, Error, Result};
use manifests::{Commit, FILES_PER_MANIFEST, Line};
use metrics::MetricsPlan;
use numbering::Numbering;
use options::FileOptions;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::runtime::Handle;
use unit_map::{MappedUnit, UnitMap};
use units::{Rules, Unit};
use uuid::Uuid;
use work::{UnitOutput, Worker};
use written_under::WrittenUnder;

pub use round_reads::{RoundReads, round_reads};

pub struct Rewrite;

#[async_trait]
impl Copier for Rewrite {
    #[tracing::instrument(name = "copy", skip_all, fields(mode = "rewrite"))]
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared> {
        prepare(task).await.map_err(|e| e.about(&task.source.ident))
    }

    async fn discard(&self, task: &CopyTask<'_>) -> Result<Discarded> {
        identity::discard(task).await
    }

    #[tracing::instrument(name = "advance", skip_all, fields(mode = "rewrite", round = onto.round))]
    async fn advance(&self, task: &CopyTask<'_>, onto: &Onto<'_>) -> Result<Prepared> {
        advance::advance(task, onto).await.map_err(|e| e.about(&task.source.ident))
    }
}

async fn prepare(task: &CopyTask<'_>) -> Result<Prepared> {
    super::relocate::document::refuse_encryption(&task.source.metadata)?;
    let converted = Converted::of(task);
    let shape = Shape::of(&task.source.metadata, &converted, task.target.spec().is_unity())?;
    let draft = shape.document("", "", 0)?;
    let staged = identity::stage(task, Some(&draft)).await?;
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

fn rules(task: &CopyTask<'_>, converted: &Converted, numbering: &Numbering) -> Rules {
    Rules {
        kept_spec_id: converted.keeps_partitions.then_some(task.source.metadata.default_spec_id),
        move_chunks: task.settings.move_chunks
            && numbering.keeps_ids()
            && !task.conversions.iter().any(Conversion::changes_rows),
        target_bytes: task.settings.target_file_bytes.max(1),
        by_deletes: false,
    }
}

/// Names the units: what one way of laying out the table made is none of another's.
fn way(task: &CopyTask<'_>) -> String {
    match task.partitioning {
        None | Some(PartitionWay::AsIs) => task.plan_hash.to_string(),
        Some(way) => format!("{} {way}", task.plan_hash),
    }
}

/// Neither is what was made for the column ids of another table.
fn purpose(task: &CopyTask<'_>, staged: &Staged) -> String {
    let way = way(task);
    match &staged.empty {
        Some(empty) => format!("{way} {}", empty.uuid),
        None => way,
    }
}

async fn write_units(
    task: &CopyTask<'_>,
    staged: &Staged,
    transfer: &Transfer<'_>,
    // As it is read, as it is written, and from the ids of one to those of the other.
    (shape, written, numbering): (&Shape, &Shape, &Numbering),
    units: Vec<Unit>,
) -> Result<Vec<Made>> {
    let metadata = &task.source.metadata;
    let stored = Schema { fields: columns::stored(&shape.schema.fields)?, ..shape.schema.clone() };
    if stored.fields.is_empty() && !units.is_empty() {
        return Err(Error::new(Code::Unsupported, "the table has rows but no column that could be stored")
            .with_hint("Choose the mode clone or register for this table."));
    }
    let schema_json = written.schema_json()?;
    let numbered = numbering.fields(&stored.fields);
    let mapping: Option<Vec<MappedField>> = metadata.name_mapping().and_then(|text| name_mapping::parse(text).ok());
    let sorts = !metadata.sort_order().fields.is_empty() && shape.sort_order.order_id > 0;
    let base = Target {
        storage: staged.storage.clone(),
        runtime: Handle::current(),
        location: staged.location.clone(),
        stem: String::new(),
        arrow_schema: Arc::new(arrow_schema(&stored)?),
        parquet_schema: columns::parquet_schema(&numbered)?,
        options: FileOptions::new(task.settings, &metadata.properties, &stored, &schema_json)?,
        metrics: MetricsPlan::new(&numbered, &metadata.properties),
        numbering: numbering.clone(),
        file_bytes: task.settings.target_file_bytes.max(1),
    };
    // Work that is under way must not outlive this call.
    let stop = task.cancel.child_token();
    let _stop = stop.clone().drop_guard();
    let reader = match task.conversions {
        [] => Reader::new(task.source, &stored)?,
        conversions => Reader::new(task.source, metadata.read_schema(task.snapshot_id))?.converted(conversions)?,
    };
    let folder = identity::own_folder("data", task, staged);
    // More units than cores only cost memory: each decodes or waits for one disk.
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let at_once = task.settings.max_parallel_writers.clamp(1, cores.max(1));
    stream::iter(units)
        .map(|unit| {
            let worker = Worker {
                source: task.source.storage.clone(),
                reader: reader.clone(),
                fields: stored.fields.clone(),
                mapping: mapping.clone(),
                spec: shape.spec.clone(),
                target: Target { stem: format!("{folder}/{}", unit.id), ..base.clone() },
                observer: task.observer.clone(),
                cancel: stop.clone(),
                sort_order_id: sorts.then_some(metadata.default_sort_order_id),
            };
            run_unit(transfer, worker, unit)
        })
        .buffer_unordered(at_once)
        .try_collect()
        .await
}

/// A unit with what came of it.
struct Made {
    reads: Vec<u128>,
    output: UnitOutput,
}

impl Made {
    fn mapped(&self, round: u64, schema: usize) -> MappedUnit {
        let files = self.output.files.iter().map(|file| file.path.clone()).collect();
        MappedUnit { round, reads: self.reads.clone(), files, schemas: BTreeSet::from([schema]) }
    }
}

async fn run_unit(transfer: &Transfer<'_>, worker: Worker, unit: Unit) -> Result<Made> {
    let reads = unit.files.iter().map(|task| task.read_key(&|path: &str| path.to_string())).collect();
    let output = run_or_find(transfer, worker, unit).await?;
    Ok(Made { reads, output })
}

async fn run_or_find(transfer: &Transfer<'_>, worker: Worker, unit: Unit) -> Result<UnitOutput> {
    let checkpoint = format!("rewrite:{}", unit.id);
    let _permit = transfer.permit().await?;
    if let Some(done) = transfer.finished::<UnitOutput>(&checkpoint).await?
        && all_there(transfer, &done).await?
    {
        transfer.task.observer.bytes(done.source_bytes);
        transfer.task.observer.rows(done.files.iter().map(|f| f.records).sum());
        return Ok(done);
    }
    let cancel = worker.cancel.clone();
    // If the caller is gone, clearing the table's folder waits until the unit has noticed.
    let claim = Claim::of(&transfer.target_path(&worker.target.stem));
    let made = tokio::task::spawn_blocking(move || {
        let made = worker.run(&unit);
        drop(claim);
        made
    });
    let made = made.await;
    let made = made.map_err(|e| Error::internal("rewriting files was cut short").with_cause(e))?;
    // Whatever broke because the run was stopped, it was stopped.
    let made = made.map_err(|e| if cancel.is_cancelled() && e.code != Code::Cancelled { cancelled() } else { e })?;
    transfer.finish(&checkpoint, &made).await?;
    Ok(made)
}

async fn all_there(transfer: &Transfer<'_>, made: &UnitOutput) -> Result<bool> {
    for file in &made.files {
        if !transfer.is_there(&file.path, file.size).await? {
            return Ok(false);
        }
    }
    Ok(true)
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
    let (decoded, moved, mut files) = gathered(made);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let rows = files.iter().map(|f| f.records).sum();
    let bytes: u64 = files.iter().map(|f| f.size).sum();

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
        schemas: vec![written_under(task, read)],
        earlier: None,
    };
    let folder = identity::own_folder("metadata", task, staged);
    map.save(&staged.storage, &staged.location, &folder, &mut metadata).await?;
    staged.storage.make_durable(&staged.location).await?;
    let metadata_location = identity::metadata_location(staged, task);
    Ok(Prepared {
        outcome: CopyOutcome {
            target_metadata_location: metadata_location.clone(),
            target_location: staged.location.clone(),
            files_decoded: decoded,
            files_chunk_moved: moved,
            bytes_written: bytes,
            rows_written: Some(rows),
            partitioning: task.partitioning.cloned(),
            ..CopyOutcome::default()
        },
        publication: Publication::Create { metadata, metadata_location },
    })
}

/// The source's columns as files are written under them now.
fn written_under(task: &CopyTask<'_>, read: &Shape) -> WrittenUnder {
    let last = task.source.metadata.raw.get("last-column-id").and_then(Value::as_i64);
    WrittenUnder::new(&read.schema.fields, last.unwrap_or(read.last_column_id))
}

/// Source files whose rows were decoded, those whose column chunks were moved, and the new files.
fn gathered(made: Vec<Made>) -> (u64, u64, Vec<DataFile>) {
    let decoded = made.iter().map(|made| made.output.decoded).sum();
    let moved = made.iter().map(|made| made.output.moved).sum();
    (decoded, moved, made.into_iter().flat_map(|made| made.output.files).collect())
}

/// The commit's time: now, but the same now at every resume, so that a repeated commit is the same commit.
async fn timestamp(transfer: &Transfer<'_>, unit: &str) -> Result<i64> {
    if let Some(known) = transfer.finished::<i64>(unit).await? {
        return Ok(known);
    }
    let now = jiff::Timestamp::now().as_millisecond();
    transfer.finish(unit, &now).await?;
    Ok(now)
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
    let folder = format!("{}/{}", staged.location, identity::own_folder("metadata", task, staged));
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

async fn write_manifests(
    task: &CopyTask<'_>,
    staged: &Staged,
    commit: &Commit<'_>,
    files: &[DataFile],
    (folder, name): (&str, Uuid),
) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (at, files) in files.chunks(FILES_PER_MANIFEST).enumerate() {
        check_cancelled(task)?;
        let (bytes, line) = commit.manifest(format!("{folder}/{name}-m{at}.avro"), name.into_bytes(), files)?;
        staged.storage.write(&line.path, Bytes::from(bytes)).await?;
        lines.push(line);
    }
    Ok(lines)
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

//! What the first copy and later rounds do alike: rows of the source into new files, and the manifests that name them.

use super::columns;
use super::data_file::DataFile;
use super::decoded::Target;
use super::document::Shape;
use super::manifests::{Commit, FILES_PER_MANIFEST, Line};
use super::metrics::MetricsPlan;
use super::numbering::Numbering;
use super::options::FileOptions;
use super::unit_map::MappedUnit;
use super::units::{Rules, Unit};
use super::work::{UnitOutput, Worker};
use super::written_columns::WrittenColumns;
use crate::arrow_types::arrow_schema;
use crate::catalog::Staged;
use crate::copy::common::checks::{cancelled, check_cancelled};
use crate::copy::common::contract::CopyTask;
use crate::copy::common::converted::Converted;
use crate::copy::common::place;
use crate::copy::common::transfer::Transfer;
use crate::name_mapping::{self, MappedField};
use crate::reader::Reader;
use crate::storage::Claim;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_model::conversion::{Conversion, PartitionWay};
use icebridge_model::run::CopyOutcome;
use icebridge_model::schema::Schema;
use icebridge_model::{Code, Error, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::runtime::Handle;
use uuid::Uuid;

pub fn rules(task: &CopyTask<'_>, converted: &Converted, numbering: &Numbering) -> Rules {
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
pub fn way(task: &CopyTask<'_>) -> String {
    match task.partitioning {
        None | Some(PartitionWay::AsIs) => task.plan_hash.to_string(),
        Some(way) => format!("{} {way}", task.plan_hash),
    }
}

pub async fn write_units(
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
    let folder = place::own_folder("data", task, staged);
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
pub struct Made {
    reads: Vec<u128>,
    output: UnitOutput,
}

impl Made {
    pub fn mapped(&self, round: u64, schema: usize) -> MappedUnit {
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

/// The source's columns as files are written under them now.
pub fn written_columns(task: &CopyTask<'_>, read: &Shape) -> WrittenColumns {
    let last = task.source.metadata.raw.get("last-column-id").and_then(Value::as_i64);
    WrittenColumns::new(&read.schema.fields, last.unwrap_or(read.last_column_id))
}

/// All new files in their order, and what came of the copy.
pub fn gathered(
    task: &CopyTask<'_>,
    staged: &Staged,
    metadata_location: &str,
    made: Vec<Made>,
) -> (Vec<DataFile>, CopyOutcome) {
    let (files_decoded, files_chunk_moved) =
        made.iter().fold((0, 0), |(decoded, moved), one| (decoded + one.output.decoded, moved + one.output.moved));
    let mut files: Vec<DataFile> = made.into_iter().flat_map(|made| made.output.files).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let outcome = CopyOutcome {
        target_metadata_location: metadata_location.to_string(),
        target_location: staged.location.clone(),
        files_decoded,
        files_chunk_moved,
        bytes_written: files.iter().map(|file| file.size).sum(),
        rows_written: Some(files.iter().map(|file| file.records).sum()),
        partitioning: task.partitioning.cloned(),
        ..CopyOutcome::default()
    };
    (files, outcome)
}

/// The commit's time: now, but the same now at every resume, so that a repeated commit is the same commit.
pub async fn timestamp(transfer: &Transfer<'_>, unit: &str) -> Result<i64> {
    if let Some(known) = transfer.finished::<i64>(unit).await? {
        return Ok(known);
    }
    let now = jiff::Timestamp::now().as_millisecond();
    transfer.finish(unit, &now).await?;
    Ok(now)
}

pub async fn write_manifests(
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

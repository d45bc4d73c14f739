//! The typed row digest (docs/digest.md) and the column aggregates, in one pass over a table.

mod aggregates;
mod row_digest;
pub mod sql;
pub mod uniqueness;

use crate::canonical_row::RowEncoder;
use crate::reader::Reader;
use crate::records::{self, Counted};
use crate::scan::{self, FileTask};
use crate::table::Table;
use aggregates::ColumnAggregate;
use arrow_array::RecordBatch;
use futures::{StreamExt, TryStreamExt};
use icebridge_model::conversion::{Conversion, converted};
use icebridge_model::schema::Schema;
use icebridge_model::validation::Measurement;
use icebridge_model::{Code, Error, Result};
pub use row_digest::RowDigest;
use std::ops::Range;
use std::sync::Arc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// What one part of a table adds up to. Parts merge in any order.
#[derive(Clone, Debug)]
pub struct PartialMeasure {
    pub digest: RowDigest,
    columns: Vec<ColumnAggregate>,
    buffer: Vec<u8>,
}

impl PartialMeasure {
    pub fn new(schema: &Schema) -> Self {
        Self {
            digest: RowDigest::default(),
            columns: schema.fields.iter().map(ColumnAggregate::new).collect(),
            buffer: Vec::new(),
        }
    }

    /// `batch` has the schema's columns in the schema's order.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let encoder = RowEncoder::new(batch)?;
        for row in 0..batch.num_rows() {
            self.buffer.clear();
            encoder.encode(row, &mut self.buffer);
            self.digest.add_row(&self.buffer);
        }
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.add(array);
        }
        Ok(())
    }

    pub fn merge(&mut self, other: Self) {
        self.digest += other.digest;
        for (mine, theirs) in self.columns.iter_mut().zip(other.columns) {
            mine.merge(theirs);
        }
    }

    pub fn finish(self, snapshot_id: Option<i64>) -> Measurement {
        Measurement {
            snapshot_id,
            rows: self.digest.rows,
            digest: self.digest.to_hex(),
            columns: self.columns.into_iter().map(ColumnAggregate::finish).collect(),
            records: None,
            records_by_footers: None,
        }
    }
}

/// Reads the table at a snapshot with all deletes applied and measures it. `rows` is called with each part's rows.
pub async fn measure(
    table: &Table,
    snapshot_id: Option<i64>,
    cancel: &CancellationToken,
    rows: &(dyn Fn(u64) + Send + Sync),
) -> Result<Measurement> {
    measure_as(table, snapshot_id, table.metadata.read_schema(snapshot_id), cancel, rows).await
}

/// As [`measure`], of the values as they are converted.
pub async fn measure_converted(
    table: &Table,
    snapshot_id: Option<i64>,
    conversions: &[Conversion],
    cancel: &CancellationToken,
    rows: &(dyn Fn(u64) + Send + Sync),
) -> Result<Measurement> {
    let schema = table.metadata.read_schema(snapshot_id);
    let reader = Reader::of_converted_bytes(table, schema, conversions)?;
    measure_by(reader, table, snapshot_id, converted(schema, conversions), cancel, rows).await
}

/// As [`measure`], under a schema of the caller's choice: a branch is read under another one than its snapshot.
pub async fn measure_as(
    table: &Table,
    snapshot_id: Option<i64>,
    schema: &Schema,
    cancel: &CancellationToken,
    rows: &(dyn Fn(u64) + Send + Sync),
) -> Result<Measurement> {
    measure_by(Reader::of_bytes(table, schema)?, table, snapshot_id, schema.clone(), cancel, rows).await
}

/// `schema`: of the rows that the reader gives.
#[tracing::instrument(name = "measure", skip_all)]
async fn measure_by(
    reader: Reader,
    table: &Table,
    snapshot_id: Option<i64>,
    schema: Schema,
    cancel: &CancellationToken,
    rows: &(dyn Fn(u64) + Send + Sync),
) -> Result<Measurement> {
    let tasks = scan::plan(table, snapshot_id).await?;
    let total = measure_tasks(&reader, table, (tasks, schema), cancel, rows).await?;
    let mut measurement = total.finish(snapshot_id);
    tokio::select! {
        () = cancel.cancelled() => return Err(cancelled(table)),
        counted = count_records(table, &mut measurement) => counted.map_err(|e| e.about(&table.ident))?,
    }
    Ok(measurement)
}

/// The digest of some of a table's reads, under the schema that a snapshot is read with.
#[tracing::instrument(name = "measure", skip_all)]
pub async fn digest_of(
    table: &Table,
    snapshot_id: Option<i64>,
    tasks: Vec<FileTask>,
    cancel: &CancellationToken,
    rows: &(dyn Fn(u64) + Send + Sync),
) -> Result<RowDigest> {
    let schema = table.metadata.read_schema(snapshot_id);
    let reader = Reader::of_bytes(table, schema)?;
    measure_tasks(&reader, table, (tasks, schema.clone()), cancel, rows).await.map(|total| total.digest)
}

/// `schema`: of the rows that the reader gives.
async fn measure_tasks(
    reader: &Reader,
    table: &Table,
    (tasks, schema): (Vec<FileTask>, Schema),
    cancel: &CancellationToken,
    rows: &(dyn Fn(u64) + Send + Sync),
) -> Result<PartialMeasure> {
    let schema = Arc::new(schema);
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get());
    let units = futures::stream::iter(tasks)
        .map(|task| {
            let reader = reader.clone();
            async move { split(&reader, task).await }
        })
        .buffered(workers)
        .map_ok(|units| futures::stream::iter(units.into_iter().map(Ok::<_, Error>)))
        .try_flatten();
    let mut parts = units
        .map_ok(|unit| {
            let (reader, schema) = (reader.clone(), schema.clone());
            async move { measure_unit(reader, schema, unit).await }
        })
        .try_buffer_unordered(workers)
        .boxed();
    let mut total = PartialMeasure::new(&schema);
    loop {
        let part = tokio::select! {
            () = cancel.cancelled() => return Err(cancelled(table)),
            part = parts.try_next() => part?,
        };
        let Some(part) = part else { break };
        rows(part.digest.rows);
        total.merge(part);
    }
    Ok(total)
}

/// The footers are asked only where the manifests say something else than what was read.
async fn count_records(table: &Table, measurement: &mut Measurement) -> Result<()> {
    let records = records::count(table, measurement.snapshot_id, Counted::ByManifests).await?;
    if !records.allow(measurement.rows) {
        let by_footers = records::count(table, measurement.snapshot_id, Counted::ByFooters).await?;
        measurement.records_by_footers = Some(by_footers);
    }
    measurement.records = Some(records);
    Ok(())
}

fn cancelled(table: &Table) -> Error {
    Error::new(Code::Cancelled, "the reading was cancelled").about(&table.ident)
}

type Unit = (Arc<FileTask>, Option<Range<usize>>);

/// A unit of work is a data file, or some row groups of one that is large: one core must not wait for another's file.
async fn split(reader: &Reader, task: FileTask) -> Result<Vec<Unit>> {
    const LARGE: u64 = 32 << 20;
    let task = Arc::new(task);
    if task.file.size < LARGE || task.file.format != "PARQUET" {
        return Ok(vec![(task, None)]);
    }
    let groups = reader.row_groups(&task.file).await.map_err(|e| e.about(&task.file.path))?;
    Ok((0..groups).map(|group| (task.clone(), Some(group..group + 1))).collect())
}

async fn measure_unit(reader: Reader, schema: Arc<Schema>, (task, groups): Unit) -> Result<PartialMeasure> {
    let work = tokio::spawn(async move {
        let mut part = PartialMeasure::new(&schema);
        let mut batches = reader.read_row_groups(&task, groups).await?;
        while let Some(batch) = batches.try_next().await? {
            part.add(&batch)?;
        }
        Ok(part)
    });
    // A cancelled measurement drops this future; the work must end with it.
    let _abort = AbortOnDrop(work.abort_handle());
    work.await.map_err(|e| Error::internal("measuring a data file ended unexpectedly").with_cause(e))?
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;

//! Rows into new Parquet files: one file a partition at a time, few of them open, ended at the target size.

use super::data_file::DataFile;
use super::dictionary;
use super::metrics::MetricsPlan;
use super::numbering::Numbering;
use super::options::FileOptions;
use super::output::Output;
use super::partition::Tuple;
use crate::arrow_types::field_id;
use crate::pages::chunks::chunk_range;
use crate::storage::Storage;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, SchemaRef};
use arrow_select::take::take_record_batch;
use icebridge_model::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::SchemaDescriptor;
use std::collections::{BTreeMap, HashMap};
use tokio::runtime::Handle;

/// Partitions written at the same time by one unit of work. Each costs a buffer for every column.
const MAX_OPEN: usize = 24;
/// What all open files of one unit may hold in memory.
const MAX_BUFFERED: usize = 32 << 20;

/// What the files of one unit have in common.
#[derive(Clone, Debug)]
pub struct Target {
    pub storage: Storage,
    pub runtime: Handle,
    pub location: String,
    /// `data/<unit>`: file names are numbered behind it.
    pub stem: String,
    pub arrow_schema: SchemaRef,
    pub parquet_schema: SchemaDescriptor,
    pub options: FileOptions,
    pub metrics: MetricsPlan,
    /// From the ids of the batches to those of the files.
    pub numbering: Numbering,
    pub file_bytes: u64,
}

impl Target {
    pub fn name(&self, number: usize) -> String {
        format!("{}-{number:05}.parquet", self.stem)
    }

    pub fn create(&self, name: &str) -> Result<Output> {
        Output::create(&self.runtime, &self.storage, &format!("{}/{name}", self.location))
    }
}

pub struct RowWriter<'a> {
    target: &'a Target,
    open: HashMap<Tuple, OpenFile>,
    clock: u64,
    done: Vec<DataFile>,
    /// Numbers taken by files of this unit.
    numbers: &'a mut usize,
}

struct OpenFile {
    name: String,
    output: Output,
    writer: ArrowWriter<Output>,
    rows: u64,
    nans: BTreeMap<i32, u64>,
    used: u64,
}

impl<'a> RowWriter<'a> {
    pub fn new(target: &'a Target, numbers: &'a mut usize) -> Self {
        Self { target, open: HashMap::new(), clock: 0, done: Vec::new(), numbers }
    }

    /// Rows of one partition.
    pub fn write(&mut self, partition: &Tuple, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.clock += 1;
        if !self.open.contains_key(partition) {
            if self.open.len() >= MAX_OPEN {
                self.close_oldest()?;
            }
            let file = self.create(batch)?;
            self.open.insert(partition.clone(), file);
        }
        let Some(file) = self.open.get_mut(partition) else { return Err(Error::internal("an open file is gone")) };
        file.used = self.clock;
        file.rows += batch.num_rows() as u64;
        count_nans(batch, &mut file.nans);
        file.writer.write(batch).map_err(|e| file.output.failure(e))?;
        if file.writer.in_progress_size() >= self.target.options.row_group_bytes {
            file.writer.flush().map_err(|e| file.output.failure(e))?;
        }
        let size = file.writer.bytes_written() + file.writer.in_progress_size();
        if size as u64 >= self.target.file_bytes {
            self.close(partition)?;
        }
        self.relieve()
    }

    /// Rows of any partitions, `rows[i]` being the partition of row `i`.
    pub fn write_split(&mut self, batch: &RecordBatch, rows: Vec<Tuple>) -> Result<()> {
        let mut parts: HashMap<Tuple, Vec<u32>> = HashMap::new();
        for (row, partition) in rows.into_iter().enumerate() {
            parts.entry(partition).or_default().push(row as u32);
        }
        if parts.len() == 1
            && let Some(partition) = parts.keys().next()
        {
            return self.write(partition, batch);
        }
        // In the order of first appearance: the same input gives the same files.
        let mut parts: Vec<_> = parts.into_iter().collect();
        parts.sort_by_key(|(_, rows)| rows.first().copied());
        for (partition, rows) in parts {
            let part = take_record_batch(batch, &UInt32Array::from(rows))
                .map_err(|e| Error::internal("splitting rows by partition").with_cause(e))?;
            self.write(&partition, &part)?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Vec<DataFile>> {
        while !self.open.is_empty() {
            self.close_oldest()?;
        }
        Ok(self.done)
    }

    /// A new file whose first rows these will be.
    fn create(&mut self, first: &RecordBatch) -> Result<OpenFile> {
        let name = self.target.name(*self.numbers);
        *self.numbers += 1;
        let output = self.target.create(&name)?;
        let options = ArrowWriterOptions::new()
            .with_properties(dictionary::fitted(&self.target.options.properties, first))
            .with_skip_arrow_metadata(true)
            .with_parquet_schema(self.target.parquet_schema.clone());
        let writer = ArrowWriter::try_new_with_options(output.clone(), self.target.arrow_schema.clone(), options)
            .map_err(|e| output.failure(e))?;
        Ok(OpenFile { name, output, writer, rows: 0, nans: BTreeMap::new(), used: self.clock })
    }

    /// Ends the row group of the largest file while all together hold too much.
    fn relieve(&mut self) -> Result<()> {
        while self.open.values().map(|f| f.writer.memory_size()).sum::<usize>() > MAX_BUFFERED {
            let Some(file) = self.open.values_mut().max_by_key(|f| f.writer.memory_size()) else { break };
            if file.writer.in_progress_rows() == 0 {
                break;
            }
            file.writer.flush().map_err(|e| file.output.failure(e))?;
        }
        Ok(())
    }

    fn close_oldest(&mut self) -> Result<()> {
        match self.open.iter().min_by_key(|(_, f)| f.used).map(|(partition, _)| partition.clone()) {
            Some(partition) => self.close(&partition),
            None => Ok(()),
        }
    }

    fn close(&mut self, partition: &Tuple) -> Result<()> {
        let Some(mut file) = self.open.remove(partition) else { return Ok(()) };
        let footer = file.writer.finish().map_err(|e| file.output.failure(e))?;
        drop(file.writer);
        let size = file.output.finish()?;
        self.done.push(DataFile {
            path: file.name,
            size,
            records: file.rows,
            partition: partition.clone(),
            metrics: self.target.metrics.of(&footer, &self.target.numbering.counts(&file.nans)),
            split_offsets: split_offsets(&footer),
            sorted: false,
        });
        Ok(())
    }
}

/// Where row groups begin.
pub fn split_offsets(footer: &ParquetMetaData) -> Vec<i64> {
    let start = |g: &parquet::file::metadata::RowGroupMetaData| {
        g.columns().first().and_then(|c| chunk_range(c).ok()).and_then(|r| i64::try_from(r.start).ok())
    };
    footer.row_groups().iter().filter_map(start).collect()
}

fn count_nans(batch: &RecordBatch, nans: &mut BTreeMap<i32, u64>) {
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        count_nans_of(field, array.as_ref(), nans);
    }
}

fn count_nans_of(field: &Field, array: &dyn Array, nans: &mut BTreeMap<i32, u64>) {
    let count = match field.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().iter().flatten().filter(|x| x.is_nan()).count(),
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().flatten().filter(|x| x.is_nan()).count(),
        DataType::Struct(fields) => {
            let array = array.as_struct();
            for (field, child) in fields.iter().zip(array.columns()) {
                count_nans_of(field, child.as_ref(), nans);
            }
            return;
        }
        _ => return,
    };
    if let Some(id) = field_id(field) {
        *nans.entry(id).or_default() += count as u64;
    }
}

//! One unit of work, on a blocking thread: it decodes, encodes and compresses.

use super::data_file::DataFile;
use super::decoded::{RowWriter, Target, split_offsets};
use super::partition::{BoundSpec, Tuple};
use super::projection::{Projection, project};
use super::units::{Unit, Work};
use crate::copy::common::checks::cancelled;
use crate::copy::common::contract::Observer;
use crate::name_mapping::MappedField;
use crate::pages;
use crate::pages::chunks::{append_chunk, chunk_range};
use crate::reader::{Reader, open_parquet};
use crate::scan::FileTask;
use crate::storage::{Storage, parquet::from_parquet};
use futures::StreamExt;
use icebridge_model::Result;
use icebridge_model::schema::{Field, Transform};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a unit made: its checkpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UnitOutput {
    pub files: Vec<DataFile>,
    /// Source files whose rows were decoded.
    pub decoded: u64,
    /// Source files whose column chunks were moved.
    pub moved: u64,
    /// Rows of the source's files, before deletes.
    pub source_bytes: u64,
}

pub struct Worker {
    pub source: Storage,
    pub reader: Reader,
    /// The stored columns.
    pub fields: Vec<Field>,
    pub mapping: Option<Vec<MappedField>>,
    pub spec: BoundSpec,
    pub target: Target,
    pub observer: Arc<dyn Observer>,
    pub cancel: CancellationToken,
    /// The source's default sort order, if it sorts.
    pub sort_order_id: Option<i32>,
}

struct Opened<'a> {
    task: &'a FileTask,
    footer: Arc<ParquetMetaData>,
}

impl Worker {
    pub fn run(&self, unit: &Unit) -> Result<UnitOutput> {
        let mut made =
            UnitOutput { source_bytes: unit.files.iter().map(|t| t.file.size).sum(), ..UnitOutput::default() };
        let mut numbers = 0;
        let mut to_decode: Vec<&FileTask> = Vec::new();
        if unit.work == Work::Move {
            for (projection, files) in self.movable(unit, &mut to_decode)? {
                match self.move_chunks(&projection, &files, &mut numbers)? {
                    Some(new) => {
                        made.moved += files.len() as u64;
                        made.files.extend(new);
                    }
                    None => to_decode.extend(files.iter().map(|file| file.task)),
                }
            }
        } else {
            to_decode.extend(&unit.files);
        }
        made.decoded = to_decode.len() as u64;
        made.files.extend(self.decode(unit.work, &to_decode, &mut numbers)?);
        // Rows keep their order inside a file; only a file that was neither split nor merged is still sorted.
        if let [only] = unit.files.as_slice()
            && self.sort_order_id.is_some()
            && only.file.sort_order_id == self.sort_order_id
            && unit.work != Work::Split
        {
            made.files.iter_mut().for_each(|file| file.sorted = true);
        }
        Ok(made)
    }

    fn decode(&self, work: Work, tasks: &[&FileTask], numbers: &mut usize) -> Result<Vec<DataFile>> {
        let runtime = &self.target.runtime;
        let mut writer = RowWriter::new(&self.target, numbers);
        for task in tasks {
            let mut batches = runtime.block_on(self.reader.read(task))?;
            let (mut rows, mut reported) = (0u64, 0u64);
            while let Some(batch) = runtime.block_on(batches.next()) {
                self.check_cancelled()?;
                let batch = batch?;
                let count = batch.num_rows() as u64;
                match work {
                    Work::Split => writer.write_split(&batch, self.spec.partitions(&batch)?)?,
                    Work::Move | Work::Decode => writer.write(&task.file.partition, &batch)?,
                }
                rows += count;
                self.observer.rows(count);
                let share = task.file.size.saturating_mul(rows) / task.file.record_count.max(1);
                self.observer.bytes(share.saturating_sub(reported));
                reported = reported.max(share);
            }
            // Deleted rows were read, too.
            self.observer.bytes(task.file.size.saturating_sub(reported));
        }
        writer.finish()
    }

    /// Files whose pages may stay, together where they have the same columns; the others go to `to_decode`.
    fn movable<'a>(
        &self,
        unit: &'a Unit,
        to_decode: &mut Vec<&'a FileTask>,
    ) -> Result<Vec<(Projection, Vec<Opened<'a>>)>> {
        let mut classes: Vec<(Projection, Vec<Opened<'a>>)> = Vec::new();
        for task in &unit.files {
            self.check_cancelled()?;
            let opened = self.target.runtime.block_on(open_parquet(&self.source, &task.file.path))?;
            let footer = opened.metadata().clone();
            let root = footer.file_metadata().schema_descr().root_schema();
            let projection = project(root, &self.fields, self.mapping.as_deref());
            let Some(projection) = projection.filter(|p| self.partition_columns_are_there(p)) else {
                to_decode.push(task);
                continue;
            };
            let opened = Opened { task, footer };
            match classes
                .iter_mut()
                .find(|(known, _)| known.root == projection.root && known.leaves == projection.leaves)
            {
                Some((_, files)) => files.push(opened),
                None => classes.push((projection, vec![opened])),
            }
        }
        Ok(classes)
    }

    /// Hive-style files leave partition columns to their folder's name. Not every reader fills them in.
    fn partition_columns_are_there(&self, projection: &Projection) -> bool {
        let ids: BTreeSet<i32> = projection
            .root
            .get_fields()
            .iter()
            .map(|f| f.get_basic_info())
            .filter(|b| b.has_id())
            .map(|b| b.id())
            .collect();
        let identity = self.spec.fields.iter().filter(|f| f.field.transform == Transform::Identity);
        // Nested sources are found by walking; top-level ones are the only ones Hive leaves out.
        identity.map(|f| f.field.source_id).all(|id| ids.contains(&id) || !self.fields.iter().any(|f| f.id == id))
    }

    fn move_chunks(
        &self,
        projection: &Projection,
        files: &[Opened<'_>],
        numbers: &mut usize,
    ) -> Result<Option<Vec<DataFile>>> {
        let Some(first) = files.first() else { return Ok(Some(Vec::new())) };
        if files.iter().all(|f| f.footer.file_metadata().num_rows() <= 0) {
            return Ok(Some(Vec::new()));
        }
        let name = self.target.name(*numbers);
        *numbers += 1;
        let output = self.target.create(&name)?;
        let properties = WriterProperties::builder()
            // The footer's metadata, and no page index: the pages' places were counted in their old files.
            .set_key_value_metadata(self.target.options.properties.key_value_metadata().cloned())
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let mut writer = SerializedFileWriter::new(output.clone(), projection.root.clone(), Arc::new(properties))
            .map_err(|e| output.failure(e))?;
        let descriptor = writer.schema_descr().clone();
        let mut records = 0;
        for file in files {
            let path = &file.task.file.path;
            for source in file.footer.row_groups().iter().filter(|g| g.num_rows() > 0) {
                self.check_cancelled()?;
                let rows = source.num_rows() as u64;
                let mut group = writer.next_row_group().map_err(|e| output.failure(e))?;
                for (at, leaf) in projection.leaves.iter().enumerate() {
                    let chunk = source.column(*leaf);
                    let range = chunk_range(chunk).map_err(|e| from_parquet(e, path))?;
                    let length = range.end - range.start;
                    let pages = self.target.runtime.block_on(self.source.read_range(path, range))?;
                    // The file that was begun is dropped, and leaves nothing.
                    let Some(pages) = pages::strict(&pages, chunk) else { return Ok(None) };
                    append_chunk(&mut group, pages, chunk, descriptor.column(at), rows)
                        .map_err(|e| output.failure(e))?;
                    self.observer.bytes(length);
                }
                group.close().map_err(|e| output.failure(e))?;
                self.observer.rows(rows);
                records += rows;
            }
        }
        let footer = writer.finish().map_err(|e| output.failure(e))?;
        drop(writer);
        let size = output.finish()?;
        Ok(Some(vec![DataFile {
            path: name,
            size,
            records,
            partition: Tuple::clone(&first.task.file.partition),
            metrics: self.target.metrics.of(&footer, &BTreeMap::new()),
            split_offsets: split_offsets(&footer),
            sorted: false,
        }]))
    }

    fn check_cancelled(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
    }
}

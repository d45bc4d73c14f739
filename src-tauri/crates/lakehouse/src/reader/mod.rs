//! The delete-aware reader: the rows of one data file at a pinned snapshot, in the schema asked for.
//!
//! Columns are found by field id, never by name or position alone (spec, "Column Projection"); position deletes, deletion
//! vectors and equality deletes are applied. Everything streams: one batch at a time, one row group in memory.

mod columns;
mod delete_files;
mod deletes;
mod field_ids;
mod footer;
mod guard;
mod keys;
mod parquet_file;

use crate::arrow_types::arrow_schema;
use crate::conversion::Converter;
use crate::manifest::DataFile;
use crate::scan::FileTask;
use crate::table::Table;
use crate::text;
use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use deletes::{DeleteCache, RowFilter};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use icebridge_model::conversion::Conversion;
use icebridge_model::schema::Schema;
use icebridge_model::{Code, Error, Result};
use std::ops::Range;
use std::sync::Arc;

pub(crate) use columns::is_or_may_become;
pub(crate) use delete_files::{PositionsByFile, positions};
pub use parquet_file::open as open_parquet;
pub(crate) use parquet_file::{FileColumns, file_columns};

/// Reads many files of one table. Cheap to clone; clones share the deletes they have loaded.
#[derive(Clone, Debug)]
pub struct Reader {
    table: Table,
    /// What the caller sees.
    schema: Arc<Schema>,
    output: SchemaRef,
    deletes: Arc<DeleteCache>,
    converter: Option<Converter>,
}

impl Reader {
    /// `schema` is usually `table.metadata.read_schema(snapshot)`.
    pub fn new(table: &Table, schema: &Schema) -> Result<Self> {
        Ok(Self {
            table: table.clone(),
            schema: Arc::new(schema.clone()),
            output: Arc::new(arrow_schema(schema).map_err(|e| e.about(&table.ident))?),
            deletes: Arc::new(DeleteCache::default()),
            converter: None,
        })
    }

    /// Gives the rows as they are converted. The schema is still that which they are read by.
    pub fn converted(self, conversions: &[Conversion]) -> Result<Self> {
        let converter = Converter::new(&self.schema, conversions).map_err(|e| e.about(&self.table.ident))?;
        Ok(Self { converter, ..self })
    }

    /// As [`Self::new`], with the bytes of text in its place: whether they are UTF-8 does not matter then.
    pub fn of_bytes(table: &Table, schema: &Schema) -> Result<Self> {
        Self::new(table, &text::schema_as_bytes(schema))
    }

    /// As [`Self::of_bytes`], of converted rows.
    pub fn of_converted_bytes(table: &Table, schema: &Schema, conversions: &[Conversion]) -> Result<Self> {
        let converter = Converter::of_bytes(schema, conversions).map_err(|e| e.about(&table.ident))?;
        Ok(Self { converter, ..Self::of_bytes(table, schema)? })
    }

    pub fn arrow_schema(&self) -> SchemaRef {
        self.converter.as_ref().map_or_else(|| self.output.clone(), Converter::arrow_schema)
    }

    /// The rows of a data file that no delete takes away.
    pub async fn read(&self, task: &FileTask) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        self.read_row_groups(task, None).await
    }

    /// Row groups per data file, so that a large file can be read by several tasks.
    pub async fn row_groups(&self, file: &DataFile) -> Result<usize> {
        Ok(parquet_file::open(&self.table.storage, &file.path).await?.metadata().num_row_groups())
    }

    /// As [`Self::read`], for some of the row groups.
    pub async fn read_row_groups(
        &self,
        task: &FileTask,
        row_groups: Option<Range<usize>>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let about = format!("{}, data file {}", self.table.ident, task.file.path);
        self.start(task, row_groups)
            .await
            .map_err(|e| e.about(&about))
            .map(|rows| rows.map_err(move |e| e.about(&about)).boxed())
    }

    async fn start(
        &self,
        task: &FileTask,
        row_groups: Option<Range<usize>>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        if task.file.format != "PARQUET" {
            return Err(Error::new(Code::Unsupported, format!("{} data files cannot be read", task.file.format))
                .with_hint("Rewrite the table's data files to Parquet at the source, or leave the table out."));
        }
        let filter = self.deletes.filter(&self.table, task, &self.schema.fields).await?;
        // Equality deletes may need columns that the caller does not, even ones that were dropped since.
        let mut wanted = self.schema.fields.clone();
        wanted.extend_from_slice(filter.hidden());
        let source = parquet_file::rows(&self.table, &task.file, &wanted, row_groups).await?;
        let visible = self.schema.fields.len();
        let (output, converter) = (self.output.clone(), self.converter.clone());
        let mut position = source.first_row;
        let batches = source.batches.map(move |batch| {
            let batch = batch?;
            let first = position;
            position += batch.num_rows() as u64;
            let kept = keep_rows(&batch, &filter, first, visible, &output)?;
            match &converter {
                Some(converter) => converter.convert(&kept),
                None => Ok(kept),
            }
        });
        Ok(batches.try_filter(|batch| std::future::ready(batch.num_rows() > 0)).boxed())
    }
}

/// Applies the deletes to a batch whose first row is row `first` of its file, and cuts off the hidden columns.
fn keep_rows(
    batch: &RecordBatch,
    filter: &RowFilter,
    first: u64,
    visible: usize,
    output: &SchemaRef,
) -> Result<RecordBatch> {
    let decode = |e| Error::new(Code::FileBroken, "the rows do not fit the table's schema").with_cause(e);
    let mask = filter.mask(batch, first)?;
    let kept = match &mask {
        Some(mask) => filter_record_batch(batch, mask).map_err(decode)?,
        None => batch.clone(),
    };
    let columns = kept.columns()[..visible].to_vec();
    for (column, field) in columns.iter().zip(output.fields()) {
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(nulls_in_required(field.name()));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(kept.num_rows()));
    RecordBatch::try_new_with_options(output.clone(), columns, &options).map_err(decode)
}

/// The file may be as it was written: engines let a column with nulls be made required.
fn nulls_in_required(column: &str) -> Error {
    Error::new(Code::Unsupported, format!("the column `{column}` is required, and there are rows without a value")).with_hint(
        "Engines read such rows differently. Make the column optional at the source (ALTER TABLE … ALTER COLUMN … DROP NOT \
         NULL), or fill the values in; then take the inventory again.",
    )
}

#[cfg(test)]
mod tests;

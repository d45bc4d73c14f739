//! Position deletes whose order changes with their paths: decoded, sorted by path and position as the spec asks for, and
//! written anew.

use super::path_column::{path_column, properties, relocated};
use super::{PathMap, Relocated};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::{ParquetError, Result};
use std::sync::Arc;

pub fn relocate(bytes: &Bytes, map: &PathMap) -> Result<(Vec<u8>, Relocated)> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes.clone(), options)?;
    let metadata = builder.metadata().clone();
    let descriptor = metadata.file_metadata().schema_descr_ptr();
    let leaf = path_column(&descriptor)?;
    let root = descriptor.get_column_root_idx(leaf);
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder.build()?.collect::<std::result::Result<_, ArrowError>>()?;
    let whole = concat_batches(&schema, &batches)?;
    drop(batches);

    let paths = cast(whole.column(root), &DataType::Utf8)?;
    let moved: StringArray = paths.as_string::<i32>().iter().map(|path| path.map(|p| map.absolute(p))).collect();
    let mut columns = whole.columns().to_vec();
    columns[root] = cast(&(Arc::new(moved.clone()) as ArrayRef), schema.field(root).data_type())?;
    let position = schema.index_of("pos").ok().or_else(|| (columns.len() > 1).then_some(1));
    let position =
        position.ok_or_else(|| ParquetError::General("the position delete file has no column pos".into()))?;
    let renamed = RecordBatch::try_new(schema.clone(), columns)?;
    let keys = [Arc::new(moved) as ArrayRef, renamed.column(position).clone()]
        .map(|values| SortColumn { values, options: None });
    let order = lexsort_to_indices(&keys, None)?;
    let sorted = take_record_batch(&renamed, &order)?;

    let options = ArrowWriterOptions::new()
        .with_properties(properties(&metadata, &descriptor, leaf))
        .with_skip_arrow_metadata(true)
        .with_parquet_schema((*descriptor).clone());
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut out, schema, options)?;
    writer.write(&sorted)?;
    for pair in metadata.file_metadata().key_value_metadata().into_iter().flatten() {
        writer.append_key_value_metadata(pair.clone());
    }
    let written = writer.close()?;
    let text = cast(sorted.column(root), &DataType::Utf8)?;
    let text = text.as_string::<i32>();
    let bounds = (!text.is_empty() && text.null_count() == 0)
        .then(|| (text.value(0).as_bytes().to_vec(), text.value(text.len() - 1).as_bytes().to_vec()));
    let relocated = relocated(&out, &written, bounds);
    Ok((out, relocated))
}

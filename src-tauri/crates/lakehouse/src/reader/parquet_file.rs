//! Opening a Parquet file and streaming the columns wanted, in the wanted types.

use super::columns::{self, column};
use super::{field_ids, footer};
use crate::arrow_types::{arrow_schema, field_id};
use crate::manifest::DataFile;
use crate::partition::PartitionValue;
use crate::scalar::constant;
use crate::storage::{ObjectReader, Storage};
use crate::table::Table;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{DataType, Field as ArrowField, Fields, Schema as ArrowSchema, TimeUnit};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use icebridge_model::schema::{Field, Schema, Transform, Type};
use icebridge_model::{Code, Error, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::schema::types::SchemaDescriptor;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

const BATCH_ROWS: usize = 8192;
/// Rows of many megabytes come in smaller batches.
const BATCH_BYTES: u64 = 64 << 20;

pub struct Rows {
    pub batches: BoxStream<'static, Result<RecordBatch>>,
    /// The position in the file of the first row the batches give.
    pub first_row: u64,
}

/// Opens a file by its own size: that in a manifest is wrong with some writers, and a file that was cut off has no footer.
pub async fn open(storage: &Storage, path: &str) -> Result<ParquetRecordBatchStreamBuilder<ObjectReader>> {
    let (reader, metadata) = load(storage, path).await?;
    builder(reader, metadata).map_err(|e| broken(path, e))
}

pub async fn load(storage: &Storage, path: &str) -> Result<(ObjectReader, ParquetMetaData)> {
    let size = storage.size(path).await?;
    let mut reader = ObjectReader::new(storage.clone(), path, size);
    let metadata = reader.get_metadata(Some(&options())).await.map_err(|e| broken(path, e))?;
    let metadata = footer::mended(Arc::unwrap_or_clone(metadata)).map_err(|e| broken(path, e))?;
    reader.check_chunks_of(&metadata)?;
    Ok((reader, metadata))
}

fn options() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_skip_arrow_metadata(true)
}

fn builder(
    reader: ObjectReader,
    metadata: ParquetMetaData,
) -> parquet::errors::Result<ParquetRecordBatchStreamBuilder<ObjectReader>> {
    let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), options())?;
    // INT96 would come out as nanoseconds, which end in 2262; micros hold every timestamp Iceberg has.
    let metadata = match int96_as_micros(metadata.schema(), metadata.parquet_schema()) {
        Some(schema) => {
            ArrowReaderMetadata::try_new(metadata.metadata().clone(), options().with_schema(Arc::new(schema)))?
        }
        None => metadata,
    };
    Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata))
}

/// The product's error for a Parquet error: storage's own if one lies inside, else a broken file.
pub fn broken(path: &str, error: ParquetError) -> Error {
    if let ParquetError::External(inner) = &error
        && let Some(ours) = inner.downcast_ref::<Error>()
    {
        return ours.clone();
    }
    let text = error.to_string();
    // The crate has one kind of error for all that is wrong with a file.
    let (code, message) = if text.contains("checksum mismatch") {
        (Code::ChecksumMismatch, "a page of the Parquet file is not what was written: its checksum differs")
    } else {
        (Code::FileBroken, "the Parquet file cannot be decoded")
    };
    Error::new(code, message)
        .about(path)
        .with_hint("The file is damaged at the source; restore it there, or remove it from the table.")
        .with_cause_text(text)
}

fn int96_as_micros(schema: &ArrowSchema, file: &SchemaDescriptor) -> Option<ArrowSchema> {
    let mut leaves = file.columns().iter().map(|c| c.physical_type() == PhysicalType::INT96);
    if !leaves.clone().any(|is| is) {
        return None;
    }
    fn convert(field: &ArrowField, leaves: &mut dyn Iterator<Item = bool>) -> ArrowField {
        let mut inner = |f: &Arc<ArrowField>| Arc::new(convert(f, leaves));
        let data_type = match field.data_type() {
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
            DataType::List(f) => DataType::List(inner(f)),
            DataType::LargeList(f) => DataType::LargeList(inner(f)),
            DataType::Map(f, sorted) => DataType::Map(inner(f), *sorted),
            other => match leaves.next() {
                Some(true) => DataType::Timestamp(TimeUnit::Microsecond, None),
                _ => other.clone(),
            },
        };
        field.clone().with_data_type(data_type)
    }
    let fields: Fields = schema.fields().iter().map(|f| Arc::new(convert(f, &mut leaves))).collect();
    Some(ArrowSchema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The columns of a file under the table's field ids, and its footer.
pub struct FileColumns {
    pub fields: Fields,
    pub metadata: Arc<ParquetMetaData>,
}

pub async fn file_columns(table: &Table, path: &str) -> Result<FileColumns> {
    let opened = open(&table.storage, path).await?;
    let schema = table.metadata.current_schema();
    let fields = field_ids::assign(opened.schema().fields(), table.metadata.name_mapping(), &schema.fields)?;
    Ok(FileColumns { fields, metadata: opened.metadata().clone() })
}

/// The file's rows with the columns `wanted`, in that order; deletes are not applied here.
pub async fn rows(table: &Table, file: &DataFile, wanted: &[Field], row_groups: Option<Range<usize>>) -> Result<Rows> {
    let path = file.path.clone();
    let (reader, metadata) = load(&table.storage, &path).await?;
    let mut builder =
        footer::text_as_bytes(metadata).and_then(|metadata| builder(reader, metadata)).map_err(|e| broken(&path, e))?;
    let fields = field_ids::assign(builder.schema().fields(), table.metadata.name_mapping(), wanted)?;
    let roots: Vec<usize> =
        (0..fields.len()).filter(|i| wanted.iter().any(|w| field_id(&fields[*i]) == Some(w.id))).collect();
    let mut first_row = 0;
    if let Some(range) = row_groups {
        let groups = builder.metadata().row_groups();
        if range.end > groups.len() {
            return Err(Error::internal("row groups beyond the file's end"));
        }
        first_row = groups[..range.start].iter().map(|g| g.num_rows().max(0) as u64).sum();
        builder = builder.with_row_groups(range.collect());
    }
    let batch_rows = batch_rows(builder.metadata());
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
    let stream = builder.with_projection(mask).with_batch_size(batch_rows).build().map_err(|e| broken(&path, e))?;
    // The reader hands the roots back in the file's order.
    let present: Fields = roots.iter().map(|i| fields[*i].clone()).collect();
    let schema =
        Arc::new(arrow_schema(&Schema { schema_id: 0, identifier_field_ids: vec![], fields: nullable(wanted) })?);
    let constants = partition_constants(table, file);
    let wanted = wanted.to_vec();
    let batches = stream.map_err(move |e| broken(&path, e)).map(move |batch| {
        let batch = batch?;
        let rows = batch.num_rows();
        let columns = wanted
            .iter()
            .map(|field| {
                let in_file = present
                    .iter()
                    .any(|f| field_id(f) == Some(field.id) && columns::fits(f.data_type(), &field.field_type));
                match constants.get(&field.id) {
                    // A file that has the column is right about it; the partition value stands in for one that lacks it,
                    // or has it as another type.
                    Some(value) if !in_file => identity_constant(field, value.as_ref(), rows),
                    _ => column(field, &present, batch.columns(), rows),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema.clone(), columns, &options)
            .map_err(|e| Error::new(Code::FileBroken, "the rows do not fit the table's schema").with_cause(e))
    });
    Ok(Rows { batches: batches.boxed(), first_row })
}

fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let row_bytes = |group: &RowGroupMetaData| {
        let bytes = u64::try_from(group.total_byte_size()).unwrap_or(u64::MAX);
        bytes / u64::try_from(group.num_rows()).unwrap_or(1).max(1)
    };
    let widest = metadata.row_groups().iter().map(row_bytes).max().unwrap_or(0).max(1);
    usize::try_from(BATCH_BYTES / widest).map_or(BATCH_ROWS, |rows| rows.clamp(1, BATCH_ROWS))
}

/// The batches in between carry hidden columns and rows that deletes take away; only the output is held to `required`.
fn nullable(fields: &[Field]) -> Vec<Field> {
    fields.iter().map(|f| Field { required: false, ..f.clone() }).collect()
}

/// Values of identity partition fields: what Hive-style files leave to their folder's name.
fn partition_constants(table: &Table, file: &DataFile) -> HashMap<i32, Option<PartitionValue>> {
    let spec = table.metadata.partition_spec(file.spec_id);
    let fields = spec.map(|s| s.fields.as_slice()).unwrap_or_default();
    fields
        .iter()
        .zip(&file.partition)
        .filter(|(field, _)| field.transform == Transform::Identity)
        .map(|(field, value)| (field.source_id, value.clone()))
        .collect()
}

fn identity_constant(field: &Field, value: Option<&PartitionValue>, rows: usize) -> Result<ArrayRef> {
    let Type::Primitive(primitive) = &field.field_type else {
        return Err(Error::new(Code::MetadataBroken, format!("the partition column {} is not primitive", field.name)));
    };
    match value {
        Some(value) => constant(primitive, &value.to_scalar(primitive)?, rows),
        None => Ok(new_null_array(&crate::arrow_types::arrow_type(&field.field_type)?, rows)),
    }
}

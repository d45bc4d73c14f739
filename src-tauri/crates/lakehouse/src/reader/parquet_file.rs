//! Opening a Parquet file and streaming the columns wanted, in the wanted types.

use super::columns;
use super::guard::{self, Guarded};
use super::{field_ids, footer};
use crate::arrow_types::{arrow_schema, field_id};
use crate::manifest::DataFile;
use crate::partition::PartitionValue;
use crate::scalar::constant;
use crate::storage::{ObjectReader, SmallerBatches, Storage};
use crate::table::Table;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{DataType, Field as ArrowField, Fields, Schema as ArrowSchema, TimeUnit};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use icebridge_model::schema::{Field, Schema, Transform, Type};
use icebridge_model::{Code, Error, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::schema::types::SchemaDescriptor;
use std::collections::{HashMap, HashSet};
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
    let opened = guarded(path, || arrow_metadata(metadata))?;
    Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(reader, opened))
}

pub async fn load(storage: &Storage, path: &str) -> Result<(ObjectReader, ParquetMetaData)> {
    let size = storage.size(path).await?;
    let mut reader = ObjectReader::new(storage.clone(), path, size);
    let metadata =
        reader.read_metadata(|bytes| guarded(path, || ParquetMetaDataReader::decode_metadata(bytes))).await?;
    let metadata = guarded(path, || footer::mended(metadata))?;
    reader.check_chunks_of(&metadata)?;
    Ok((reader, metadata))
}

fn arrow_metadata(metadata: ParquetMetaData) -> parquet::errors::Result<ArrowReaderMetadata> {
    let options = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let opened = ArrowReaderMetadata::try_new(Arc::new(metadata), options())?;
    // INT96 would come out as nanoseconds, which end in 2262; micros hold every timestamp Iceberg has.
    match int96_as_micros(opened.schema(), opened.parquet_schema()) {
        Some(schema) => {
            ArrowReaderMetadata::try_new(opened.metadata().clone(), options().with_schema(Arc::new(schema)))
        }
        None => Ok(opened),
    }
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
    let groups = row_groups.unwrap_or(0..metadata.num_row_groups());
    if groups.end > metadata.num_row_groups() {
        return Err(Error::internal("row groups beyond the file's end"));
    }
    let first_row = metadata.row_groups()[..groups.start].iter().map(|g| g.num_rows().max(0) as u64).sum();
    let batch_rows = batch_rows(&metadata);
    let opened = guarded(&path, || footer::text_as_bytes(metadata).and_then(arrow_metadata))?;
    let fields = field_ids::assign(opened.schema().fields(), table.metadata.name_mapping(), wanted)?;
    let ids: HashSet<i32> = wanted.iter().map(|field| field.id).collect();
    let is_wanted = |place: &usize| field_id(&fields[*place]).is_some_and(|id| ids.contains(&id));
    let roots: Vec<usize> = (0..fields.len()).filter(is_wanted).collect();
    // The reader hands the roots back in the file's order.
    let present: Fields = roots.iter().map(|i| fields[*i].clone()).collect();
    let places = places(&present).map_err(|e| e.about(&path))?;
    let schema =
        Arc::new(arrow_schema(&Schema { schema_id: 0, identifier_field_ids: vec![], fields: nullable(wanted) })?);
    let constants = partition_constants(table, file);
    let wanted = wanted.to_vec();
    // How many rows there are is seen in pages alone.
    let roots = if roots.is_empty() { smallest_root(&opened).into_iter().collect() } else { roots };
    let chunks = RowGroups { reader, opened, roots, path: path.clone() };
    let batches = chunks.batches(groups, batch_rows).map(move |batch| {
        let batch = batch?;
        let rows = batch.num_rows();
        let columns = wanted
            .iter()
            .map(|field| {
                let place = places.get(&field.id).copied();
                let fits = place.is_some_and(|at| columns::fits(present[at].data_type(), &field.field_type));
                match constants.get(&field.id) {
                    // A file that has the column is right about it; the partition value stands in for one that lacks it,
                    // or has it as another type.
                    Some(value) if !fits => identity_constant(field, value.as_ref(), rows),
                    _ => columns::column_at(place, field, &present, batch.columns(), rows),
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema.clone(), columns, &options)
            .map_err(|e| Error::new(Code::FileBroken, "the rows do not fit the table's schema").with_cause(e))
    });
    let batches = Guarded::new(batches, move || Err(panicked(&path)));
    Ok(Rows { batches: batches.boxed(), first_row })
}

/// Where each field id lies.
fn places(present: &Fields) -> Result<HashMap<i32, usize>> {
    let mut places = HashMap::with_capacity(present.len());
    for (at, field) in present.iter().enumerate() {
        if let Some(id) = field_id(field)
            && places.insert(id, at).is_some()
        {
            let message = format!("the Parquet file has two columns of the field id {id}; one is {}", field.name());
            return Err(Error::new(Code::FileBroken, message)
                .with_hint("Rewrite the file at the source: readers differ in which column they take."));
        }
    }
    Ok(places)
}

fn smallest_root(opened: &ArrowReaderMetadata) -> Option<usize> {
    let schema = opened.parquet_schema();
    let size = |leaf: &usize| {
        let chunks = opened.metadata().row_groups().iter().filter_map(|group| group.columns().get(*leaf));
        chunks.map(ColumnChunkMetaData::compressed_size).fold(0, i64::saturating_add)
    };
    (0..schema.num_columns()).min_by_key(size).map(|leaf| schema.get_column_root_idx(leaf))
}

/// Some row groups of a file, one after the other: one whose dictionary has long values is begun again in smaller batches.
struct RowGroups {
    reader: ObjectReader,
    opened: ArrowReaderMetadata,
    roots: Vec<usize>,
    path: String,
}

impl RowGroups {
    fn batches(self, groups: Range<usize>, rows: usize) -> BoxStream<'static, Result<RecordBatch>> {
        let each = futures::stream::iter(groups.map(Ok::<_, Error>));
        let shared = Arc::new(self);
        each.and_then(move |group| shared.clone().of_group(group, rows)).try_flatten().boxed()
    }

    async fn of_group(self: Arc<Self>, group: usize, rows: usize) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let mut stream = self.stream(group, rows)?;
        // Its columns are fetched before its first batch.
        let mut first = stream.next().await;
        if let Some(Err(error)) = &first
            && let Some(SmallerBatches(fewer)) = smaller_batches(error)
        {
            stream = self.stream(group, fewer)?;
            first = stream.next().await;
        }
        let all = futures::stream::iter(first).chain(stream);
        Ok(all.map_err(move |error| broken(&self.path, error)).boxed())
    }

    fn stream(&self, group: usize, rows: usize) -> Result<ParquetRecordBatchStream<ObjectReader>> {
        let mut reader = self.reader.clone();
        reader.for_batches_of(rows);
        guarded(&self.path, || {
            let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, self.opened.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), self.roots.iter().copied());
            builder.with_row_groups(vec![group]).with_projection(mask).with_batch_size(rows).build()
        })
    }
}

fn smaller_batches(error: &ParquetError) -> Option<SmallerBatches> {
    match error {
        ParquetError::External(inner) => inner.downcast_ref().copied(),
        _ => None,
    }
}

/// The Parquet crate on the bytes of a stranger.
fn guarded<T>(path: &str, work: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    guard::guarded(work).ok_or_else(|| panicked(path))?.map_err(|error| broken(path, error))
}

fn panicked(path: &str) -> Error {
    broken(path, ParquetError::General("the decoder gave up on it".into()))
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

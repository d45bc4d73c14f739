//! The footer of a Parquet file as the reader takes it.

use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::errors::Result;
use parquet::file::metadata::{FileMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::schema::types::{SchemaDescriptor, Type};
use std::sync::Arc;

/// Some writers leave 0 as the number of rows, of which the Parquet crate would read none; and a dictionary offset of 0 in
/// chunks that have no dictionary, where it would look for one.
pub fn mended(metadata: ParquetMetaData) -> Result<ParquetMetaData> {
    let rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).fold(0, i64::saturating_add);
    let file = metadata.file_metadata();
    let metadata = if file.num_rows() == rows {
        metadata
    } else {
        let file = FileMetaData::new(
            file.version(),
            rows,
            file.created_by().map(str::to_string),
            file.key_value_metadata().cloned(),
            file.schema_descr_ptr(),
            file.column_orders().cloned(),
        );
        ParquetMetaData::new(file, metadata.into_builder().take_row_groups())
    };
    let is_wrong = |offset: Option<i64>| offset.is_some_and(|offset| offset <= 0);
    let chunks = || metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    if !chunks().any(|chunk| is_wrong(chunk.dictionary_page_offset())) {
        return Ok(metadata);
    }
    let mut builder = metadata.into_builder();
    let groups = builder.take_row_groups().into_iter().map(|group| {
        let mut group = group.into_builder();
        let chunks = group.take_columns().into_iter().map(|chunk| match chunk.dictionary_page_offset() {
            offset if is_wrong(offset) => chunk.into_builder().set_dictionary_page_offset(None).build(),
            _ => Ok(chunk),
        });
        group.set_column_metadata(chunks.collect::<Result<_>>()?).build()
    });
    Ok(builder.set_row_groups(groups.collect::<Result<_>>()?).build())
}

/// Text as bytes: whether they are UTF-8 is a question of its own, and a file in which they are not is not damaged.
pub fn text_as_bytes(metadata: ParquetMetaData) -> Result<ParquetMetaData> {
    let file = metadata.file_metadata();
    let root = without_text(file.schema())?;
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(root)));
    let (created_by, properties) = (file.created_by().map(str::to_string), file.key_value_metadata().cloned());
    let file = FileMetaData::new(file.version(), file.num_rows(), created_by, properties, schema, None);
    let groups = metadata.into_builder().take_row_groups();
    Ok(ParquetMetaData::new(file, groups))
}

fn without_text(field: &Type) -> Result<Type> {
    let info = field.get_basic_info();
    if field.is_primitive() {
        let is_text = matches!(info.converted_type(), ConvertedType::UTF8 | ConvertedType::JSON | ConvertedType::ENUM)
            && field.get_physical_type() == PhysicalType::BYTE_ARRAY;
        if !is_text {
            return Ok(field.clone());
        }
        return Type::primitive_type_builder(info.name(), PhysicalType::BYTE_ARRAY)
            .with_repetition(info.repetition())
            .with_id(info.has_id().then(|| info.id()))
            .build();
    }
    let fields = field.get_fields().iter().map(|inner| without_text(inner).map(Arc::new));
    let group = Type::group_type_builder(info.name())
        .with_converted_type(info.converted_type())
        .with_logical_type(info.logical_type_ref().cloned())
        .with_id(info.has_id().then(|| info.id()))
        .with_fields(fields.collect::<Result<_>>()?);
    if info.has_repetition() { group.with_repetition(info.repetition()).build() } else { group.build() }
}

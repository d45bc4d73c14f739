//! The column of paths in a Parquet file of position deletes, and what its change means to the file's manifest entry.

use super::Relocated;
use crate::manifest::DELETE_FILE_PATH;
use crate::pages::chunks::chunk_range;
use parquet::basic::{Compression, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{SchemaDescriptor, Type};
use std::collections::HashMap;

/// What the manifest has to say of a position delete file now.
pub(super) fn relocated(out: &[u8], written: &ParquetMetaData, path_bounds: Option<(Vec<u8>, Vec<u8>)>) -> Relocated {
    let mut sizes: HashMap<i32, i64> = HashMap::new();
    for chunk in written.row_groups().iter().flat_map(|g| g.columns()) {
        if let Some(id) = field_id(chunk.column_descr().self_type()) {
            *sizes.entry(id).or_default() += chunk.compressed_size();
        }
    }
    let offset = |g: &parquet::file::metadata::RowGroupMetaData| {
        g.columns().first().and_then(|c| chunk_range(c).ok()).and_then(|r| i64::try_from(r.start).ok())
    };
    Relocated {
        size: out.len() as u64,
        path_bounds,
        column_sizes: sizes.into_iter().collect(),
        split_offsets: written.row_groups().iter().filter_map(offset).collect(),
    }
}

pub(super) fn field_id(schema: &Type) -> Option<i32> {
    let basic = schema.get_basic_info();
    basic.has_id().then(|| basic.id())
}

/// By field id; by name in files of writers that set none.
pub(super) fn path_column(schema: &SchemaDescriptor) -> parquet::errors::Result<usize> {
    let columns = schema.columns();
    let by_id = columns.iter().position(|c| field_id(c.self_type()) == Some(DELETE_FILE_PATH));
    let column = by_id.or_else(|| columns.iter().position(|c| c.path().string() == "file_path"));
    column
        .filter(|at| columns[*at].physical_type() == Physical::BYTE_ARRAY && columns[*at].max_rep_level() == 0)
        .ok_or_else(|| ParquetError::General("the position delete file has no column file_path".into()))
}

/// The codec the path column had, and full bounds: a filter by path must not be widened by a cut.
pub(super) fn properties(metadata: &ParquetMetaData, schema: &SchemaDescriptor, column: usize) -> WriterProperties {
    let codec = metadata.row_groups().first().map(|g| g.column(column).compression());
    let mut builder = WriterProperties::builder()
        .set_compression(codec.filter(|c| !matches!(c, Compression::LZO)).unwrap_or(Compression::UNCOMPRESSED))
        .set_statistics_truncate_length(None);
    // Moved columns bring no offset index, and an index of some columns only confuses readers.
    if schema.num_columns() > 0 {
        builder = builder
            .set_statistics_enabled(parquet::file::properties::EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
    }
    builder.build()
}

//! Column chunks moved from one Parquet file into another without decoding a page; their headers are written anew
//! ([`super::strict`]).

use super::Pages;
use parquet::basic::SortOrder;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use std::io::Write;
use std::ops::Range;

/// Where a chunk's pages lie in its file.
pub fn chunk_range(chunk: &ColumnChunkMetaData) -> Result<Range<u64>> {
    let start = first_page(chunk);
    match (u64::try_from(start), u64::try_from(chunk.compressed_size())) {
        (Ok(start), Ok(length)) => start.checked_add(length).map(|end| start..end),
        _ => None,
    }
    .ok_or_else(|| ParquetError::General("a column chunk lies outside its file".into()))
}

/// Some writers leave a dictionary offset of 0 in chunks that have no dictionary.
fn dictionary_page(chunk: &ColumnChunkMetaData) -> Option<i64> {
    chunk.dictionary_page_offset().filter(|offset| *offset > 0 && *offset < chunk.data_page_offset())
}

fn first_page(chunk: &ColumnChunkMetaData) -> i64 {
    dictionary_page(chunk).unwrap_or_else(|| chunk.data_page_offset())
}

/// Appends a chunk as the next column, which `descr` describes in the new file. Bloom filters and page indexes stay
/// behind: they hold offsets of the old file and no reader needs them.
pub fn append_chunk<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    pages: Pages,
    chunk: &ColumnChunkMetaData,
    descr: ColumnDescPtr,
    rows: u64,
) -> Result<()> {
    let mut builder = ColumnChunkMetaData::builder(descr)
        .set_compression_codec(chunk.compression_codec())
        .set_encodings_mask(*chunk.encodings_mask())
        .set_total_compressed_size(pages.bytes.len() as i64)
        .set_total_uncompressed_size(pages.uncompressed_size)
        .set_num_values(chunk.num_values())
        .set_data_page_offset(pages.data_offset)
        .set_dictionary_page_offset(pages.has_dictionary.then_some(0))
        .set_unencoded_byte_array_data_bytes(chunk.unencoded_byte_array_data_bytes())
        .set_repetition_level_histogram(chunk.repetition_level_histogram().cloned())
        .set_definition_level_histogram(chunk.definition_level_histogram().cloned());
    if let Some(statistics) = chunk.statistics().filter(|_| has_known_order(chunk)) {
        builder = builder.set_statistics(statistics.clone());
    }
    if let Some(encodings) = chunk.page_encoding_stats() {
        builder = builder.set_page_encoding_stats(encodings.clone());
    }
    let close = ColumnCloseResult {
        bytes_written: pages.bytes.len() as u64,
        rows_written: rows,
        metadata: builder.build()?,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    group.append_column(&pages.bytes, close)
}

/// The new footer declares the order its statistics follow. Those of types without one, such as INT96, stay behind.
fn has_known_order(chunk: &ColumnChunkMetaData) -> bool {
    chunk.column_descr().sort_order() != SortOrder::UNDEFINED
}

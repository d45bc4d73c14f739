//! What the pages of a chunk hold once they are decompressed, checked before the Parquet reader decompresses them: it
//! makes room for whatever a header claims, and for whatever gzip, Brotli and LZ4 frames hold.

use super::broken;
use super::lenient::Header;
use super::plain::decompressed;
use super::values::{self, Doubt, Levels};
use crate::limits::Limit;
use icebridge_model::{Code, Error, Result};
use parquet::basic::{Compression, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use std::collections::HashMap;
use std::io::{Read, sink};
use std::ops::Range;

/// The chunks of a file, by where they begin and how long they are.
#[derive(Debug)]
pub struct Chunks {
    by_range: HashMap<(u64, u64), Chunk>,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    codec: Compression,
    values: u64,
    /// Its dictionary has texts or bytes of any length.
    has_long_values: bool,
    levels: Levels,
    doubt: Option<Doubt>,
}

/// What a chunk needs once it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Needs {
    pub largest_page: u64,
    /// The longest value of its dictionary, which each row may repeat; 0 where that is no concern.
    pub longest_value: u64,
}

impl Chunks {
    /// Those of a footer; an error if one lies outside the file, which has `size` bytes.
    pub fn of(metadata: &ParquetMetaData, size: u64) -> Result<Self> {
        let mut by_range = HashMap::new();
        let mut ends = Vec::new();
        for group in metadata.row_groups() {
            let rows = u64::try_from(group.num_rows()).map_err(|_| outside())?;
            for chunk in group.columns() {
                let range = range(chunk).filter(|range| range.end <= size).ok_or_else(outside)?;
                let values = u64::try_from(chunk.num_values()).map_err(|_| outside())?;
                let column = chunk.column_descr();
                if column.max_rep_level() == 0 && values != rows {
                    let name = column.path().string();
                    return Err(contradiction(format!(
                        "the column {name} has {values} values in a row group of {rows} rows"
                    )));
                }
                if chunk.file_path().is_some() {
                    return Err(Error::new(Code::Unsupported, "columns that lie in another file cannot be read")
                        .with_hint("Rewrite the file at the source."));
                }
                let has_long_values = column.physical_type() == Type::BYTE_ARRAY
                    && chunk.dictionary_page_offset().is_some()
                    && chunk.uncompressed_size() > LONG_VALUE as i64;
                let levels = Levels::of(column);
                let doubt = Doubt::of(chunk);
                let known = Chunk { codec: chunk.compression(), values, has_long_values, levels, doubt };
                by_range.insert((range.start, range.end - range.start), known);
                if range.end > range.start {
                    ends.push((range.start, range.end));
                }
            }
        }
        ends.sort_unstable();
        match ends.windows(2).find(|pair| pair[0].1 > pair[1].0) {
            Some(pair) => Err(contradiction(format!("two column chunks lie at byte {}", pair[1].0))),
            None => Ok(Self { by_range }),
        }
    }

    /// What lies in `range`, if that is a chunk.
    pub fn check(&self, range: &Range<u64>, bytes: &[u8]) -> Result<Needs> {
        let Some(chunk) = self.by_range.get(&(range.start, range.end.saturating_sub(range.start))) else {
            return Ok(Needs::default());
        };
        let largest_page = check(bytes, chunk.codec, chunk.values, Limit::ParquetPage.get())?;
        if let Some(doubt) = chunk.doubt {
            values::check(bytes, chunk.codec, chunk.values, chunk.levels, doubt)?;
        }
        let longest_value = if chunk.has_long_values { longest_value(bytes, chunk.codec) } else { 0 };
        Ok(Needs { largest_page, longest_value })
    }
}

/// Where the Parquet reader looks for the chunk.
fn range(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
    let (start, length) = (u64::try_from(start).ok()?, u64::try_from(chunk.compressed_size()).ok()?);
    Some(start..start.checked_add(length)?)
}

fn outside() -> Error {
    broken("the footer names a column chunk that lies outside the file")
}

fn contradiction(message: String) -> Error {
    broken(format!("the Parquet file contradicts itself: {message}"))
}

/// As far as the reader goes: until it has the values that the footer promises. Returns the size of the largest page.
pub fn check(mut rest: &[u8], codec: Compression, values: u64, limit: u64) -> Result<u64> {
    let (mut seen, mut largest) = (0u64, 0);
    while seen < values && !rest.is_empty() {
        let header = Header::parse(rest).ok_or_else(unreadable)?;
        let Some(page) = rest.get(header.length..).and_then(|rest| rest.get(..header.compressed)) else {
            // Cut off: the reader says so.
            return Ok(largest);
        };
        let content = page.get(header.levels..).unwrap_or_default();
        if header.uncompressed > limit || (header.is_compressed && holds_more_than(content, codec, limit)) {
            return Err(Limit::ParquetPage.exceeded());
        }
        if header.is_dictionary && header.values > header.uncompressed {
            return Err(contradiction(format!(
                "a dictionary of {} bytes has {} values",
                header.uncompressed, header.values
            )));
        }
        largest = largest.max(header.uncompressed);
        if !header.is_dictionary {
            seen = seen.saturating_add(header.values);
        }
        rest = &rest[header.length + header.compressed..];
    }
    if seen > values {
        return Err(contradiction(format!("pages of {seen} values in a column chunk of {values}")));
    }
    Ok(largest)
}

/// Shorter ones fit into memory as often as a batch has rows.
const LONG_VALUE: u64 = 16 << 10;

/// Of the dictionary that a chunk begins with; 0 where it is short, or cannot be read: that is the reader's to say.
fn longest_value(chunk: &[u8], codec: Compression) -> u64 {
    longest_value_of(chunk, codec).unwrap_or(0)
}

fn longest_value_of(chunk: &[u8], codec: Compression) -> Option<u64> {
    let header = Header::parse(chunk).filter(|header| header.is_dictionary && header.uncompressed > LONG_VALUE)?;
    let page = chunk.get(header.length..)?.get(..header.compressed)?;
    let plain = decompressed(page, codec, header.uncompressed)?;
    let mut rest = plain.as_slice();
    let mut longest = 0u64;
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(length.into());
        rest = tail.get(usize::try_from(length).ok()?..)?;
    }
    Some(longest)
}

fn unreadable() -> Error {
    broken("a page of the Parquet file has a header that cannot be read")
}

/// The most that a byte of deflate, and one of LZ4, can become.
const DEFLATE_RATIO: u64 = 1032;
const LZ4_RATIO: u64 = 255;

/// Only for codecs whose output the reader does not bound by what the header says. What cannot be read is its to say.
fn holds_more_than(page: &[u8], codec: Compression, limit: u64) -> bool {
    let can_reach = |ratio: u64| (page.len() as u64).saturating_mul(ratio) > limit;
    let counted = |reader: &mut dyn Read| std::io::copy(&mut reader.take(limit.saturating_add(1)), &mut sink());
    let found = match codec {
        Compression::GZIP(_) if can_reach(DEFLATE_RATIO) => counted(&mut flate2::read::MultiGzDecoder::new(page)),
        Compression::BROTLI(_) => counted(&mut brotli::Decompressor::new(page, 4096)),
        Compression::LZ4 if can_reach(LZ4_RATIO) => counted(&mut lz4_flex::frame::FrameDecoder::new(page)),
        _ => return false,
    };
    found.is_ok_and(|bytes| bytes > limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{BrotliLevel, GzipLevel, ZstdLevel};
    use parquet::file::metadata::ParquetMetaDataReader;
    use parquet::file::properties::{WriterProperties, WriterVersion};
    use std::sync::Arc;

    /// A file with one long text, which every codec makes small, and its footer.
    fn file(codec: Compression, version: WriterVersion) -> (bytes::Bytes, ParquetMetaData) {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20), String::new()]));
        let batch = RecordBatch::try_from_iter([("a", text)]).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(codec)
            .set_writer_version(version)
            .set_dictionary_enabled(false)
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let bytes = bytes::Bytes::from(writer.into_inner().unwrap());
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
        (bytes, metadata)
    }

    fn codecs() -> [Compression; 6] {
        [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(GzipLevel::default()),
            Compression::BROTLI(BrotliLevel::default()),
            Compression::LZ4_RAW,
            Compression::ZSTD(ZstdLevel::default()),
        ]
    }

    #[test]
    fn a_page_that_says_that_it_is_too_large_is_refused() {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for codec in codecs() {
                let (bytes, metadata) = file(codec, version);
                let chunk = metadata.row_group(0).column(0);
                let range = range(chunk).unwrap();
                let pages = &bytes[range.start as usize..range.end as usize];
                assert!(check(pages, codec, 2, 2 << 20).is_ok(), "{codec} {version:?}");
                assert_eq!(
                    check(pages, codec, 2, 1 << 19).unwrap_err().code,
                    Code::LimitExceeded,
                    "{codec} {version:?}"
                );
                // Nobody reads past the values that the footer promises.
                assert!(check(pages, codec, 0, 1).is_ok());
                assert_eq!(check(&[0xff; 9], codec, 2, 9).unwrap_err().code, Code::FileBroken);
            }
        }
    }

    #[test]
    fn a_dictionary_tells_its_longest_value_and_a_page_may_not_have_more_than_its_chunk() {
        let long = "x".repeat(40_000);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![long.as_str(), "y", long.as_str()]));
        let batch = RecordBatch::try_from_iter([("a", texts)]).unwrap();
        for codec in codecs() {
            let properties = WriterProperties::builder().set_compression(codec).build();
            let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            let bytes = bytes::Bytes::from(writer.into_inner().unwrap());
            let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
            let chunk = metadata.row_group(0).column(0);
            let range = range(chunk).unwrap();
            let pages = &bytes[range.start as usize..range.end as usize];
            let needs = Chunks::of(&metadata, bytes.len() as u64).unwrap().check(&range, pages).unwrap();
            assert_eq!(needs.longest_value, 40_000, "{codec}");
            assert_eq!(check(pages, codec, 2, 1 << 20).unwrap_err().code, Code::FileBroken, "{codec}");
        }
    }

    #[test]
    fn a_page_that_holds_more_than_it_says_is_refused() {
        for codec in [Compression::GZIP(GzipLevel::default()), Compression::BROTLI(BrotliLevel::default())] {
            let (bytes, metadata) = file(codec, WriterVersion::PARQUET_1_0);
            let range = range(metadata.row_group(0).column(0)).unwrap();
            let chunk = &bytes[range.start as usize..range.end as usize];
            let header = Header::parse(chunk).unwrap();
            let page = &chunk[header.length..header.length + header.compressed];
            assert!(page.len() < 1 << 12, "{codec} makes it small");
            assert!(holds_more_than(page, codec, (1 << 20) - 1) && !holds_more_than(page, codec, 2 << 20), "{codec}");
        }
    }

    #[test]
    fn a_chunk_outside_its_file_is_refused() {
        let (bytes, metadata) = file(Compression::SNAPPY, WriterVersion::PARQUET_1_0);
        assert!(Chunks::of(&metadata, bytes.len() as u64).is_ok());
        assert_eq!(Chunks::of(&metadata, 20).unwrap_err().code, Code::FileBroken);
        for (offset, length) in [(-1, 10), (4, -1), (i64::MAX, i64::MAX)] {
            let mut builder = metadata.clone().into_builder();
            let mut groups = builder.take_row_groups();
            let chunk = groups[0].columns()[0].clone().into_builder();
            let chunk = chunk.set_data_page_offset(offset).set_total_compressed_size(length).build().unwrap();
            groups[0].columns_mut()[0] = chunk;
            let changed = builder.set_row_groups(groups).build();
            assert!(Chunks::of(&changed, 1 << 40).is_err(), "{offset} {length}");
        }
    }
}

//! Values that the Parquet crate reads as others than they are, without a word: what begins with more of the value before than
//! that has, in the encoding DELTA_BYTE_ARRAY; and an INT96 timestamp that 64 bits of microseconds do not hold.

use super::broken;
use super::delta::Deltas;
use super::lenient::Header;
use super::plain::decompressed;
use icebridge_model::Result;
use parquet::basic::{Compression, Type};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::schema::types::ColumnDescriptor;

/// What is looked for in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    Prefixes,
    Days,
}

impl Doubt {
    pub fn of(chunk: &ColumnChunkMetaData) -> Option<Self> {
        match chunk.column_descr().physical_type() {
            Type::INT96 => Some(Self::Days),
            // What the footer says of encodings nobody reads: a page says its own.
            Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => Some(Self::Prefixes),
            _ => None,
        }
    }
}

/// How many bits a level of each kind takes; 0: there are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Levels {
    pub repetition: u32,
    pub definition: u32,
}

impl Levels {
    pub fn of(column: &ColumnDescriptor) -> Self {
        let bits = |most: i16| i16::BITS - most.leading_zeros();
        Self { repetition: bits(column.max_rep_level()), definition: bits(column.max_def_level()) }
    }
}

const PLAIN: i32 = 0;
const DELTA_BYTE_ARRAY: i32 = 7;

/// Every page until the chunk has its values. What cannot be read is the reader's to say.
pub fn check(mut rest: &[u8], codec: Compression, values: u64, levels: Levels, doubt: Doubt) -> Result<()> {
    let mut seen = 0u64;
    while seen < values && !rest.is_empty() {
        let Some(header) = Header::parse(rest) else { return Ok(()) };
        let Some(page) = rest.get(header.length..).and_then(|rest| rest.get(..header.compressed)) else {
            return Ok(());
        };
        let is_doubtful = match doubt {
            Doubt::Days => header.encoding == PLAIN || header.is_dictionary,
            Doubt::Prefixes => header.encoding == DELTA_BYTE_ARRAY && !header.is_dictionary,
        };
        if is_doubtful && let Some(plain) = values_of(page, &header, codec, levels) {
            match doubt {
                Doubt::Days => days(&plain)?,
                Doubt::Prefixes => prefixes(&plain, header.values)?,
            }
        }
        if !header.is_dictionary {
            seen = seen.saturating_add(header.values);
        }
        rest = &rest[header.length + header.compressed..];
    }
    Ok(())
}

/// Without the levels before them.
fn values_of(page: &[u8], header: &Header, codec: Compression, levels: Levels) -> Option<Vec<u8>> {
    let content = page.get(header.levels..)?;
    let size = header.uncompressed.checked_sub(header.levels as u64)?;
    let codec = if header.is_compressed { codec } else { Compression::UNCOMPRESSED };
    let plain = decompressed(content, codec, size)?;
    if header.is_dictionary || header.is_second {
        return Some(plain);
    }
    let mut at = 0usize;
    let levels = [(levels.repetition, header.repetition_has_length), (levels.definition, header.definition_has_length)];
    for (bits, has_length) in levels.into_iter().filter(|(bits, _)| *bits > 0) {
        let length = match has_length {
            true => 4 + u64::from(u32::from_le_bytes(*plain.get(at..)?.first_chunk::<4>()?)),
            false => header.values.checked_mul(bits.into())?.div_ceil(8),
        };
        at = at.checked_add(usize::try_from(length).ok()?)?;
    }
    plain.get(at..).map(<[u8]>::to_vec)
}

fn prefixes(plain: &[u8], values: u64) -> Result<()> {
    let Some((prefixes, rest)) = Deltas::begin(plain).and_then(|prefixes| Some((prefixes, prefixes.end()?))) else {
        return Ok(());
    };
    let Some(suffixes) = Deltas::begin(rest) else { return Ok(()) };
    let mut length = 0i64;
    // As far as the reader goes.
    for (prefix, suffix) in prefixes.zip(suffixes).take(usize::try_from(values).unwrap_or(usize::MAX)) {
        if !(0..=length).contains(&prefix) || suffix < 0 {
            return Err(broken("a text of the Parquet file begins with more of the one before than that has"));
        }
        length = prefix + suffix;
    }
    Ok(())
}

/// The day 1970-01-01 by Julian's count.
const EPOCH: i64 = 2_440_588;
const MICROSECONDS_IN_DAY: i64 = 86_400_000_000;

fn days(plain: &[u8]) -> Result<()> {
    for value in plain.as_chunks::<12>().0 {
        let [n0, n1, n2, n3, n4, n5, n6, n7, a, b, c, d] = *value;
        let day = i64::from(i32::from_le_bytes([a, b, c, d])) - EPOCH;
        let nanoseconds = i64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        let micros = day.checked_mul(MICROSECONDS_IN_DAY).and_then(|day| day.checked_add(nanoseconds / 1000));
        if micros.is_none() {
            return Err(broken(
                "a timestamp of the Parquet file lies further from 1970 than microseconds reach in 64 bits",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::bounds::Chunks;
    use crate::pages::delta::packed;
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use icebridge_model::Code;
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Encoding, ZstdLevel};
    use parquet::data_type::{Int96, Int96Type};
    use parquet::file::metadata::ParquetMetaDataReader;
    use parquet::file::properties::{WriterProperties, WriterVersion};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    fn checked(bytes: &[u8]) -> Result<()> {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::copy_from_slice(bytes)).unwrap();
        let chunks = Chunks::of(&metadata, bytes.len() as u64).unwrap();
        let chunk = metadata.row_group(0).column(0);
        let (start, length) = chunk.byte_range();
        let range = start..start + length;
        chunks.check(&range, &bytes[start as usize..(start + length) as usize]).map(drop)
    }

    fn texts(version: WriterVersion, codec: Compression) -> Vec<u8> {
        let texts: StringArray =
            (0..5000).map(|n| (n % 7 > 0).then(|| format!("{}-{n:05}", "prefix".repeat(n % 3)))).collect();
        let batch = RecordBatch::try_from_iter([("a", Arc::new(texts) as ArrayRef)]).unwrap();
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_compression(codec)
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::DELTA_BYTE_ARRAY)
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn what_is_right_is_passed() {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for codec in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())] {
                checked(&texts(version, codec)).unwrap();
            }
        }
    }

    #[test]
    fn nanoseconds_and_older_levels_are_counted() {
        let value = |nanoseconds: i64, day: i32| [&nanoseconds.to_le_bytes()[..], &day.to_le_bytes()[..]].concat();
        let edge = 106_751_990 + 2_440_588;
        assert!(days(&value(0, edge)).is_ok());
        assert_eq!(days(&value(i64::MAX, edge)).unwrap_err().code, Code::FileBroken);
        assert_eq!(days(&value(i64::MIN, 2_440_588 - 106_751_990)).unwrap_err().code, Code::FileBroken);
        // Three values' levels of two bits, without a length.
        let page = [vec![0b0001_0101], value(0, i32::MAX)].concat();
        let header = Header { uncompressed: page.len() as u64, values: 3, ..Header::default() };
        let levels = Levels { repetition: 0, definition: 2 };
        let plain = values_of(&page, &header, Compression::UNCOMPRESSED, levels).unwrap();
        assert_eq!(plain, value(0, i32::MAX));
    }

    #[test]
    fn a_prefix_longer_than_the_text_before_is_refused() {
        let page =
            |prefixes: &[i64], suffixes: &[i64]| [packed(prefixes), packed(suffixes), b"abcdefgh".to_vec()].concat();
        assert!(prefixes(&page(&[0, 2, 4, 0], &[3, 2, 0, 1]), 4).is_ok());
        for (long, suffixes) in
            [([0, 4, 0, 0], [3, 0, 0, 0]), ([1, 0, 0, 0], [3, 1, 1, 1]), ([0, -1, 0, 0], [3, 1, 1, 1])]
        {
            assert_eq!(prefixes(&page(&long, &suffixes), 4).unwrap_err().code, Code::FileBroken, "{long:?}");
        }
        // Nobody reads past the page's values.
        assert!(prefixes(&page(&[0, 1, 9, 9], &[3, 0, 0, 0]), 2).is_ok());
        assert!(prefixes(&[], 4).is_ok() && prefixes(&[0xff; 30], 4).is_ok());
    }

    /// A file with these timestamps, in pages and in a dictionary.
    fn timestamps(days: &[i32], has_dictionary: bool, repetition: &str) -> Vec<u8> {
        let schema = Arc::new(parse_message_type(&format!("message m {{ {repetition} int96 t; }}")).unwrap());
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(has_dictionary)
            .set_compression(Compression::SNAPPY)
            .build();
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<Int96> = days
            .iter()
            .map(|day| {
                let mut value = Int96::new();
                value.set_data(5, 0, *day as u32);
                value
            })
            .collect();
        let definition = vec![1i16; values.len()];
        let definition = (repetition == "optional").then_some(definition.as_slice());
        column.typed::<Int96Type>().write_batch(&values, definition, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn a_timestamp_that_would_wrap_is_refused() {
        for has_dictionary in [false, true] {
            for repetition in ["required", "optional"] {
                let file = |days: &[i32]| timestamps(days, has_dictionary, repetition);
                checked(&file(&[2_440_588, 0, -1, 5_373_484, 100_000_000, -100_000_000])).unwrap();
                for wrong in [i32::MAX, i32::MIN, 110_000_000, -110_000_000] {
                    let error = checked(&file(&[2_440_588, wrong])).unwrap_err();
                    assert_eq!(error.code, Code::FileBroken, "{wrong} {has_dictionary} {repetition}");
                }
            }
        }
    }
}

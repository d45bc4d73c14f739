//! Page headers (<https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>).

use super::thrift::{FALSE, I32, Reader, STRUCT, TRUE, Writer};

#[derive(Debug, PartialEq)]
pub struct PageHeader {
    pub uncompressed_size: i32,
    pub compressed_size: i32,
    crc: Option<i32>,
    pub body: Body,
}

/// Statistics of a page are left out: they are of no use without their order, which the old footer declares.
#[derive(Debug, PartialEq)]
pub enum Body {
    Data {
        values: i32,
        encoding: i32,
        definition_encoding: i32,
        repetition_encoding: i32,
    },
    Index,
    Dictionary {
        values: i32,
        encoding: i32,
        sorted: Option<bool>,
    },
    DataV2 {
        values: i32,
        nulls: i32,
        rows: i32,
        encoding: i32,
        definition_bytes: i32,
        repetition_bytes: i32,
        compressed: Option<bool>,
    },
}

const DATA: i32 = 0;
const INDEX: i32 = 1;
const DICTIONARY: i32 = 2;
const DATA_V2: i32 = 3;

/// `Encoding`.
const PLAIN: i32 = 0;
const PLAIN_DICTIONARY: i32 = 2;
const RLE: i32 = 3;
const BIT_PACKED: i32 = 4;
const RLE_DICTIONARY: i32 = 8;
const BYTE_STREAM_SPLIT: i32 = 9;

impl PageHeader {
    /// The header at the beginning of `bytes`, and its length. None if it has anything that the format does not.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut reader = Reader::strict(bytes);
        let (mut kind, mut sizes, mut crc, mut body) = (None, (None, None), None, None);
        let mut last = 0;
        while let Some(field) = reader.field(last)? {
            last = field.0;
            match field {
                (1, I32) => kind = Some(reader.int()?),
                (2, I32) => sizes.0 = Some(reader.int()?),
                (3, I32) => sizes.1 = Some(reader.int()?),
                (4, I32) => crc = Some(reader.int()?),
                (5, STRUCT) => body = Some((DATA, data(&mut reader)?)),
                (6, STRUCT) => {
                    reader.skip_flat_struct()?;
                    body = Some((INDEX, Body::Index));
                }
                (7, STRUCT) => body = Some((DICTIONARY, dictionary(&mut reader)?)),
                (8, STRUCT) => body = Some((DATA_V2, data_v2(&mut reader)?)),
                _ => return None,
            }
        }
        let (of_kind, body) = body?;
        (kind? == of_kind).then_some(())?;
        Some((Self { uncompressed_size: sizes.0?, compressed_size: sizes.1?, crc, body }, reader.at()))
    }

    /// Whether the numbers go together. `levels`: the column has definition and repetition levels.
    pub fn is_sound(&mut self, is_uncompressed: bool, levels: (bool, bool)) -> bool {
        let (compressed, uncompressed) = (self.compressed_size, self.uncompressed_size);
        // Those that say values by their differences can say more than readers agree on: they are written anew.
        let is_encoding =
            |encoding: i32| [PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY, BYTE_STREAM_SPLIT].contains(&encoding);
        let sizes = compressed >= 0 && uncompressed >= 0 && (!is_uncompressed || compressed == uncompressed);
        let body = match &mut self.body {
            Body::Index => true,
            Body::Dictionary { values, encoding, .. } => *values >= 0 && matches!(*encoding, PLAIN | PLAIN_DICTIONARY),
            Body::Data { values, encoding, definition_encoding, repetition_encoding } => {
                *values >= 0
                    && is_encoding(*encoding)
                    && is_level_encoding(definition_encoding, levels.0)
                    && is_level_encoding(repetition_encoding, levels.1)
            }
            Body::DataV2 {
                values,
                nulls,
                rows,
                encoding,
                definition_bytes,
                repetition_bytes,
                compressed: is_compressed,
            } => {
                let of_levels = i64::from(*definition_bytes) + i64::from(*repetition_bytes);
                is_encoding(*encoding)
                    && [*values, *nulls, *rows, *definition_bytes, *repetition_bytes].iter().all(|n| *n >= 0)
                    && nulls <= values
                    && rows <= values
                    && (levels.1 || rows == values)
                    && (levels.0 || *nulls == 0)
                    && of_levels <= i64::from(compressed.min(uncompressed))
                    && (*is_compressed != Some(false) || compressed == uncompressed)
            }
        };
        sizes && body
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let mut header = Writer::new(out);
        let kind = match self.body {
            Body::Data { .. } => DATA,
            Body::Index => INDEX,
            Body::Dictionary { .. } => DICTIONARY,
            Body::DataV2 { .. } => DATA_V2,
        };
        header.int(1, kind);
        header.int(2, self.uncompressed_size);
        header.int(3, self.compressed_size);
        if let Some(crc) = self.crc {
            header.int(4, crc);
        }
        match self.body {
            Body::Data { values, encoding, definition_encoding, repetition_encoding } => header.inner(5, |body| {
                for (id, number) in [(1, values), (2, encoding), (3, definition_encoding), (4, repetition_encoding)] {
                    body.int(id, number);
                }
            }),
            Body::Index => header.inner(6, |_| {}),
            Body::Dictionary { values, encoding, sorted } => header.inner(7, |body| {
                body.int(1, values);
                body.int(2, encoding);
                if let Some(sorted) = sorted {
                    body.flag(3, sorted);
                }
            }),
            Body::DataV2 { values, nulls, rows, encoding, definition_bytes, repetition_bytes, compressed } => {
                header.inner(8, |body| {
                    for (id, number) in (1..).zip([values, nulls, rows, encoding, definition_bytes, repetition_bytes]) {
                        body.int(id, number);
                    }
                    if let Some(compressed) = compressed {
                        body.flag(7, compressed);
                    }
                });
            }
        }
        header.end();
    }
}

/// Where there are no levels readers do not look at their encoding, and it may be anything.
fn is_level_encoding(encoding: &mut i32, has_levels: bool) -> bool {
    if !has_levels {
        *encoding = RLE;
    }
    matches!(*encoding, RLE | BIT_PACKED)
}

fn data(reader: &mut Reader<'_>) -> Option<Body> {
    let (mut numbers, mut last) = ([None; 4], 0);
    while let Some(field) = reader.field(last)? {
        last = field.0;
        match field {
            (id @ 1..=4, I32) => numbers[id as usize - 1] = Some(reader.int()?),
            (5, STRUCT) => reader.skip_flat_struct()?,
            _ => return None,
        }
    }
    let [values, encoding, definition_encoding, repetition_encoding] = numbers;
    Some(Body::Data {
        values: values?,
        encoding: encoding?,
        definition_encoding: definition_encoding?,
        repetition_encoding: repetition_encoding?,
    })
}

fn dictionary(reader: &mut Reader<'_>) -> Option<Body> {
    let (mut values, mut encoding, mut sorted, mut last) = (None, None, None, 0);
    while let Some(field) = reader.field(last)? {
        last = field.0;
        match field {
            (1, I32) => values = Some(reader.int()?),
            (2, I32) => encoding = Some(reader.int()?),
            (3, TRUE) => sorted = Some(true),
            (3, FALSE) => sorted = Some(false),
            _ => return None,
        }
    }
    Some(Body::Dictionary { values: values?, encoding: encoding?, sorted })
}

fn data_v2(reader: &mut Reader<'_>) -> Option<Body> {
    let (mut numbers, mut compressed, mut last) = ([None; 6], None, 0);
    while let Some(field) = reader.field(last)? {
        last = field.0;
        match field {
            (id @ 1..=6, I32) => numbers[id as usize - 1] = Some(reader.int()?),
            (7, TRUE) => compressed = Some(true),
            (7, FALSE) => compressed = Some(false),
            (8, STRUCT) => reader.skip_flat_struct()?,
            _ => return None,
        }
    }
    let [values, nulls, rows, encoding, definition_bytes, repetition_bytes] = numbers;
    Some(Body::DataV2 {
        values: values?,
        nulls: nulls?,
        rows: rows?,
        encoding: encoding?,
        definition_bytes: definition_bytes?,
        repetition_bytes: repetition_bytes?,
        compressed,
    })
}

//! The canonical bytes of a row, as docs/digest.md defines them.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampNanosecondArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, TimeUnit};
use icebridge_model::{Code, Error, Result};
use std::io::Write;

/// Encodes the rows of one batch. Cheap to build: it only takes references to the arrays.
pub struct RowEncoder {
    columns: Vec<Column>,
}

impl RowEncoder {
    pub fn new(batch: &RecordBatch) -> Result<Self> {
        let schema = batch.schema();
        Ok(Self { columns: in_name_order(schema.fields().iter().map(|f| f.name().as_str()), batch.columns())? })
    }

    /// Appends row `row` to `out`.
    pub fn encode(&self, row: usize, out: &mut Vec<u8>) {
        for column in &self.columns {
            column.encode(row, out);
        }
    }
}

fn in_name_order<'a>(names: impl Iterator<Item = &'a str>, columns: &[ArrayRef]) -> Result<Vec<Column>> {
    let mut named: Vec<_> = names.zip(columns).collect();
    named.sort_by_key(|(name, _)| *name);
    named.into_iter().map(|(name, array)| Column::new(array).map_err(|e| e.about(format!("column {name}")))).collect()
}

enum Column {
    Null,
    Boolean(BooleanArray),
    Int(Int32Array),
    Long(Int64Array),
    Float(Float32Array),
    Double(Float64Array),
    Decimal(Decimal128Array, usize),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Micros(TimestampMicrosecondArray),
    Nanos(TimestampNanosecondArray),
    String(StringArray),
    Binary(BinaryArray),
    Fixed(FixedSizeBinaryArray),
    Struct { nulls: Option<NullBuffer>, fields: Vec<Column> },
    List { nulls: Option<NullBuffer>, offsets: OffsetBuffer<i32>, element: Box<Column> },
    Map { nulls: Option<NullBuffer>, offsets: OffsetBuffer<i32>, key: Box<Column>, value: Box<Column> },
}

impl Column {
    fn new(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Int32 => Self::Int(array.as_primitive::<Int32Type>().clone()),
            DataType::Int64 => Self::Long(array.as_primitive::<Int64Type>().clone()),
            DataType::Float32 => Self::Float(array.as_primitive::<Float32Type>().clone()),
            DataType::Float64 => Self::Double(array.as_primitive::<Float64Type>().clone()),
            DataType::Decimal128(_, scale) if *scale >= 0 => {
                Self::Decimal(array.as_primitive::<Decimal128Type>().clone(), *scale as usize)
            }
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>().clone()),
            DataType::Time64(TimeUnit::Microsecond) => {
                Self::Time(array.as_primitive::<Time64MicrosecondType>().clone())
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Micros(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Self::Nanos(array.as_primitive::<TimestampNanosecondType>().clone())
            }
            DataType::Utf8 => Self::String(array.as_string::<i32>().clone()),
            DataType::Binary => Self::Binary(array.as_binary::<i32>().clone()),
            DataType::FixedSizeBinary(_) => Self::Fixed(array.as_fixed_size_binary().clone()),
            DataType::Struct(fields) => Self::Struct {
                nulls: array.nulls().cloned(),
                fields: in_name_order(fields.iter().map(|f| f.name().as_str()), array.as_struct().columns())?,
            },
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Self::List {
                    nulls: list.nulls().cloned(),
                    offsets: list.offsets().clone(),
                    element: Box::new(Self::new(list.values())?),
                }
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                Self::Map {
                    nulls: map.nulls().cloned(),
                    offsets: map.offsets().clone(),
                    key: Box::new(Self::new(map.keys())?),
                    value: Box::new(Self::new(map.values())?),
                }
            }
            other => return Err(Error::new(Code::Unsupported, format!("the row digest has no form for {other}"))),
        })
    }

    fn encode(&self, row: usize, out: &mut Vec<u8>) {
        macro_rules! tagged {
            ($array:expr, $value:ident => $write:expr) => {{
                if $array.is_null(row) {
                    out.push(0);
                } else {
                    out.push(1);
                    let $value = $array.value(row);
                    $write
                }
            }};
        }
        match self {
            Self::Null => out.push(0),
            Self::Boolean(a) => tagged!(a, v => out.push(u8::from(v))),
            Self::Int(a) => tagged!(a, v => long(v.into(), out)),
            Self::Long(a) => tagged!(a, v => long(v, out)),
            Self::Float(a) => tagged!(a, v => double(v.into(), out)),
            Self::Double(a) => tagged!(a, v => double(v, out)),
            Self::Decimal(a, scale) => tagged!(a, v => decimal(v, *scale, out)),
            Self::Date(a) => tagged!(a, v => long(v.into(), out)),
            Self::Time(a) => tagged!(a, v => long(v, out)),
            Self::Micros(a) => tagged!(a, v => long(v, out)),
            Self::Nanos(a) => tagged!(a, v => long(v, out)),
            Self::String(a) => tagged!(a, v => sized(v.as_bytes(), out)),
            Self::Binary(a) => tagged!(a, v => sized(v, out)),
            Self::Fixed(a) => tagged!(a, v => sized(v, out)),
            Self::Struct { nulls, fields } => {
                if is_null(nulls, row) {
                    return out.push(0);
                }
                out.push(1);
                for field in fields {
                    field.encode(row, out);
                }
            }
            Self::List { nulls, offsets, element } => {
                if is_null(nulls, row) {
                    return out.push(0);
                }
                out.push(1);
                let range = span(offsets, row);
                count(range.len(), out);
                for item in range {
                    element.encode(item, out);
                }
            }
            Self::Map { nulls, offsets, key, value } => {
                if is_null(nulls, row) {
                    return out.push(0);
                }
                out.push(1);
                let range = span(offsets, row);
                count(range.len(), out);
                let mut entries: Vec<Vec<u8>> = range
                    .map(|item| {
                        let mut entry = Vec::new();
                        key.encode(item, &mut entry);
                        value.encode(item, &mut entry);
                        entry
                    })
                    .collect();
                entries.sort_unstable();
                for entry in entries {
                    out.extend_from_slice(&entry);
                }
            }
        }
    }
}

fn is_null(nulls: &Option<NullBuffer>, row: usize) -> bool {
    nulls.as_ref().is_some_and(|n| n.is_null(row))
}

fn span(offsets: &OffsetBuffer<i32>, row: usize) -> std::ops::Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}

fn long(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn double(value: f64, out: &mut Vec<u8>) {
    let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
    out.extend_from_slice(&bits.to_be_bytes());
}

fn count(length: usize, out: &mut Vec<u8>) {
    // Arrow's offsets are 32 bits wide, so a length always fits.
    out.extend_from_slice(&(length as u32).to_be_bytes());
}

fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn decimal(unscaled: i128, scale: usize, out: &mut Vec<u8>) {
    let at = out.len();
    count(0, out);
    write_decimal(unscaled, scale, out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// Plain text with exactly `scale` digits after the point.
pub fn write_decimal(unscaled: i128, scale: usize, out: &mut Vec<u8>) {
    let mut digits = [0u8; 40];
    let mut cursor = &mut digits[..];
    // Forty digits hold every 128-bit number, so this cannot fail.
    let _ = write!(cursor, "{}", unscaled.unsigned_abs());
    let length = 40 - cursor.len();
    let digits = &digits[..length];
    if unscaled < 0 {
        out.push(b'-');
    }
    if scale == 0 {
        out.extend_from_slice(digits);
        return;
    }
    let whole = length.saturating_sub(scale);
    if whole == 0 {
        out.push(b'0');
    }
    out.extend_from_slice(&digits[..whole]);
    out.push(b'.');
    out.extend(std::iter::repeat_n(b'0', scale.saturating_sub(length)));
    out.extend_from_slice(&digits[whole..]);
}

//! Per column: nulls, NaNs, the least and the greatest value, and the exact sum of numbers.

use crate::canonical_row::write_decimal;
use crate::text::not_utf8;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use icebridge_model::schema::{Field, Primitive, Type};
use icebridge_model::validation::ColumnMeasure;

#[derive(Clone, Debug)]
pub struct ColumnAggregate {
    name: String,
    column_type: Type,
    nulls: u64,
    nans: u64,
    not_utf8: u64,
    range: Range,
}

#[derive(Clone, Debug, Default)]
enum Range {
    #[default]
    Empty,
    Integers {
        least: i128,
        greatest: i128,
        sum: i128,
    },
    Floats {
        least: f64,
        greatest: f64,
    },
    Bytes {
        least: Vec<u8>,
        greatest: Vec<u8>,
    },
}

impl ColumnAggregate {
    pub fn new(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            column_type: field.field_type.clone(),
            nulls: 0,
            nans: 0,
            not_utf8: 0,
            range: Range::Empty,
        }
    }

    pub fn add(&mut self, array: &ArrayRef) {
        self.nulls += if *array.data_type() == DataType::Null { array.len() } else { array.null_count() } as u64;
        self.not_utf8 += not_utf8(&self.column_type, array);
        match array.data_type() {
            DataType::Boolean => self.integers(array.as_boolean().iter().flatten().map(i128::from)),
            DataType::Int32 => self.integers(array.as_primitive::<Int32Type>().iter().flatten().map(i128::from)),
            DataType::Int64 => self.integers(array.as_primitive::<Int64Type>().iter().flatten().map(i128::from)),
            DataType::Date32 => self.integers(array.as_primitive::<Date32Type>().iter().flatten().map(i128::from)),
            DataType::Decimal128(_, _) => self.integers(array.as_primitive::<Decimal128Type>().iter().flatten()),
            DataType::Time64(TimeUnit::Microsecond) => {
                self.integers(array.as_primitive::<Time64MicrosecondType>().iter().flatten().map(i128::from));
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.integers(array.as_primitive::<TimestampMicrosecondType>().iter().flatten().map(i128::from));
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.integers(array.as_primitive::<TimestampNanosecondType>().iter().flatten().map(i128::from));
            }
            DataType::Float32 => self.floats(array.as_primitive::<Float32Type>().iter().flatten().map(f64::from)),
            DataType::Float64 => self.floats(array.as_primitive::<Float64Type>().iter().flatten()),
            DataType::Utf8 => self.bytes(array.as_string::<i32>().iter().flatten().map(str::as_bytes)),
            DataType::Binary => self.bytes(array.as_binary::<i32>().iter().flatten()),
            DataType::FixedSizeBinary(_) => self.bytes(array.as_fixed_size_binary().iter().flatten()),
            // Nested values have no order; the row digest covers them.
            _ => {}
        }
    }

    fn integers(&mut self, values: impl Iterator<Item = i128>) {
        let mut found: Option<(i128, i128, i128)> = None;
        for v in values {
            let (least, greatest, sum) = found.unwrap_or((v, v, 0));
            found = Some((least.min(v), greatest.max(v), sum.wrapping_add(v)));
        }
        if let Some((least, greatest, sum)) = found {
            self.merge_range(Range::Integers { least, greatest, sum });
        }
    }

    fn floats(&mut self, values: impl Iterator<Item = f64>) {
        let mut found: Option<(f64, f64)> = None;
        for v in values {
            if v.is_nan() {
                self.nans += 1;
                continue;
            }
            let (least, greatest) = found.unwrap_or((v, v));
            found = Some((total_min(least, v), total_max(greatest, v)));
        }
        if let Some((least, greatest)) = found {
            self.merge_range(Range::Floats { least, greatest });
        }
    }

    fn bytes<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>) {
        let mut found: Option<(&[u8], &[u8])> = None;
        for v in values {
            let (least, greatest) = found.unwrap_or((v, v));
            found = Some((least.min(v), greatest.max(v)));
        }
        if let Some((least, greatest)) = found {
            self.merge_range(Range::Bytes { least: least.to_vec(), greatest: greatest.to_vec() });
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.nulls += other.nulls;
        self.nans += other.nans;
        self.not_utf8 += other.not_utf8;
        self.merge_range(other.range);
    }

    fn merge_range(&mut self, other: Range) {
        let mine = std::mem::take(&mut self.range);
        self.range = match (mine, other) {
            (Range::Empty, range) | (range, Range::Empty) => range,
            (Range::Integers { least: a, greatest: b, sum: c }, Range::Integers { least, greatest, sum }) => {
                Range::Integers { least: a.min(least), greatest: b.max(greatest), sum: c.wrapping_add(sum) }
            }
            (Range::Floats { least: a, greatest: b }, Range::Floats { least, greatest }) => {
                Range::Floats { least: total_min(a, least), greatest: total_max(b, greatest) }
            }
            (Range::Bytes { least: a, greatest: b }, Range::Bytes { least, greatest }) => {
                Range::Bytes { least: a.min(least), greatest: b.max(greatest) }
            }
            // A column has one type, so two kinds never meet.
            (range, _) => range,
        };
    }

    pub fn finish(self) -> ColumnMeasure {
        let primitive = match &self.column_type {
            Type::Primitive(primitive) => primitive.clone(),
            _ => Primitive::Unknown,
        };
        let (least, greatest, sum) = match self.range {
            Range::Empty => (None, None, None),
            Range::Integers { least, greatest, sum } => {
                let adds = matches!(primitive, Primitive::Int | Primitive::Long | Primitive::Decimal { .. });
                (
                    Some(integer_text(&primitive, least)),
                    Some(integer_text(&primitive, greatest)),
                    adds.then(|| integer_text(&primitive, sum)),
                )
            }
            Range::Floats { least, greatest } => (Some(least.to_string()), Some(greatest.to_string()), None),
            Range::Bytes { least, greatest } => {
                (Some(bytes_text(&primitive, &least)), Some(bytes_text(&primitive, &greatest)), None)
            }
        };
        ColumnMeasure {
            name: self.name,
            column_type: self.column_type.to_string(),
            nulls: self.nulls,
            nans: self.nans,
            not_utf8: self.not_utf8,
            least,
            greatest,
            sum,
        }
    }
}

fn total_min(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_lt() { b } else { a }
}

fn total_max(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_gt() { b } else { a }
}

fn integer_text(primitive: &Primitive, value: i128) -> String {
    match primitive {
        Primitive::Boolean => (value != 0).to_string(),
        Primitive::Decimal { scale, .. } => {
            let mut out = Vec::new();
            write_decimal(value, (*scale).into(), &mut out);
            String::from_utf8_lossy(&out).into_owned()
        }
        Primitive::Int | Primitive::Long | Primitive::Unknown | Primitive::Other(_) => value.to_string(),
        moment => crate::shown::moment(moment, value as i64),
    }
}

fn bytes_text(primitive: &Primitive, bytes: &[u8]) -> String {
    match primitive {
        Primitive::String => String::from_utf8_lossy(bytes).into_owned(),
        Primitive::Uuid => crate::shown::uuid(bytes),
        _ => hex::encode(bytes),
    }
}

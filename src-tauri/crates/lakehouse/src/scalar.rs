//! Single values outside of files: column defaults in JSON (spec, appendix D) and constants for whole columns.

use crate::arrow_types::{arrow_fields, arrow_type};
use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array,
    StructArray, Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray, new_null_array,
};
use icebridge_model::schema::{Primitive, Type};
use icebridge_model::{Code, Error, Result};
use jiff::civil;
use serde_json::Value;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Boolean(bool),
    /// int, long, and every date and time type in its own unit.
    Integer(i64),
    Float(f64),
    /// Unscaled.
    Decimal(i128),
    String(String),
    Bytes(Vec<u8>),
}

/// `rows` times the JSON value of a column default.
pub fn constant_from_json(field_type: &Type, value: &Value, rows: usize) -> Result<ArrayRef> {
    match (field_type, value) {
        (_, Value::Null) => Ok(new_null_array(&arrow_type(field_type)?, rows)),
        (Type::Primitive(primitive), _) => constant(primitive, &scalar_from_json(primitive, value)?, rows),
        // The only default of a struct is the empty one: its fields take their own defaults.
        (Type::Struct(fields), Value::Object(_)) => {
            let columns = fields
                .iter()
                .map(|f| constant_from_json(&f.field_type, f.initial_default.as_ref().unwrap_or(&Value::Null), rows))
                .collect::<Result<Vec<_>>>()?;
            StructArray::try_new_with_length(arrow_fields(fields)?, columns, None, rows)
                .map(|array| Arc::new(array) as ArrayRef)
                .map_err(|e| Error::new(Code::MetadataBroken, "a struct's default cannot be built").with_cause(e))
        }
        _ => Err(Error::new(Code::Unsupported, format!("a default for the type {field_type} is not supported"))),
    }
}

pub fn scalar_from_json(primitive: &Primitive, value: &Value) -> Result<Scalar> {
    let scalar = match (primitive, value) {
        (Primitive::Boolean, Value::Bool(b)) => Some(Scalar::Boolean(*b)),
        (Primitive::Int | Primitive::Long, Value::Number(n)) => n.as_i64().map(Scalar::Integer),
        (Primitive::Float | Primitive::Double, Value::Number(n)) => n.as_f64().map(Scalar::Float),
        (Primitive::Float | Primitive::Double, Value::String(text)) => text.parse().ok().map(Scalar::Float),
        (Primitive::Decimal { scale, .. }, Value::String(text)) => parse_decimal(text, *scale).map(Scalar::Decimal),
        (Primitive::Decimal { scale, .. }, Value::Number(n)) => {
            parse_decimal(&n.to_string(), *scale).map(Scalar::Decimal)
        }
        (Primitive::String, Value::String(text)) => Some(Scalar::String(text.clone())),
        (Primitive::Uuid, Value::String(text)) => {
            uuid::Uuid::parse_str(text).ok().map(|u| Scalar::Bytes(u.as_bytes().to_vec()))
        }
        (Primitive::Fixed(_) | Primitive::Binary, Value::String(text)) => hex::decode(text).ok().map(Scalar::Bytes),
        (_, Value::String(text)) => parse_moment(primitive, text).map(Scalar::Integer),
        _ => None,
    };
    scalar.ok_or_else(|| {
        Error::new(Code::MetadataBroken, format!("{value} is not a value of the type {primitive}"))
            .with_hint("A column default in the table's metadata is broken; correct it at the source.")
    })
}

/// Plain decimal text to its unscaled value; more digits after the point than the scale are refused.
fn parse_decimal(text: &str, scale: u8) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > scale.into() {
        return None;
    }
    format!("{whole}{fraction:0<width$}", width = scale.into()).parse().ok()
}

/// In the type's own unit. Counted on the calendar: jiff's instants end two days before the year 10000, Iceberg's do not.
fn parse_moment(primitive: &Primitive, text: &str) -> Option<i64> {
    let nanos = match primitive {
        Primitive::Date => return days(text.parse().ok()?),
        Primitive::Time => return Some(nanos_of_day(text.parse().ok()?) / 1_000),
        Primitive::Timestamp | Primitive::TimestampNs => civil_nanos(text.parse().ok()?)?,
        Primitive::Timestamptz | Primitive::TimestamptzNs => zoned_nanos(text)?,
        _ => return None,
    };
    let per_unit = if matches!(primitive, Primitive::Timestamp | Primitive::Timestamptz) { 1_000 } else { 1 };
    i64::try_from(nanos.div_euclid(per_unit)).ok()
}

fn days(date: civil::Date) -> Option<i64> {
    let since = civil::date(1970, 1, 1).until((jiff::Unit::Day, date)).ok()?;
    Some(since.get_days().into())
}

fn nanos_of_day(time: civil::Time) -> i64 {
    let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    seconds * 1_000_000_000 + i64::from(time.subsec_nanosecond())
}

fn civil_nanos(moment: civil::DateTime) -> Option<i128> {
    const DAY: i128 = 86_400_000_000_000;
    Some(i128::from(days(moment.date())?) * DAY + i128::from(nanos_of_day(moment.time())))
}

fn zoned_nanos(text: &str) -> Option<i128> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    let local = civil_nanos(pieces.date().to_datetime(pieces.time()?))?;
    let offset = pieces.to_numeric_offset()?;
    Some(local - i128::from(offset.seconds()) * 1_000_000_000)
}

/// Big-endian two's complement of any length whose value fits 16 bytes.
pub fn unscaled(bytes: &[u8]) -> Option<i128> {
    let fill = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    // Longer ones repeat their sign.
    let (surplus, bytes) = bytes.split_at(bytes.len().saturating_sub(16));
    if surplus.iter().any(|byte| *byte != fill) {
        return None;
    }
    let mut full = [fill; 16];
    full[16 - bytes.len()..].copy_from_slice(bytes);
    let value = i128::from_be_bytes(full);
    ((value < 0) == (fill == 0xff)).then_some(value)
}

/// `rows` times the same value.
pub fn constant(primitive: &Primitive, scalar: &Scalar, rows: usize) -> Result<ArrayRef> {
    let mismatch =
        || Error::new(Code::MetadataBroken, format!("a constant does not fit the column's type {primitive}"));
    let small = |n: i64| i32::try_from(n).map_err(|_| mismatch());
    Ok(match (primitive, scalar) {
        (Primitive::Boolean, Scalar::Boolean(b)) => Arc::new(BooleanArray::from(vec![*b; rows])),
        (Primitive::Int, Scalar::Integer(n)) => Arc::new(Int32Array::from_value(small(*n)?, rows)),
        (Primitive::Long, Scalar::Integer(n)) => Arc::new(Int64Array::from_value(*n, rows)),
        (Primitive::Float, Scalar::Float(x)) => Arc::new(Float32Array::from_value(*x as f32, rows)),
        (Primitive::Double, Scalar::Float(x)) => Arc::new(Float64Array::from_value(*x, rows)),
        (Primitive::Decimal { precision, scale }, Scalar::Decimal(n)) => Arc::new(
            Decimal128Array::from_value(*n, rows)
                .with_precision_and_scale(*precision, *scale as i8)
                .map_err(|e| mismatch().with_cause(e))?,
        ),
        (Primitive::Date, Scalar::Integer(n)) => Arc::new(Date32Array::from_value(small(*n)?, rows)),
        (Primitive::Time, Scalar::Integer(n)) => Arc::new(Time64MicrosecondArray::from_value(*n, rows)),
        (Primitive::Timestamp, Scalar::Integer(n)) => Arc::new(TimestampMicrosecondArray::from_value(*n, rows)),
        (Primitive::Timestamptz, Scalar::Integer(n)) => {
            Arc::new(TimestampMicrosecondArray::from_value(*n, rows).with_timezone("+00:00"))
        }
        (Primitive::TimestampNs, Scalar::Integer(n)) => Arc::new(TimestampNanosecondArray::from_value(*n, rows)),
        (Primitive::TimestamptzNs, Scalar::Integer(n)) => {
            Arc::new(TimestampNanosecondArray::from_value(*n, rows).with_timezone("+00:00"))
        }
        (Primitive::String, Scalar::String(text)) => {
            let mut builder = StringBuilder::with_capacity(rows, rows * text.len());
            (0..rows).for_each(|_| builder.append_value(text));
            Arc::new(builder.finish())
        }
        (Primitive::Binary, Scalar::Bytes(bytes)) => {
            let mut builder = BinaryBuilder::with_capacity(rows, rows * bytes.len());
            (0..rows).for_each(|_| builder.append_value(bytes));
            Arc::new(builder.finish())
        }
        (Primitive::Uuid | Primitive::Fixed(_), Scalar::Bytes(bytes)) => {
            let length = if let Primitive::Fixed(length) = primitive { *length } else { 16 };
            let mut builder = FixedSizeBinaryBuilder::with_capacity(rows, length as i32);
            for _ in 0..rows {
                builder.append_value(bytes).map_err(|e| mismatch().with_cause(e))?;
            }
            Arc::new(builder.finish())
        }
        _ => return Err(mismatch()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_read_as_the_spec_writes_them() {
        let check = |primitive: Primitive, value: Value, want: Scalar| {
            assert_eq!(scalar_from_json(&primitive, &value).unwrap(), want, "{primitive} {value}");
        };
        check(Primitive::Decimal { precision: 9, scale: 2 }, json!("14.20"), Scalar::Decimal(1420));
        check(Primitive::Decimal { precision: 9, scale: 2 }, json!("-0.05"), Scalar::Decimal(-5));
        check(Primitive::Decimal { precision: 9, scale: 2 }, json!("7"), Scalar::Decimal(700));
        check(Primitive::Date, json!("2017-11-16"), Scalar::Integer(17486));
        check(Primitive::Date, json!("1969-12-31"), Scalar::Integer(-1));
        check(Primitive::Time, json!("22:31:08.123456"), Scalar::Integer(81_068_123_456));
        check(Primitive::Timestamp, json!("2017-11-16T22:31:08.123456"), Scalar::Integer(1_510_871_468_123_456));
        check(
            Primitive::Timestamptz,
            json!("2017-11-16T22:31:08.123456+00:00"),
            Scalar::Integer(1_510_871_468_123_456),
        );
        check(
            Primitive::TimestampNs,
            json!("2017-11-16T22:31:08.123456789"),
            Scalar::Integer(1_510_871_468_123_456_789),
        );
        // The last moments that the spec's text can say, past the end of jiff's instants.
        check(Primitive::Timestamp, json!("9999-12-31T23:59:59.999999"), Scalar::Integer(253_402_300_799_999_999));
        check(Primitive::Timestamptz, json!("9999-12-31T23:59:59.999999Z"), Scalar::Integer(253_402_300_799_999_999));
        check(Primitive::Timestamptz, json!("1970-01-01T02:00:00+02:00"), Scalar::Integer(0));
        check(Primitive::Timestamp, json!("1969-12-31T23:59:59.999999"), Scalar::Integer(-1));
        check(Primitive::Binary, json!("00ff"), Scalar::Bytes(vec![0, 255]));
        assert!(scalar_from_json(&Primitive::Int, &json!("x")).is_err());
    }

    #[test]
    fn decimals_of_any_width_sign_extend() {
        assert_eq!(unscaled(&[0xff]), Some(-1));
        assert_eq!(unscaled(&[0x00, 0xff]), Some(255));
        assert_eq!(unscaled(&[0x80, 0x00]), Some(-32768));
        assert_eq!(unscaled(&[]), None);
        assert_eq!(unscaled(&[[0; 4].as_slice(), &[0x7f; 16]].concat()), Some(i128::from_be_bytes([0x7f; 16])));
        assert_eq!(unscaled(&[0xff; 20]), Some(-1));
        // Seventeen bytes that say more than sixteen hold.
        assert_eq!(unscaled(&[[0].as_slice(), &[0xff; 16]].concat()), None);
        assert_eq!(unscaled(&[[1].as_slice(), &[0; 16]].concat()), None);
    }
}

//! Values as people read them and as Iceberg's single-value JSON writes them (spec, appendix D).

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef};
use icebridge_model::schema::{Field, Primitive, Type};
use serde_json::{Map, Value, json};

const DAY_MICROS: i64 = 86_400_000_000;

/// A date or time in its own unit as ISO 8601. Beyond the years 0 to 9999 the number itself, so that nothing is invented.
pub fn moment(primitive: &Primitive, value: i64) -> String {
    let utc = if matches!(primitive, Primitive::Timestamptz | Primitive::TimestamptzNs) { "+00:00" } else { "" };
    let text = match primitive {
        Primitive::Date => date(value),
        Primitive::Time => Some(time(value, 6)),
        Primitive::Timestamp | Primitive::Timestamptz => {
            date(value.div_euclid(DAY_MICROS)).map(|d| format!("{d}T{}{utc}", time(value.rem_euclid(DAY_MICROS), 6)))
        }
        Primitive::TimestampNs | Primitive::TimestamptzNs => date(value.div_euclid(DAY_MICROS * 1000))
            .map(|d| format!("{d}T{}{utc}", time(value.rem_euclid(DAY_MICROS * 1000), 9))),
        _ => None,
    };
    text.unwrap_or_else(|| value.to_string())
}

fn date(days: i64) -> Option<String> {
    let span = jiff::Span::new().try_days(days).ok()?;
    let date = jiff::civil::date(1970, 1, 1).checked_add(span).ok()?;
    (date.year() >= 0).then(|| date.to_string())
}

fn time(ticks: i64, digits: u32) -> String {
    let per_second = 10_i64.pow(digits);
    let (seconds, fraction) = (ticks / per_second, ticks % per_second);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{h:02}:{m:02}:{s:02}.{fraction:0width$}", width = digits as usize)
}

pub fn uuid(bytes: &[u8]) -> String {
    uuid::Uuid::from_slice(bytes).map_or_else(|_| hex::encode(bytes), |u| u.to_string())
}

/// One value of a column.
pub fn value(field_type: &Type, array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) || array.data_type().is_null() {
        return Value::Null;
    }
    match field_type {
        Type::Primitive(primitive) => primitive_value(primitive, array, row),
        Type::Struct(fields) => Value::Object(object(fields, array.as_struct().columns(), row)),
        Type::List(list) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|i| value(&list.element, &items, i)).collect()
        }
        Type::Map(map) => {
            let entries = array.as_map().value(row);
            let side = |column: usize, side: &Type| -> Vec<Value> {
                (0..entries.len()).map(|i| value(side, entries.column(column), i)).collect()
            };
            json!({"keys": side(0, &map.key), "values": side(1, &map.value)})
        }
    }
}

/// The fields of a row or struct by name.
pub fn object(fields: &[Field], columns: &[ArrayRef], row: usize) -> Map<String, Value> {
    fields
        .iter()
        .zip(columns)
        .map(|(field, column)| (field.name.clone(), value(&field.field_type, column, row)))
        .collect()
}

fn primitive_value(primitive: &Primitive, array: &ArrayRef, row: usize) -> Value {
    let float = |x: f64| serde_json::Number::from_f64(x).map_or_else(|| Value::String(x.to_string()), Value::Number);
    match primitive {
        Primitive::Boolean => Value::Bool(array.as_boolean().value(row)),
        Primitive::Int => array.as_primitive::<Int32Type>().value(row).into(),
        Primitive::Long => array.as_primitive::<Int64Type>().value(row).into(),
        Primitive::Float => float(array.as_primitive::<Float32Type>().value(row).into()),
        Primitive::Double => float(array.as_primitive::<Float64Type>().value(row)),
        Primitive::Decimal { scale, .. } => {
            let mut out = Vec::new();
            crate::canonical_row::write_decimal(
                array.as_primitive::<Decimal128Type>().value(row),
                (*scale).into(),
                &mut out,
            );
            Value::String(String::from_utf8_lossy(&out).into_owned())
        }
        Primitive::Date => moment(primitive, array.as_primitive::<Date32Type>().value(row).into()).into(),
        Primitive::Time => moment(primitive, array.as_primitive::<Time64MicrosecondType>().value(row)).into(),
        Primitive::Timestamp | Primitive::Timestamptz => {
            moment(primitive, array.as_primitive::<TimestampMicrosecondType>().value(row)).into()
        }
        Primitive::TimestampNs | Primitive::TimestamptzNs => {
            moment(primitive, array.as_primitive::<TimestampNanosecondType>().value(row)).into()
        }
        Primitive::String => match array.as_binary_opt::<i32>() {
            // Read as bytes, of which those that are no text are shown as U+FFFD.
            Some(bytes) => String::from_utf8_lossy(bytes.value(row)).into(),
            None => array.as_string::<i32>().value(row).into(),
        },
        Primitive::Uuid => uuid(array.as_fixed_size_binary().value(row)).into(),
        Primitive::Fixed(_) => hex::encode(array.as_fixed_size_binary().value(row)).into(),
        Primitive::Binary => hex::encode(array.as_binary::<i32>().value(row)).into(),
        Primitive::Unknown | Primitive::Other(_) => Value::Null,
    }
}

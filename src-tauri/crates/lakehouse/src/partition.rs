//! Partition values as values of their field's result type, whatever form a writer stored them in. Deletes are matched by
//! them, so two forms of one value must be equal.

use crate::avro::{AvroField, Value};
use crate::metadata::TableMetadata;
use crate::scalar::{Scalar, unscaled};
use icebridge_model::schema::{Field, PartitionField, Primitive, Transform, Type};
use icebridge_model::{Code, Error, Result};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartitionValue {
    Boolean(bool),
    /// int, long, and every date and time type in its own unit.
    Integer(i64),
    /// IEEE bits, as they were stored.
    Float(u32),
    Double(u64),
    /// Unscaled.
    Decimal(i128),
    String(String),
    /// binary, fixed and uuid.
    Bytes(Vec<u8>),
}

/// The type of a transform's values.
pub fn result_type(transform: &Transform, source: &Primitive) -> Result<Primitive> {
    Ok(match transform {
        Transform::Identity | Transform::Truncate(_) | Transform::Void => source.clone(),
        Transform::Bucket(_) | Transform::Year | Transform::Month | Transform::Hour => Primitive::Int,
        Transform::Day => Primitive::Date,
        Transform::Other(_) => return Err(unknown_transform(transform)),
    })
}

fn unknown_transform(transform: &Transform) -> Error {
    Error::new(Code::Unsupported, format!("the partition transform `{transform}` is not known"))
        .with_hint("Choose the mode clone or register for this table, which keep its partitions as they are.")
}

/// The result types of a partition field: of its source column in each schema that has it, the newest first. Older types are
/// promoted to it, unless the table was replaced (`CREATE OR REPLACE TABLE` keeps a column's id under another type). None
/// if no schema has the column any more or the transform is not known.
pub fn field_types(metadata: &TableMetadata, field: &PartitionField) -> Vec<Primitive> {
    let current = std::iter::once(metadata.current_schema());
    let mut older: Vec<_> = metadata.schemas.iter().collect();
    older.sort_by_key(|schema| std::cmp::Reverse(schema.schema_id));
    let sources = current.chain(older).filter_map(|schema| primitive(&schema.fields, field.source_id));
    let mut types = Vec::new();
    for found in sources.filter_map(|source| result_type(&field.transform, source).ok()) {
        if !types.contains(&found) {
            types.push(found);
        }
    }
    types
}

/// The type of a column at any depth of structs: lists and maps cannot be partitioned by.
fn primitive(fields: &[Field], id: i32) -> Option<&Primitive> {
    fields.iter().find_map(|field| match &field.field_type {
        Type::Primitive(found) if field.id == id => Some(found),
        Type::Struct(inner) => primitive(inner, id),
        _ => None,
    })
}

impl PartitionValue {
    /// The value that `stored` is of the first of a field's types that it fits; as it is stored where none is known.
    pub fn of_stored(results: &[Primitive], stored: &Value, field: &AvroField) -> Result<Option<Self>> {
        let Some(stored) = stored.present() else { return Ok(None) };
        let logical = field.logical_type.as_deref();
        let value = match results {
            [] => untyped(stored, logical),
            types => types.iter().find_map(|result| typed(result, stored, logical)),
        };
        value.map(Some).ok_or_else(|| {
            let wanted = results.first().map_or_else(|| "a partition value".to_string(), ToString::to_string);
            Error::new(
                Code::MetadataBroken,
                format!("the partition value of `{}` is stored as {}, which is no {wanted}", field.name, stored.kind()),
            )
            .with_hint("Check the table at the source with its own engine; rewriting its manifests there may mend it.")
        })
    }

    /// The value by which deletes are matched: every NaN is one, -0.0 is 0.0, and a float is the double it promotes to.
    /// Elsewhere the bits count: a column that its file lacks is filled in from them.
    pub fn comparable(&self) -> Self {
        let number = match self {
            Self::Float(bits) => f64::from(f32::from_bits(*bits)),
            Self::Double(bits) => f64::from_bits(*bits),
            other => return other.clone(),
        };
        Self::Double(if number.is_nan() {
            f64::NAN.to_bits()
        } else if number == 0.0 {
            0
        } else {
            number.to_bits()
        })
    }

    /// The value of a column of type `primitive`.
    pub fn to_scalar(&self, primitive: &Primitive) -> Result<Scalar> {
        let scalar = match (primitive, self) {
            (Primitive::Boolean, Self::Boolean(b)) => Some(Scalar::Boolean(*b)),
            (Primitive::Float | Primitive::Double, Self::Float(bits)) => {
                Some(Scalar::Float(f32::from_bits(*bits).into()))
            }
            (Primitive::Float | Primitive::Double, Self::Double(bits)) => Some(Scalar::Float(f64::from_bits(*bits))),
            (Primitive::Decimal { .. }, Self::Decimal(n)) => Some(Scalar::Decimal(*n)),
            (Primitive::String, Self::String(text)) => Some(Scalar::String(text.clone())),
            (Primitive::Binary, Self::String(text)) => Some(Scalar::Bytes(text.clone().into_bytes())),
            (Primitive::Uuid | Primitive::Fixed(_) | Primitive::Binary, Self::Bytes(bytes)) => {
                Some(Scalar::Bytes(bytes.clone()))
            }
            (
                Primitive::Int
                | Primitive::Long
                | Primitive::Date
                | Primitive::Time
                | Primitive::Timestamp
                | Primitive::Timestamptz
                | Primitive::TimestampNs
                | Primitive::TimestamptzNs,
                Self::Integer(n),
            ) => Some(Scalar::Integer(*n)),
            _ => None,
        };
        scalar.ok_or_else(|| {
            Error::new(Code::MetadataBroken, format!("a partition value does not fit the column's type {primitive}"))
        })
    }
}

fn typed(result: &Primitive, stored: &Value, logical: Option<&str>) -> Option<PartitionValue> {
    use PartitionValue as V;
    use Primitive as P;
    Some(match (result, stored) {
        (P::Boolean, Value::Boolean(b)) => V::Boolean(*b),
        (P::Int | P::Date, Value::Long(n)) => V::Integer(i32::try_from(*n).ok()?.into()),
        (P::Long, Value::Long(n)) => V::Integer(*n),
        (P::Time | P::Timestamp | P::Timestamptz, Value::Long(n)) => V::Integer(micros(*n, logical)?),
        (P::TimestampNs | P::TimestamptzNs, Value::Long(n)) => V::Integer(nanos(*n, logical)?),
        (P::Float, Value::Float(x)) => V::Float(x.to_bits()),
        (P::Double, Value::Float(x)) => V::Double(f64::from(*x).to_bits()),
        (P::Float | P::Double, Value::Double(x)) => V::Double(x.to_bits()),
        (P::Decimal { .. }, Value::Bytes(bytes)) => V::Decimal(unscaled(bytes)?),
        (P::Decimal { .. }, Value::Long(n)) => V::Decimal((*n).into()),
        (P::String, Value::String(text)) => V::String(text.clone()),
        (P::String, Value::Bytes(bytes)) => V::String(String::from_utf8(bytes.clone()).ok()?),
        (P::Uuid, Value::Bytes(bytes)) if bytes.len() == 16 => V::Bytes(bytes.clone()),
        (P::Uuid, Value::String(text)) => V::Bytes(uuid::Uuid::parse_str(text).ok()?.as_bytes().to_vec()),
        (P::Fixed(_) | P::Binary, Value::Bytes(bytes)) => V::Bytes(bytes.clone()),
        (P::Fixed(_) | P::Binary, Value::String(text)) => V::Bytes(text.clone().into_bytes()),
        (P::Unknown | P::Other(_), stored) => return untyped(stored, logical),
        _ => return None,
    })
}

/// Iceberg's times are micros unless they are nanos; a writer whose Avro says millis means millis.
fn micros(n: i64, logical: Option<&str>) -> Option<i64> {
    match logical {
        Some("timestamp-millis" | "local-timestamp-millis" | "time-millis") => n.checked_mul(1_000),
        Some("timestamp-nanos" | "local-timestamp-nanos") => Some(n.div_euclid(1_000)),
        _ => Some(n),
    }
}

fn nanos(n: i64, logical: Option<&str>) -> Option<i64> {
    match logical {
        Some("timestamp-millis" | "local-timestamp-millis") => n.checked_mul(1_000_000),
        Some("timestamp-micros" | "local-timestamp-micros") => n.checked_mul(1_000),
        _ => Some(n),
    }
}

fn untyped(stored: &Value, logical: Option<&str>) -> Option<PartitionValue> {
    use PartitionValue as V;
    Some(match stored {
        Value::Boolean(b) => V::Boolean(*b),
        Value::Long(n) => V::Integer(*n),
        Value::Float(x) => V::Float(x.to_bits()),
        Value::Double(x) => V::Double(x.to_bits()),
        Value::Bytes(bytes) if logical == Some("decimal") => V::Decimal(unscaled(bytes)?),
        Value::Bytes(bytes) => V::Bytes(bytes.clone()),
        Value::String(text) if logical == Some("uuid") => {
            V::Bytes(uuid::Uuid::parse_str(text).ok()?.as_bytes().to_vec())
        }
        Value::String(text) => V::String(text.clone()),
        _ => return None,
    })
}

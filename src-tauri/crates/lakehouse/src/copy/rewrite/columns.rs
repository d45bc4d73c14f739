//! The columns of a data file: Iceberg's schema in Parquet's terms (spec, "Parquet").

use icebridge_model::schema::{Field, ListType, MapType, Primitive, Type};
use icebridge_model::{Code, Error, Result};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{SchemaDescriptor, Type as ParquetType, TypePtr};
use std::sync::Arc;

/// The fields that lie in files: those of the type unknown are always null and never written.
pub fn stored(fields: &[Field]) -> Result<Vec<Field>> {
    let mut out = Vec::with_capacity(fields.len());
    for field in fields {
        let field_type = match &field.field_type {
            Type::Primitive(Primitive::Unknown) => continue,
            Type::Struct(inner) => {
                let inner_stored = stored(inner)?;
                if inner_stored.is_empty() {
                    return Err(unsupported(field, "a struct of nothing that could be stored"));
                }
                Type::Struct(inner_stored)
            }
            Type::List(list) if holds_unknown(&list.element) => return Err(unsupported(field, "a list of unknown")),
            Type::Map(map) if holds_unknown(&map.key) || holds_unknown(&map.value) => {
                return Err(unsupported(field, "a map of unknown"));
            }
            other => other.clone(),
        };
        out.push(Field { field_type, ..field.clone() });
    }
    Ok(out)
}

fn holds_unknown(field_type: &Type) -> bool {
    match field_type {
        Type::Primitive(primitive) => *primitive == Primitive::Unknown,
        Type::Struct(fields) => fields.iter().any(|f| holds_unknown(&f.field_type)),
        Type::List(list) => holds_unknown(&list.element),
        Type::Map(map) => holds_unknown(&map.key) || holds_unknown(&map.value),
    }
}

fn unsupported(field: &Field, what: &str) -> Error {
    Error::new(Code::Unsupported, format!("the column is {what}"))
        .about(format!("column {}", field.name))
        .with_hint("Choose the mode clone or register for this table, which leave its data files as they are.")
}

pub fn parquet_schema(fields: &[Field]) -> Result<SchemaDescriptor> {
    let columns = fields.iter().map(|f| column(f, repetition(f.required))).collect::<Result<Vec<_>>>()?;
    root(columns).map(|root| SchemaDescriptor::new(Arc::new(root)))
}

pub fn root(columns: Vec<TypePtr>) -> Result<ParquetType> {
    ParquetType::group_type_builder("table").with_fields(columns).build().map_err(unbuilt)
}

pub fn repetition(required: bool) -> Repetition {
    if required { Repetition::REQUIRED } else { Repetition::OPTIONAL }
}

fn column(field: &Field, repetition: Repetition) -> Result<TypePtr> {
    node(&field.name, field.id, &field.field_type, repetition).map_err(|e| e.about(format!("column {}", field.name)))
}

fn node(name: &str, id: i32, field_type: &Type, repetition: Repetition) -> Result<TypePtr> {
    match field_type {
        Type::Primitive(primitive) => leaf(name, id, primitive, repetition),
        Type::Struct(fields) => {
            let children = fields.iter().map(|f| column(f, self::repetition(f.required))).collect::<Result<_>>()?;
            group(name, Some(id), children, repetition, None)
        }
        Type::List(of) => {
            let ListType { element_id, element_required, element } = of.as_ref();
            let element = node("element", *element_id, element, self::repetition(*element_required))?;
            list(name, id, element, repetition)
        }
        Type::Map(of) => {
            let MapType { key_id, key, value_id, value_required, value } = of.as_ref();
            let key = node("key", *key_id, key, Repetition::REQUIRED)?;
            let value = node("value", *value_id, value, self::repetition(*value_required))?;
            map(name, id, key, value, repetition)
        }
    }
}

pub fn list(name: &str, id: i32, element: TypePtr, repetition: Repetition) -> Result<TypePtr> {
    let repeated = group("list", None, vec![element], Repetition::REPEATED, None)?;
    group(name, Some(id), vec![repeated], repetition, Some(LogicalType::List))
}

pub fn map(name: &str, id: i32, key: TypePtr, value: TypePtr, repetition: Repetition) -> Result<TypePtr> {
    let repeated = group("key_value", None, vec![key, value], Repetition::REPEATED, None)?;
    group(name, Some(id), vec![repeated], repetition, Some(LogicalType::Map))
}

pub fn group(
    name: &str,
    id: Option<i32>,
    children: Vec<TypePtr>,
    repetition: Repetition,
    logical: Option<LogicalType>,
) -> Result<TypePtr> {
    ParquetType::group_type_builder(name)
        .with_id(id)
        .with_fields(children)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
        .map(Arc::new)
        .map_err(unbuilt)
}

pub fn leaf(name: &str, id: i32, primitive: &Primitive, repetition: Repetition) -> Result<TypePtr> {
    use Primitive as P;
    let (physical, length, logical) = match primitive {
        P::Boolean => (Physical::BOOLEAN, 0, None),
        P::Int => (Physical::INT32, 0, None),
        P::Long => (Physical::INT64, 0, None),
        P::Float => (Physical::FLOAT, 0, None),
        P::Double => (Physical::DOUBLE, 0, None),
        P::Decimal { precision, scale } => {
            let logical = Some(LogicalType::decimal((*scale).into(), (*precision).into()));
            match precision {
                ..=9 => (Physical::INT32, 0, logical),
                10..=18 => (Physical::INT64, 0, logical),
                _ => (Physical::FIXED_LEN_BYTE_ARRAY, decimal_bytes(*precision), logical),
            }
        }
        P::Date => (Physical::INT32, 0, Some(LogicalType::Date)),
        P::Time => (Physical::INT64, 0, Some(LogicalType::time(false, TimeUnit::MICROS))),
        P::Timestamp => (Physical::INT64, 0, Some(LogicalType::timestamp(false, TimeUnit::MICROS))),
        P::Timestamptz => (Physical::INT64, 0, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        P::TimestampNs => (Physical::INT64, 0, Some(LogicalType::timestamp(false, TimeUnit::NANOS))),
        P::TimestamptzNs => (Physical::INT64, 0, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
        P::String => (Physical::BYTE_ARRAY, 0, Some(LogicalType::String)),
        P::Uuid => (Physical::FIXED_LEN_BYTE_ARRAY, 16, Some(LogicalType::Uuid)),
        P::Fixed(length) => {
            let length = i32::try_from(*length);
            let length =
                length.map_err(|_| Error::new(Code::Unsupported, format!("the type {primitive} is too long")))?;
            (Physical::FIXED_LEN_BYTE_ARRAY, length, None)
        }
        P::Binary => (Physical::BYTE_ARRAY, 0, None),
        P::Unknown | P::Other(_) => {
            return Err(Error::new(Code::Unsupported, format!("the type {primitive} cannot be written")).with_hint(
                "Choose the mode clone or register for this table, which leave its data files as they are.",
            ));
        }
    };
    let mut builder = ParquetType::primitive_type_builder(name, physical)
        .with_id(Some(id))
        .with_repetition(repetition)
        .with_length(length)
        .with_logical_type(logical);
    if let P::Decimal { precision, scale } = primitive {
        builder = builder.with_precision((*precision).into()).with_scale((*scale).into());
    }
    builder.build().map(Arc::new).map_err(unbuilt)
}

/// The fewest bytes that hold every decimal of a precision.
pub fn decimal_bytes(precision: u8) -> i32 {
    // 10^38 is less than 2^127.
    let largest = 10i128.pow(precision.min(38).into()) - 1;
    let bits = 128 - largest.leading_zeros() + 1;
    bits.div_ceil(8) as i32
}

fn unbuilt(error: ParquetError) -> Error {
    Error::new(Code::Unsupported, "the schema cannot be written as Parquet").with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_take_the_bytes_of_the_specification() {
        for (precision, bytes) in [(1, 1), (2, 1), (3, 2), (9, 4), (10, 5), (18, 8), (19, 9), (20, 9), (38, 16)] {
            assert_eq!(decimal_bytes(precision), bytes, "{precision}");
        }
    }

    #[test]
    fn unknown_columns_are_not_stored() {
        let field = |name: &str, field_type| Field {
            id: 1,
            name: name.into(),
            required: false,
            field_type,
            doc: None,
            initial_default: None,
            write_default: None,
        };
        let int = || Type::Primitive(Primitive::Int);
        let unknown = || Type::Primitive(Primitive::Unknown);
        let kept = stored(&[
            field("a", int()),
            field("b", unknown()),
            field("s", Type::Struct(vec![field("x", int()), field("y", unknown())])),
        ])
        .unwrap();
        assert_eq!(kept.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["a", "s"]);
        assert_eq!(kept[1].field_type, Type::Struct(vec![field("x", int())]));
        assert!(stored(&[field("s", Type::Struct(vec![field("y", unknown())]))]).is_err());
    }
}

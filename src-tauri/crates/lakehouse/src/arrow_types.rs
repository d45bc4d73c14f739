//! The Arrow form of Iceberg types: one array type for each, whatever the file's physical type was.

use arrow_schema::{DataType, Field as ArrowField, Fields, Schema as ArrowSchema, TimeUnit};
use icebridge_model::schema::{Field, Primitive, Schema, Type};
use icebridge_model::{Code, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The key under which Parquet and Arrow carry an Iceberg field id.
pub const FIELD_ID: &str = parquet::arrow::PARQUET_FIELD_ID_META_KEY;

pub fn arrow_schema(schema: &Schema) -> Result<ArrowSchema> {
    Ok(ArrowSchema::new(arrow_fields(&schema.fields)?))
}

pub fn arrow_fields(fields: &[Field]) -> Result<Fields> {
    fields.iter().map(arrow_field).collect()
}

pub fn arrow_field(field: &Field) -> Result<ArrowField> {
    let data_type = arrow_type(&field.field_type).map_err(|e| e.about(format!("column {}", field.name)))?;
    Ok(with_id(ArrowField::new(&field.name, data_type, !field.required), field.id))
}

pub fn arrow_type(field_type: &Type) -> Result<DataType> {
    Ok(match field_type {
        Type::Primitive(primitive) => primitive_type(primitive)?,
        Type::Struct(fields) => DataType::Struct(arrow_fields(fields)?),
        Type::List(list) => {
            let element = ArrowField::new("element", arrow_type(&list.element)?, !list.element_required);
            DataType::List(Arc::new(with_id(element, list.element_id)))
        }
        Type::Map(map) => {
            let key = with_id(ArrowField::new("key", arrow_type(&map.key)?, false), map.key_id);
            let value = with_id(ArrowField::new("value", arrow_type(&map.value)?, !map.value_required), map.value_id);
            let entries = ArrowField::new("key_value", DataType::Struct(Fields::from(vec![key, value])), false);
            DataType::Map(Arc::new(entries), false)
        }
    })
}

fn primitive_type(primitive: &Primitive) -> Result<DataType> {
    let utc = || Some(Arc::from("+00:00"));
    Ok(match primitive {
        Primitive::Boolean => DataType::Boolean,
        Primitive::Int => DataType::Int32,
        Primitive::Long => DataType::Int64,
        Primitive::Float => DataType::Float32,
        Primitive::Double => DataType::Float64,
        Primitive::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale as i8),
        Primitive::Date => DataType::Date32,
        Primitive::Time => DataType::Time64(TimeUnit::Microsecond),
        Primitive::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Primitive::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, utc()),
        Primitive::TimestampNs => DataType::Timestamp(TimeUnit::Nanosecond, None),
        Primitive::TimestamptzNs => DataType::Timestamp(TimeUnit::Nanosecond, utc()),
        Primitive::String => DataType::Utf8,
        Primitive::Uuid => DataType::FixedSizeBinary(16),
        Primitive::Fixed(length) => DataType::FixedSizeBinary(
            i32::try_from(*length)
                .map_err(|_| Error::new(Code::Unsupported, format!("fixed[{length}] is too long")))?,
        ),
        Primitive::Binary => DataType::Binary,
        Primitive::Unknown => DataType::Null,
        Primitive::Other(name) => {
            return Err(Error::new(Code::Unsupported, format!("the type {name} is not supported"))
                .with_hint("Leave the table out, or drop or convert the column at the source."));
        }
    })
}

pub fn with_id(field: ArrowField, id: i32) -> ArrowField {
    field.with_metadata(HashMap::from([(FIELD_ID.to_string(), id.to_string())]))
}

pub fn field_id(field: &ArrowField) -> Option<i32> {
    field.metadata().get(FIELD_ID)?.parse().ok()
}

//! From a file's arrays to the arrays of the schema asked for: by field id, with promotions, defaults and nulls.

use crate::arrow_types::{arrow_fields, arrow_type, field_id};
use crate::scalar::constant_from_json;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, MapArray, StringArray, StructArray, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field as ArrowField, Fields};
use icebridge_model::schema::{Field, ListType, MapType, Primitive, Type};
use icebridge_model::{Code, Error, Result};
use std::sync::Arc;

/// The column `field` out of `columns`, whose types and ids `fields` gives; filled in where the file does not have it.
fn column(field: &Field, fields: &Fields, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let place = fields.iter().position(|f| field_id(f) == Some(field.id));
    column_at(place, field, fields, columns, rows)
}

/// As [`column`], where its place is known.
pub fn column_at(
    place: Option<usize>,
    field: &Field,
    fields: &Fields,
    columns: &[ArrayRef],
    rows: usize,
) -> Result<ArrayRef> {
    match place {
        Some(index) if is_unidentified(fields[index].data_type(), &field.field_type) => Err(unidentified(&field.name)),
        // A struct none of whose fields the file has reads as null, as in Iceberg's own readers, which never open it.
        Some(index) if !field.required && shares_nothing(fields[index].data_type(), &field.field_type) => {
            absent(field, rows)
        }
        Some(index) => convert(&columns[index], &fields[index], &field.field_type)
            .map_err(|e| e.about(format!("column {}", field.name))),
        None => absent(field, rows),
    }
}

/// A struct, also in a list or a map, of which nothing says which field is which.
fn is_unidentified(file: &DataType, want: &Type) -> bool {
    match (file, want) {
        (DataType::Struct(fields), Type::Struct(wanted)) => {
            !wanted.is_empty() && !fields.is_empty() && fields.iter().all(|f| field_id(f).is_none())
        }
        (DataType::List(element) | DataType::LargeList(element), Type::List(list)) => {
            is_unidentified(element.data_type(), &list.element)
        }
        (DataType::Map(entries, _), Type::Map(map)) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                is_unidentified(pair[0].data_type(), &map.key) || is_unidentified(pair[1].data_type(), &map.value)
            }
            _ => false,
        },
        _ => false,
    }
}

fn unidentified(name: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("the file has a field id for the column {name}, and none for what is inside it"),
    )
    .with_hint(
        "Give the table a name mapping (the property schema.name-mapping.default) that covers the nested fields, or \
             rewrite the file at the source.",
    )
}

fn shares_nothing(file: &DataType, want: &Type) -> bool {
    let (DataType::Struct(fields), Type::Struct(wanted)) = (file, want) else { return false };
    !wanted
        .iter()
        .any(|w| fields.iter().any(|f| field_id(f) == Some(w.id) && !shares_nothing(f.data_type(), &w.field_type)))
}

fn absent(field: &Field, rows: usize) -> Result<ArrayRef> {
    if let Some(default) = &field.initial_default {
        return constant_from_json(&field.field_type, default, rows);
    }
    if field.required && field.field_type != Type::Primitive(Primitive::Unknown) && rows > 0 {
        return Err(Error::new(Code::FileBroken, format!("the required column {} is not in the file", field.name))
            .with_hint("The file does not fit the table's schema; rewrite it at the source."));
    }
    Ok(new_null_array(&arrow_type(&field.field_type)?, rows))
}

fn convert(array: &ArrayRef, file: &ArrowField, want: &Type) -> Result<ArrayRef> {
    match want {
        Type::Primitive(primitive) => primitive_column(array, primitive),
        Type::Struct(fields) => struct_column(array, file, fields),
        Type::List(list) => list_column(array, file, list),
        Type::Map(map) => map_column(array, file, map),
    }
}

/// Whether [`column`] can make the wanted type of what the file has.
pub fn fits(file: &DataType, want: &Type) -> bool {
    match want {
        Type::Primitive(primitive) => is_or_may_become(file, primitive),
        _ => file.is_nested(),
    }
}

pub fn is_or_may_become(file: &DataType, want: &Primitive) -> bool {
    arrow_type(&Type::Primitive(want.clone())).is_ok_and(|same| same == *file) || may_become(file, want)
}

fn unfit(array: &dyn Array, want: impl std::fmt::Display) -> Error {
    Error::new(Code::FileBroken, format!("the file has {} where the table has {want}", array.data_type()))
        .with_hint("The file does not fit the table's schema; rewrite it at the source.")
}

fn primitive_column(array: &ArrayRef, want: &Primitive) -> Result<ArrayRef> {
    let target = arrow_type(&Type::Primitive(want.clone()))?;
    let from = array.data_type();
    if *from == target {
        return Ok(array.clone());
    }
    if !may_become(from, want) {
        return Err(unfit(array, want));
    }
    // Iceberg's fixed and uuid may lie in a variable-length column of an imported file.
    let array = match (from, &target) {
        (DataType::Timestamp(unit, _), DataType::Timestamp(_, zone)) => {
            // The table's type says whether a time is UTC, not the file's: only the unit is converted.
            let relabelled = DataType::Timestamp(*unit, zone.clone());
            let renamed = array
                .to_data()
                .into_builder()
                .data_type(relabelled)
                .build()
                .map_err(|e| unfit(array, want).with_cause(e))?;
            arrow_array::make_array(renamed)
        }
        _ => array.clone(),
    };
    if target == DataType::Utf8
        && let Some(bytes) = array.as_binary_opt::<i32>()
    {
        return StringArray::try_from_binary(bytes.clone())
            .map(|text| Arc::new(text) as ArrayRef)
            .map_err(|e| Error::new(Code::InvalidText, "the column holds text that is not UTF-8").with_cause(e));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&array, &target, &strict).map_err(|e| unfit(&array, want).with_cause(e))
}

/// The promotions of the spec, and what other writers' physical types mean in imported files.
fn may_become(from: &DataType, want: &Primitive) -> bool {
    use DataType as D;
    match want {
        // A column in which nothing was ever written.
        _ if *from == D::Null => true,
        Primitive::Int => matches!(from, D::Int8 | D::Int16 | D::UInt8 | D::UInt16 | D::Int32),
        Primitive::Long => from.is_integer(),
        Primitive::Float => matches!(from, D::Float16),
        Primitive::Double => matches!(from, D::Float16 | D::Float32),
        // A wider column is read as long as each value fits: the cast is strict.
        Primitive::Decimal { scale, .. } => match from {
            D::Decimal32(_, s) | D::Decimal64(_, s) | D::Decimal128(_, s) | D::Decimal256(_, s) => *s == *scale as i8,
            _ => false,
        },
        Primitive::Date => matches!(from, D::Date32 | D::Int32),
        Primitive::Time => matches!(from, D::Time32(_) | D::Time64(_)),
        Primitive::Timestamp | Primitive::Timestamptz | Primitive::TimestampNs | Primitive::TimestamptzNs => {
            matches!(from, D::Timestamp(_, _) | D::Date32)
        }
        Primitive::String | Primitive::Binary => {
            matches!(from, D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView)
                || (*want == Primitive::Binary && matches!(from, D::FixedSizeBinary(_)))
        }
        Primitive::Fixed(_) | Primitive::Uuid => matches!(from, D::Binary | D::LargeBinary),
        Primitive::Boolean | Primitive::Other(_) => false,
        Primitive::Unknown => true,
    }
}

fn struct_column(array: &ArrayRef, file: &ArrowField, want: &[Field]) -> Result<ArrayRef> {
    let (DataType::Struct(fields), Some(array)) = (file.data_type(), array.as_struct_opt()) else {
        return Err(unfit(array, "a struct"));
    };
    let columns =
        want.iter().map(|field| column(field, fields, array.columns(), array.len())).collect::<Result<Vec<_>>>()?;
    let built = StructArray::try_new_with_length(arrow_fields(want)?, columns, array.nulls().cloned(), array.len());
    built.map(|a| Arc::new(a) as ArrayRef).map_err(|e| unfit(array, "a struct").with_cause(e))
}

fn list_column(array: &ArrayRef, file: &ArrowField, want: &ListType) -> Result<ArrayRef> {
    let element = match file.data_type() {
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => element,
        _ => return Err(unfit(array, "a list")),
    };
    let plain = match array.data_type() {
        DataType::List(_) => array.clone(),
        DataType::LargeList(e) | DataType::FixedSizeList(e, _) => {
            cast_with_options(array, &DataType::List(e.clone()), &CastOptions::default())
                .map_err(|e| unfit(array, "a list").with_cause(e))?
        }
        _ => return Err(unfit(array, "a list")),
    };
    let list = plain.as_list::<i32>();
    let values = convert(list.values(), element, &want.element)?;
    let DataType::List(wanted) = arrow_type(&Type::List(Box::new(want.clone())))? else {
        return Err(Error::internal("a list type that is no list"));
    };
    ListArray::try_new(wanted, list.offsets().clone(), values, list.nulls().cloned())
        .map(|a| Arc::new(a) as ArrayRef)
        .map_err(|e| unfit(array, "a list").with_cause(e))
}

fn map_column(array: &ArrayRef, file: &ArrowField, want: &MapType) -> Result<ArrayRef> {
    let (DataType::Map(entries, _), Some(map)) = (file.data_type(), array.as_map_opt()) else {
        return Err(unfit(array, "a map"));
    };
    let DataType::Struct(pair) = entries.data_type() else { return Err(unfit(array, "a map")) };
    let keys = convert(map.keys(), &pair[0], &want.key)?;
    let values = convert(map.values(), &pair[1], &want.value)?;
    let DataType::Map(wanted, _) = arrow_type(&Type::Map(Box::new(want.clone())))? else {
        return Err(Error::internal("a map type that is no map"));
    };
    let DataType::Struct(wanted_pair) = wanted.data_type() else {
        return Err(Error::internal("a map without entries"));
    };
    let entries = StructArray::try_new(wanted_pair.clone(), vec![keys, values], None)
        .map_err(|e| unfit(array, "a map").with_cause(e))?;
    MapArray::try_new(wanted.clone(), map.offsets().clone(), entries, map.nulls().cloned(), false)
        .map(|a| Arc::new(a) as ArrayRef)
        .map_err(|e| unfit(array, "a map").with_cause(e))
}

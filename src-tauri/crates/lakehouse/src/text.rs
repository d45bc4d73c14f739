//! Text read as the bytes it is. What is only compared or counted need not be UTF-8: some writers put other encodings into
//! string columns, and a copy that keeps those bytes can be proved as well as any. The row digest of both is the same.

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryArray};
use icebridge_model::schema::{Field, ListType, MapType, Primitive, Schema, Type};
use serde_json::Value;

/// The schema with bytes in place of text, at any depth.
pub fn schema_as_bytes(schema: &Schema) -> Schema {
    Schema { fields: schema.fields.iter().map(as_bytes).collect(), ..schema.clone() }
}

/// As [`schema_as_bytes`], of one column. A default of text becomes the bytes of it, which Iceberg's JSON writes as
/// hexadecimal digits.
pub fn as_bytes(field: &Field) -> Field {
    let is_text = field.field_type == Type::Primitive(Primitive::String);
    let default = |value: &Option<Value>| match value {
        Some(Value::String(text)) if is_text => Some(Value::String(hex::encode(text))),
        other => other.clone(),
    };
    Field {
        field_type: type_as_bytes(&field.field_type),
        initial_default: default(&field.initial_default),
        write_default: default(&field.write_default),
        ..field.clone()
    }
}

fn type_as_bytes(field_type: &Type) -> Type {
    match field_type {
        Type::Primitive(Primitive::String) => Type::Primitive(Primitive::Binary),
        Type::Primitive(_) => field_type.clone(),
        Type::Struct(fields) => Type::Struct(fields.iter().map(as_bytes).collect()),
        Type::List(list) => {
            Type::List(Box::new(ListType { element: type_as_bytes(&list.element), ..ListType::clone(list) }))
        }
        Type::Map(map) => Type::Map(Box::new(MapType {
            key: type_as_bytes(&map.key),
            value: type_as_bytes(&map.value),
            ..MapType::clone(map)
        })),
    }
}

/// How many texts of a column, read as bytes, are not UTF-8.
pub fn not_utf8(field_type: &Type, array: &ArrayRef) -> u64 {
    match field_type {
        Type::Primitive(Primitive::String) => array.as_binary_opt::<i32>().map_or(0, broken),
        Type::Primitive(_) => 0,
        Type::Struct(fields) => array.as_struct_opt().map_or(0, |inner| {
            fields.iter().zip(inner.columns()).map(|(field, column)| not_utf8(&field.field_type, column)).sum()
        }),
        Type::List(list) => array.as_list_opt::<i32>().map_or(0, |inner| not_utf8(&list.element, inner.values())),
        Type::Map(map) => array
            .as_map_opt()
            .map_or(0, |inner| not_utf8(&map.key, inner.keys()) + not_utf8(&map.value, inner.values())),
    }
}

fn broken(texts: &BinaryArray) -> u64 {
    // All at once is much faster than each, and sound columns are the rule.
    let is_sound = std::str::from_utf8(texts.values()).is_ok_and(|all| {
        texts.offsets().iter().all(|at| usize::try_from(*at).is_ok_and(|at| all.is_char_boundary(at)))
    });
    if is_sound {
        return 0;
    }
    texts.iter().flatten().filter(|text| std::str::from_utf8(text).is_err()).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn texts_that_are_not_utf8_are_counted() {
        let text = Type::Primitive(Primitive::String);
        let count = |texts: Vec<Option<&[u8]>>| not_utf8(&text, &(Arc::new(BinaryArray::from(texts)) as ArrayRef));
        assert_eq!(count(vec![Some(b"caf\xc3\xa9"), None, Some(b"")]), 0);
        assert_eq!(count(vec![Some(b"caf\xe9"), Some(b"a"), Some(b"\xff")]), 2);
        // Sound together, broken apart.
        assert_eq!(count(vec![Some(b"\xc3"), Some(b"\xa9")]), 2);
    }

    #[test]
    fn a_default_of_text_becomes_its_bytes() {
        let field: Field = serde_json::from_value(serde_json::json!({
            "id": 1, "name": "a", "required": false, "type": "string", "initial-default": "né"
        }))
        .unwrap();
        let bytes = as_bytes(&field);
        assert_eq!(bytes.field_type, Type::Primitive(Primitive::Binary));
        assert_eq!(bytes.initial_default, Some(Value::String("6ec3a9".into())));
    }
}

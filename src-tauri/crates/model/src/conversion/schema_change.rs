//! A schema as the conversions make it. Pure: the writer, both sides of a comparison and the window ask the same function.

use super::{ColumnAt, Conversion};
use crate::ident::join_parts;
use crate::schema::{Field, ListType, MapType, Schema, Type};

/// A field of a schema at any depth, with all that a target may refuse of it.
#[derive(Clone, Debug)]
pub struct FieldAt<'a> {
    pub at: ColumnAt,
    /// As it is declared: the key of a map, which is never null, is not.
    pub required: bool,
    pub field_type: &'a Type,
}

impl FieldAt<'_> {
    /// Inside of a column, not a column itself.
    pub fn is_nested(&self) -> bool {
        self.at.ids.len() > 1
    }
}

/// Every field at every depth, parents first.
pub fn fields_of(schema: &Schema) -> Vec<FieldAt<'_>> {
    let mut out = Vec::new();
    for field in &schema.fields {
        let name = join_parts(std::slice::from_ref(&field.name));
        let at = ColumnAt { ids: vec![field.id], path: name };
        walk(at, field.required, &field.field_type, &mut out);
    }
    out
}

fn walk<'a>(at: ColumnAt, required: bool, field_type: &'a Type, out: &mut Vec<FieldAt<'a>>) {
    let inner = |id: i32, name: &str| ColumnAt {
        ids: at.ids.iter().copied().chain([id]).collect(),
        path: format!("{}.{}", at.path, join_parts(&[name.to_string()])),
    };
    out.push(FieldAt { at: at.clone(), required, field_type });
    match field_type {
        Type::Primitive(_) => {}
        Type::Struct(fields) => {
            for field in fields {
                walk(inner(field.id, &field.name), field.required, &field.field_type, out);
            }
        }
        Type::List(list) => {
            walk(inner(list.element_id, "element"), list.element_required, &list.element, out);
        }
        Type::Map(map) => {
            walk(inner(map.key_id, "key"), false, &map.key, out);
            walk(inner(map.value_id, "value"), map.value_required, &map.value, out);
        }
    }
}

/// The schema of the converted table: ids stay.
pub fn converted(schema: &Schema, conversions: &[Conversion]) -> Schema {
    let no_defaults = conversions.iter().any(|one| matches!(one, Conversion::FormatVersion { to: ..=2, .. }));
    let no_identifier = conversions.iter().any(|one| matches!(one, Conversion::IdentifierFields { .. }));
    Schema {
        schema_id: schema.schema_id,
        identifier_field_ids: if no_identifier { Vec::new() } else { schema.identifier_field_ids.clone() },
        fields: schema.fields.iter().map(|field| changed_field(field, conversions, no_defaults)).collect(),
    }
}

fn changed_field(field: &Field, all: &[Conversion], no_defaults: bool) -> Field {
    let renamed = all.iter().find_map(|one| match one {
        Conversion::Rename { column, to } if column.id() == Some(field.id) => Some(to.clone()),
        _ => None,
    });
    // Defaults are values in the old type; what lacks a column is filled in before it is converted.
    let keeps_defaults = !no_defaults && new_type(field.id, all).is_none();
    Field {
        id: field.id,
        name: renamed.unwrap_or_else(|| field.name.clone()),
        required: field.required && !is_optional(field.id, all),
        field_type: changed_type(field.id, &field.field_type, all, no_defaults),
        doc: field.doc.clone(),
        initial_default: field.initial_default.clone().filter(|_| keeps_defaults),
        write_default: field.write_default.clone().filter(|_| keeps_defaults),
    }
}

fn new_type(id: i32, all: &[Conversion]) -> Option<&Type> {
    all.iter().find_map(|one| match one {
        Conversion::Type { column, to, .. } if column.id() == Some(id) => Some(to),
        _ => None,
    })
}

fn is_optional(id: i32, all: &[Conversion]) -> bool {
    all.iter().any(|one| matches!(one, Conversion::Optional { column } if column.id() == Some(id)))
}

fn changed_type(id: i32, field_type: &Type, all: &[Conversion], no_defaults: bool) -> Type {
    if let Some(to) = new_type(id, all) {
        return to.clone();
    }
    match field_type {
        Type::Primitive(_) => field_type.clone(),
        Type::Struct(fields) => {
            Type::Struct(fields.iter().map(|field| changed_field(field, all, no_defaults)).collect())
        }
        Type::List(list) => Type::List(Box::new(ListType {
            element_id: list.element_id,
            element_required: list.element_required && !is_optional(list.element_id, all),
            element: changed_type(list.element_id, &list.element, all, no_defaults),
        })),
        Type::Map(map) => Type::Map(Box::new(MapType {
            key_id: map.key_id,
            key: changed_type(map.key_id, &map.key, all, no_defaults),
            value_id: map.value_id,
            value_required: map.value_required && !is_optional(map.value_id, all),
            value: changed_type(map.value_id, &map.value, all, no_defaults),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversion::ValueForm;
    use crate::schema::Primitive;
    use serde_json::json;

    fn schema() -> Schema {
        serde_json::from_value(json!({"schema-id": 3, "identifier-field-ids": [1], "fields": [
            {"id": 1, "name": "id", "required": true, "type": "uuid"},
            {"id": 2, "name": "m", "required": false, "type":
                {"type": "map", "key-id": 3, "key": "uuid", "value-id": 4, "value-required": true, "value":
                    {"type": "list", "element-id": 5, "element-required": true, "element":
                        {"type": "struct", "fields": [
                            {"id": 6, "name": "a.b", "required": true, "type": "time", "initial-default": "00:00:01"}]}}}}]}))
        .unwrap()
    }

    #[test]
    fn every_field_is_found_with_its_ids_and_names() {
        let schema = schema();
        let found = fields_of(&schema);
        let paths: Vec<_> = found.iter().map(|one| (one.at.path.as_str(), one.required)).collect();
        assert_eq!(
            paths,
            [
                ("id", true),
                ("m", false),
                ("m.key", false),
                ("m.value", true),
                ("m.value.element", true),
                ("m.value.element.`a.b`", true)
            ]
        );
        assert_eq!(found[5].at.ids, [2, 4, 5, 6]);
    }

    #[test]
    fn a_schema_is_changed_where_it_is_said_and_nowhere_else() {
        let (before, uuid) = (schema(), |ids: &[i32]| Conversion::Type {
            column: ColumnAt { ids: ids.to_vec(), path: String::new() },
            from: Type::Primitive(Primitive::Uuid),
            to: Type::Primitive(Primitive::String),
            form: ValueForm::UuidText,
        });
        let optional =
            |ids: &[i32]| Conversion::Optional { column: ColumnAt { ids: ids.to_vec(), path: String::new() } };
        assert_eq!(converted(&before, &[]), before);
        let rename = Conversion::Rename { column: ColumnAt { ids: vec![1], path: "id".into() }, to: "id_2".into() };
        let all = [
            uuid(&[1]),
            uuid(&[2, 3]),
            optional(&[2, 4]),
            optional(&[2, 4, 5, 6]),
            Conversion::IdentifierFields { columns: Vec::new() },
            Conversion::FormatVersion { from: 3, to: 2 },
            rename,
        ];
        let after = serde_json::to_value(converted(&before, &all)).unwrap();
        assert_eq!(after.get("identifier-field-ids"), None);
        assert_eq!(after["fields"][0], json!({"id": 1, "name": "id_2", "required": true, "type": "string"}));
        let map = &after["fields"][1]["type"];
        assert_eq!((&map["key"], &map["value-required"]), (&json!("string"), &json!(false)));
        assert_eq!(map["value"]["element-required"], true);
        let inner = &map["value"]["element"]["fields"][0];
        assert_eq!(inner, &json!({"id": 6, "name": "a.b", "required": false, "type": "time"}));
    }
}

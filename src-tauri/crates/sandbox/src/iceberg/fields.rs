//! Field ids. A catalog that makes a table gives its columns ids of its own, whatever ids the request had.

use super::error::IcebergError;
use serde_json::{Value, json};
use std::collections::HashMap;

/// What managed Iceberg has no column of.
const REFUSED: [&str; 2] = ["uuid", "time"];

/// The schema with fresh ids, level by level, and from which id to which.
pub fn fresh(schema: &Value) -> Result<(Value, HashMap<i64, i64>), IcebergError> {
    let mut next = Fresh { last: 0, of: HashMap::new() };
    let mut schema = schema.clone();
    next.structure(&mut schema)?;
    schema["schema-id"] = json!(0);
    Ok((schema, next.of))
}

struct Fresh {
    last: i64,
    of: HashMap<i64, i64>,
}

impl Fresh {
    fn give(&mut self, id: &mut Value) -> Result<(), IcebergError> {
        let old = id.as_i64().ok_or_else(|| IcebergError::bad("a field has no id"))?;
        self.last += 1;
        self.of.insert(old, self.last);
        *id = json!(self.last);
        Ok(())
    }

    fn structure(&mut self, kind: &mut Value) -> Result<(), IcebergError> {
        let fields = kind["fields"].as_array_mut().ok_or_else(|| IcebergError::bad("a struct has no fields"))?;
        for field in fields.iter_mut() {
            self.give(&mut field["id"])?;
        }
        for field in fields {
            self.inner(&mut field["type"])?;
        }
        Ok(())
    }

    fn inner(&mut self, kind: &mut Value) -> Result<(), IcebergError> {
        match kind["type"].as_str() {
            Some("struct") => self.structure(kind),
            Some("list") => {
                self.give(&mut kind["element-id"])?;
                self.inner(&mut kind["element"])
            }
            Some("map") => {
                self.give(&mut kind["key-id"])?;
                self.give(&mut kind["value-id"])?;
                self.inner(&mut kind["key"])?;
                self.inner(&mut kind["value"])
            }
            _ => Ok(()),
        }
    }
}

/// Partition specs and sort orders follow the columns to their new ids.
pub fn follow(fields: &mut Value, of: &HashMap<i64, i64>) -> Result<(), IcebergError> {
    for field in fields.as_array_mut().into_iter().flatten() {
        let old = field["source-id"].as_i64().unwrap_or_default();
        let new = of.get(&old).ok_or_else(|| IcebergError::bad(format!("there is no column with the id {old}")))?;
        field["source-id"] = json!(new);
    }
    Ok(())
}

/// Refuses what a managed Iceberg table cannot have.
pub fn check(schema: &Value) -> Result<(), IcebergError> {
    if schema["identifier-field-ids"].as_array().is_some_and(|ids| !ids.is_empty()) {
        return Err(IcebergError::bad("identifier fields are not supported for managed Iceberg tables"));
    }
    let columns = schema["fields"].as_array().into_iter().flatten();
    columns.into_iter().try_for_each(|column| {
        let name = column["name"].as_str().unwrap_or_default();
        check_type(name, &column["type"])?;
        match required_inside(&column["type"]) {
            None => Ok(()),
            Some(kind) => Err(IcebergError::bad(format!(
                "[DELTA_NESTED_NOT_NULL_CONSTRAINT] The {kind} type of the field {name} contains a NOT NULL type. Delta does \
                 not support NOT NULL constraints nested within structs, arrays or maps."
            ))),
        }
    })
}

/// The kind of what has something required in it. A map's keys always are.
pub fn required_inside(kind: &Value) -> Option<&'static str> {
    let (own, is_required, inner): (_, bool, Vec<&Value>) = match kind["type"].as_str()? {
        "struct" => {
            let fields: Vec<&Value> = kind["fields"].as_array().into_iter().flatten().collect();
            let required = fields.iter().any(|field| field["required"] == true);
            ("struct", required, fields.iter().map(|field| &field["type"]).collect())
        }
        "list" => ("array", kind["element-required"] == true, vec![&kind["element"]]),
        "map" => ("map", kind["value-required"] == true, vec![&kind["key"], &kind["value"]]),
        _ => return None,
    };
    if is_required { Some(own) } else { inner.into_iter().find_map(required_inside) }
}

fn check_struct(kind: &Value) -> Result<(), IcebergError> {
    kind["fields"].as_array().into_iter().flatten().try_for_each(|field| {
        let name = field["name"].as_str().unwrap_or_default();
        check_type(name, &field["type"])
    })
}

fn check_type(name: &str, kind: &Value) -> Result<(), IcebergError> {
    if let Some(word) = kind.as_str() {
        if REFUSED.contains(&word) || word.starts_with("fixed") {
            return Err(IcebergError::bad(format!("the column {name} is of the type {word}, which is not supported")));
        }
        return Ok(());
    }
    check_struct(kind)?;
    ["element", "key", "value"]
        .into_iter()
        .filter(|inner| !kind[*inner].is_null())
        .try_for_each(|inner| check_type(name, &kind[inner]))
}

/// The highest id in a schema.
pub fn last(kind: &Value) -> i64 {
    let own = ["id", "element-id", "key-id", "value-id"].into_iter().filter_map(|name| kind[name].as_i64());
    let inner = ["type", "element", "key", "value"].into_iter().map(|name| &kind[name]).filter(|one| one.is_object());
    let fields = kind["fields"].as_array().into_iter().flatten();
    own.chain(inner.chain(fields).map(last)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_anew_level_by_level_and_references_follow() {
        let schema = json!({"type": "struct", "fields": [
            {"id": 7, "name": "a", "type": {"type": "list", "element-id": 9, "element": "int"}},
            {"id": 8, "name": "b", "type": {"type": "map", "key-id": 10, "key": "string", "value-id": 11,
                "value": {"type": "struct", "fields": [{"id": 12, "name": "c", "type": "long"}]}}},
        ]});
        let (schema, of) = fresh(&schema).unwrap();
        assert_eq!(schema["fields"][0]["type"]["element-id"], 3);
        assert_eq!((of[&7], of[&8], of[&10], of[&11], of[&12]), (1, 2, 4, 5, 6));
        assert_eq!(last(&schema), 6);
        let mut spec = json!([{"source-id": 8, "field-id": 1000}]);
        follow(&mut spec, &of).unwrap();
        assert_eq!(spec[0]["source-id"], 2);
        assert!(follow(&mut spec, &HashMap::new()).is_err());
    }

    #[test]
    fn what_managed_iceberg_lacks_is_refused_by_name() {
        let of = |kind: Value| check(&json!({"fields": [{"id": 1, "name": "x", "type": kind}]}));
        assert!(of(json!("long")).is_ok());
        for kind in [json!("uuid"), json!("fixed[4]"), json!({"type": "list", "element": "time"})] {
            assert!(of(kind).unwrap_err().message.contains("column x"));
        }
        assert!(check(&json!({"fields": [], "identifier-field-ids": [1]})).is_err());
        for kind in [
            json!({"type": "list", "element": "long", "element-required": true}),
            json!({"type": "map", "key": "string", "value": "long", "value-required": true}),
            json!({"type": "struct", "fields": [{"name": "a", "type": "long", "required": true}]}),
            json!({"type": "list", "element": {"type": "struct", "fields": [{"name": "a", "type": "long", "required": true}]}}),
        ] {
            assert!(of(kind).unwrap_err().message.contains("[DELTA_NESTED_NOT_NULL_CONSTRAINT]"));
        }
        assert!(of(json!({"type": "map", "key": "string", "value": "long", "value-required": false})).is_ok());
    }
}

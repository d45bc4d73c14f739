//! The columns that a file of a rewritten table was written under. Columns that came later read the same in it as in the source's files;
//! after a schema was set back, they may not.

use icebridge_model::schema::{Field, Primitive, Type};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenColumns {
    /// By the source's field ids, at every depth: the type.
    columns: BTreeMap<i32, String>,
    /// The last id that the source had given.
    last_column_id: i64,
}

impl WrittenColumns {
    pub fn new(fields: &[Field], last_column_id: i64) -> Self {
        let mut columns = BTreeMap::new();
        walk(fields, &mut |id, kind, _| drop(columns.insert(id, kind)));
        Self { columns, last_column_id }
    }

    /// Whether rows read the same under these columns. `keeps_defaults`: the table says what a column has that a file lacks.
    pub fn still_hold(&self, now: &[Field], keeps_defaults: bool) -> bool {
        let mut holds = true;
        walk(now, &mut |id, kind, has_default| {
            holds &= match self.columns.get(&id) {
                Some(written) => is_read_as(written, &kind),
                // The source's files lack it, too, unless it was there before.
                None => i64::from(id) > self.last_column_id && (keeps_defaults || !has_default),
            };
        });
        holds
    }
}

/// Promotions that every reader knows (specification, "Schema Evolution").
fn is_read_as(written: &str, now: &str) -> bool {
    if written == now || matches!((written, now), ("int", "long") | ("float", "double")) {
        return true;
    }
    match (Primitive::parse(written), Primitive::parse(now)) {
        (Primitive::Decimal { precision, scale }, Primitive::Decimal { precision: wider, scale: same }) => {
            scale == same && precision <= wider
        }
        _ => false,
    }
}

/// Id, type, and whether files that lack it are read with a default.
fn walk(fields: &[Field], visit: &mut dyn FnMut(i32, String, bool)) {
    for field in fields {
        let has_default = field.initial_default.as_ref().is_some_and(|default| !default.is_null());
        within(field.id, &field.field_type, has_default, visit);
    }
}

fn within(id: i32, of: &Type, has_default: bool, visit: &mut dyn FnMut(i32, String, bool)) {
    match of {
        Type::Primitive(primitive) => visit(id, primitive.to_string(), has_default),
        Type::Struct(fields) => {
            visit(id, "struct".into(), has_default);
            walk(fields, visit);
        }
        Type::List(list) => {
            visit(id, "list".into(), has_default);
            within(list.element_id, &list.element, false, visit);
        }
        Type::Map(map) => {
            visit(id, "map".into(), has_default);
            within(map.key_id, &map.key, false, visit);
            within(map.value_id, &map.value, false, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fields(all: Value) -> Vec<Field> {
        serde_json::from_value(all).unwrap()
    }

    fn column(id: i32, kind: &str) -> Value {
        json!({"id": id, "name": format!("c{id}"), "required": false, "type": kind})
    }

    #[test]
    fn columns_may_come_and_widen_and_not_come_back() {
        let written = WrittenColumns::new(&fields(json!([column(1, "int"), column(3, "decimal(9, 2)")])), 3);
        for (now, holds) in [
            (json!([column(1, "int"), column(3, "decimal(9, 2)")]), true),
            (json!([column(3, "decimal(12, 2)"), column(1, "long")]), true),
            (json!([column(1, "int")]), true),
            (json!([column(1, "int"), column(4, "string")]), true),
            // Set back: the source's files may have it.
            (json!([column(1, "int"), column(2, "string")]), false),
            (json!([column(1, "string")]), false),
            (json!([column(3, "decimal(9, 3)")]), false),
            (json!([column(3, "decimal(8, 2)")]), false),
        ] {
            assert_eq!(written.still_hold(&fields(now.clone()), true), holds, "{now}");
        }
        let mut with_default = column(4, "int");
        with_default["initial-default"] = json!(7);
        let now = fields(json!([column(1, "int"), with_default]));
        assert!(written.still_hold(&now, true) && !written.still_hold(&now, false));
        let nested = json!([{"id": 1, "name": "s", "required": false, "type": {"type": "struct", "fields": [column(2, "int")]}}]);
        assert!(!WrittenColumns::new(&[], 2).still_hold(&fields(nested), true));
    }
}

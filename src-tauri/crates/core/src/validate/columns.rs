//! The schema check: names, types, nullability, docs and order, at every depth.

use icebridge_model::check::CheckKind;
use icebridge_model::schema::{Field, Schema, Type};
use icebridge_model::validation::Check;

/// Enough for a person to see what is wrong; a table may have thousands of columns.
const SHOWN: usize = 20;

/// One field at any depth.
#[derive(Debug, PartialEq)]
struct Leaf<'a> {
    path: String,
    id: i32,
    kind: String,
    required: bool,
    doc: Option<&'a str>,
    /// Of the table itself, not inside of another field.
    is_column: bool,
}

/// What the copy has to have of the source's fields besides names, types and comments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub ids: bool,
    pub comments: bool,
    /// Of columns; inside of them it is always kept.
    pub nullability: bool,
}

pub(super) fn check(source: &Schema, target: &Schema, kept: Kept) -> Check {
    let (from, to) = (leaves(source), leaves(target));
    let differences = differences(&from, &to, kept);
    let mut detail = differences.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if differences.len() > SHOWN {
        detail += &format!("; and {} more", differences.len() - SHOWN);
    }
    let count = |schema: &Schema, leaves: &[Leaf]| format!("{} columns, {} fields", schema.fields.len(), leaves.len());
    Check {
        name: CheckKind::Schema.into(),
        passed: differences.is_empty(),
        source: count(source, &from),
        target: count(target, &to),
        detail,
    }
}

fn differences(source: &[Leaf], target: &[Leaf], kept: Kept) -> Vec<String> {
    let mut found = Vec::new();
    let other: std::collections::HashMap<&str, &Leaf> = target.iter().map(|l| (l.path.as_str(), l)).collect();
    for leaf in source {
        let Some(there) = other.get(leaf.path.as_str()) else {
            found.push(format!("{} is missing in the target", leaf.path));
            continue;
        };
        let path = &leaf.path;
        if there.kind != leaf.kind {
            found.push(format!("{path} is {} in the source and {} in the target", leaf.kind, there.kind));
        }
        if there.required != leaf.required && (kept.nullability || !leaf.is_column) {
            let word = |required| if required { "required" } else { "optional" };
            found.push(format!(
                "{path} is {} in the source and {} in the target",
                word(leaf.required),
                word(there.required)
            ));
        }
        if kept.comments && there.doc.unwrap_or_default() != leaf.doc.unwrap_or_default() {
            found.push(format!("{path} has another comment"));
        }
        if kept.ids && there.id != leaf.id {
            found.push(format!("{path} has field id {} in the source and {} in the target", leaf.id, there.id));
        }
    }
    let known: std::collections::HashSet<&str> = source.iter().map(|l| l.path.as_str()).collect();
    for leaf in target.iter().filter(|l| !known.contains(l.path.as_str())) {
        found.push(format!("{} is in the target alone", leaf.path));
    }
    if found.is_empty() && source.iter().zip(target).any(|(a, b)| a.path != b.path) {
        found.push("the columns are in another order".into());
    }
    found
}

fn leaves(schema: &Schema) -> Vec<Leaf<'_>> {
    let mut out = Vec::new();
    fields("", &schema.fields, &mut out);
    out
}

fn fields<'a>(parent: &str, fields: &'a [Field], out: &mut Vec<Leaf<'a>>) {
    for field in fields {
        // A dot in a name must not look like a level.
        let name = icebridge_model::ident::join_parts(std::slice::from_ref(&field.name));
        let path = if parent.is_empty() { name } else { format!("{parent}.{name}") };
        let leaf = Leaf {
            id: field.id,
            kind: kind(&field.field_type),
            required: field.required,
            doc: field.doc.as_deref(),
            is_column: parent.is_empty(),
            path: path.clone(),
        };
        out.push(leaf);
        inside(&path, &field.field_type, out);
    }
}

fn kind(field_type: &Type) -> String {
    match field_type {
        Type::Primitive(primitive) => primitive.to_string(),
        Type::Struct(_) => "struct".into(),
        Type::List(_) => "list".into(),
        Type::Map(_) => "map".into(),
    }
}

fn inside<'a>(path: &str, field_type: &'a Type, out: &mut Vec<Leaf<'a>>) {
    let mut part = |name: &str, id: i32, required: bool, of: &'a Type| {
        let path = format!("{path}.{name}");
        out.push(Leaf { path: path.clone(), id, kind: kind(of), required, doc: None, is_column: false });
        inside(&path, of, out);
    };
    match field_type {
        Type::Primitive(_) => {}
        Type::Struct(within) => fields(path, within, out),
        Type::List(list) => part("element", list.element_id, list.element_required, &list.element),
        Type::Map(map) => {
            part("key", map.key_id, true, &map.key);
            part("value", map.value_id, map.value_required, &map.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const WHOLE: Kept = Kept { ids: true, comments: true, nullability: true };

    fn schema(edit: impl FnOnce(&mut Value)) -> Schema {
        let mut json = json!({"schema-id": 0, "fields": [
            {"id": 1, "name": "id", "required": true, "type": "long", "doc": "key"},
            {"id": 2, "name": "tags", "required": false, "type": {"type": "list", "element-id": 3, "element-required": true,
                "element": {"type": "struct", "fields": [{"id": 4, "name": "a.b", "required": false, "type": "string"}]}}}]});
        edit(&mut json);
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn every_difference_at_every_depth_is_named() {
        let source = schema(|_| {});
        assert!(check(&source, &schema(|_| {}), WHOLE).passed);
        let cases: [(&str, &dyn Fn(&mut Value)); 7] = [
            ("id is long in the source and int in the target", &|s| s["fields"][0]["type"] = json!("int")),
            ("id is required in the source and optional in the target", &|s| s["fields"][0]["required"] = json!(false)),
            ("id has another comment", &|s| s["fields"][0]["doc"] = json!("other")),
            ("tags.element is required in the source and optional in the target", &|s| {
                s["fields"][1]["type"]["element-required"] = json!(false);
            }),
            ("tags.element.`a.b` has field id 4 in the source and 9 in the target", &|s| {
                s["fields"][1]["type"]["element"]["fields"][0]["id"] = json!(9);
            }),
            ("the columns are in another order", &|s| s["fields"].as_array_mut().unwrap().reverse()),
            ("new is in the target alone", &|s| {
                s["fields"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({"id": 7, "name": "new", "required": false, "type": "int"}));
            }),
        ];
        for (expected, edit) in cases {
            let found = check(&source, &schema(edit), WHOLE);
            assert_eq!((found.passed, found.detail.as_str()), (false, expected));
        }
    }

    #[test]
    fn a_rewrite_may_have_field_ids_of_its_own() {
        let other = schema(|s| s["fields"][0]["id"] = json!(99));
        assert!(check(&schema(|_| {}), &other, Kept { ids: false, ..WHOLE }).passed);
        assert!(!check(&schema(|_| {}), &other, WHOLE).passed);
    }

    #[test]
    fn comments_may_come_from_elsewhere() {
        let other = schema(|s| s["fields"][0]["doc"] = json!("as governed"));
        assert!(check(&schema(|_| {}), &other, Kept { comments: false, ..WHOLE }).passed);
    }

    #[test]
    fn not_null_may_be_lost_by_columns_alone() {
        let loose = Kept { nullability: false, ..WHOLE };
        let column = schema(|s| s["fields"][0]["required"] = json!(false));
        assert!(check(&schema(|_| {}), &column, loose).passed);
        let element = schema(|s| s["fields"][1]["type"]["element-required"] = json!(false));
        assert!(!check(&schema(|_| {}), &element, loose).passed);
    }
}

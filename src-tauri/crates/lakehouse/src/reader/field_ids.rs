//! Field ids of a file's columns: from the file, else from the table's name mapping, else by position (as Java's ReadConf).

use crate::arrow_types::{field_id, with_id};
use crate::name_mapping::{self, MappedField};
use arrow_schema::{DataType, Field as ArrowField, FieldRef, Fields};
use icebridge_model::Result;
use icebridge_model::schema::Field;
use std::sync::Arc;

/// The file's fields with ids wherever they are known.
pub fn assign(file: &Fields, mapping: Option<&str>, schema: &[Field]) -> Result<Fields> {
    if file.iter().any(|f| has_ids(f)) {
        let mapped = mapping.map(name_mapping::parse).transpose()?.unwrap_or_default();
        return Ok(completed(file, &mapped));
    }
    if !schema.is_empty() && schema.iter().all(|field| field.id >= FIRST_RESERVED) {
        return Ok(reserved(file, schema));
    }
    if let Some(text) = mapping {
        return Ok(by_name(file, &name_mapping::parse(text)?));
    }
    // Without any ids, Java counts the file's columns from 1, as a table made from such a file would have.
    Ok(file
        .iter()
        .enumerate()
        .map(|(i, field)| {
            let id = i as i32 + 1;
            let nested = schema.iter().find(|f| f.id == id);
            Arc::new(with_id(ArrowField::clone(field), nested.map_or(id, |f| f.id)))
        })
        .collect())
}

/// Some writers give ids to the outermost columns alone: below them the mapping's names say what is what.
fn completed(fields: &Fields, mapped: &[MappedField]) -> Fields {
    let complete = |field: &FieldRef| match field_id(field).and_then(|id| mapped.iter().find(|m| m.id == Some(id))) {
        Some(entry) if !children(field.data_type()).is_empty() => {
            let data_type = match children(field.data_type()).iter().any(|inner| has_ids(inner)) {
                false => nested(field.data_type(), entry),
                true => match field.data_type() {
                    DataType::Struct(inner) => DataType::Struct(completed(inner, &entry.fields)),
                    other => other.clone(),
                },
            };
            Arc::new(ArrowField::clone(field).with_data_type(data_type))
        }
        _ => field.clone(),
    };
    fields.iter().map(complete).collect()
}

/// Ids from here on are the specification's own ("Reserved Field IDs").
const FIRST_RESERVED: i32 = 2_147_483_447;

/// The columns of a position delete file, whose names the specification gives.
fn reserved(file: &Fields, schema: &[Field]) -> Fields {
    let known = |field: &FieldRef| schema.iter().find(|wanted| wanted.name == *field.name());
    let named = |field: &FieldRef| match known(field) {
        Some(wanted) => Arc::new(with_id(ArrowField::clone(field), wanted.id)),
        None => field.clone(),
    };
    file.iter().map(named).collect()
}

fn has_ids(field: &ArrowField) -> bool {
    field_id(field).is_some() || children(field.data_type()).iter().any(|f| has_ids(f))
}

fn children(data_type: &DataType) -> Vec<FieldRef> {
    match data_type {
        DataType::Struct(fields) => fields.iter().cloned().collect(),
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) | DataType::Map(f, _) => {
            vec![f.clone()]
        }
        _ => Vec::new(),
    }
}

fn by_name(fields: &Fields, mapped: &[MappedField]) -> Fields {
    fields
        .iter()
        .map(|field| match mapped.iter().find(|m| m.names.contains(field.name())) {
            Some(entry) => {
                let inner = ArrowField::new(field.name(), nested(field.data_type(), entry), field.is_nullable());
                Arc::new(match entry.id {
                    Some(id) => with_id(inner, id),
                    None => inner,
                })
            }
            None => field.clone(),
        })
        .collect()
}

/// Lists map their element under the name `element`, maps theirs under `key` and `value`, whatever the file calls them.
fn nested(data_type: &DataType, entry: &MappedField) -> DataType {
    let find = |name: &str| entry.fields.iter().find(|m| m.names.iter().any(|n| n == name));
    let renamed = |field: &FieldRef, name: &str| match find(name) {
        Some(inner) => {
            let plain = ArrowField::new(field.name(), nested(field.data_type(), inner), field.is_nullable());
            Arc::new(inner.id.map_or(plain.clone(), |id| with_id(plain, id)))
        }
        None => field.clone(),
    };
    match data_type {
        DataType::Struct(fields) => DataType::Struct(by_name(fields, &entry.fields)),
        DataType::List(element) => DataType::List(renamed(element, "element")),
        DataType::LargeList(element) => DataType::LargeList(renamed(element, "element")),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let pair = Fields::from(vec![renamed(&pair[0], "key"), renamed(&pair[1], "value")]);
                let entries = ArrowField::new(entries.name(), DataType::Struct(pair), entries.is_nullable());
                DataType::Map(Arc::new(entries), *sorted)
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}

//! Tags of catalogs, schemas, tables, columns and volumes.

use super::securable::{Kind, Securable};
use super::state::Metastore;
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::page::Page;
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

fn told(kind: &str, name: &str, key: &str, value: &str) -> Value {
    json!({"entity_type": kind, "entity_name": name, "tag_key": key, "tag_value": value})
}

/// The securable that an entity is or, for a column, lies in.
fn securable(metastore: &Metastore, kind: &str, name: &str) -> Result<Securable, Refusal> {
    let found = match kind {
        "catalogs" => Securable::new(Kind::Catalog, name),
        "schemas" => Securable::new(Kind::Schema, name),
        "tables" => Securable::new(Kind::Table, name),
        "volumes" => Securable::new(Kind::Volume, name),
        "columns" => {
            let (table, column) = name.rsplit_once('.').unwrap_or((name, ""));
            let known = metastore.table(table)?.columns.iter().any(|one| one.name.eq_ignore_ascii_case(column));
            if !known {
                return Err(Refusal::unity(404, "COLUMN_DOES_NOT_EXIST", format!("Column '{name}' does not exist.")));
            }
            Securable::new(Kind::Table, table)
        }
        _ => return Err(Refusal::invalid(format!("Unknown entity type: {kind}"))),
    };
    metastore.exists(&found)?;
    Ok(found)
}

fn no_tag(name: &str, key: &str) -> Refusal {
    Refusal::unity(404, "NOT_FOUND", format!("Tag assignment with tag key {key} does not exist on {name}."))
}

pub async fn list(State(world): State<Shared>, Path((kind, name)): Path<(String, String)>, page: Page) -> Answer {
    let size = page.unity(locked(&world.settings).page_size);
    let metastore = locked(&world.unity);
    securable(&metastore, &kind, &name)?;
    let tags = metastore.tags.get(&(kind.clone(), name.to_lowercase()));
    let all: Vec<Value> = tags.into_iter().flatten().map(|(key, value)| told(&kind, &name, key, value)).collect();
    Ok(Json(Value::Object(page.of("tag_assignments", &all, size))))
}

pub async fn get(State(world): State<Shared>, Path((kind, name, key)): Path<(String, String, String)>) -> Answer {
    let metastore = locked(&world.unity);
    securable(&metastore, &kind, &name)?;
    let value = metastore.tags.get(&(kind.clone(), name.to_lowercase())).and_then(|tags| tags.get(&key));
    Ok(Json(told(&kind, &name, &key, value.ok_or_else(|| no_tag(&name, &key))?)))
}

pub async fn create(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let (kind, name, key) =
        (fields.must_text("entity_type")?, fields.must_text("entity_name")?, fields.must_text("tag_key")?);
    let value = fields.text("tag_value")?.unwrap_or_default();
    let mut metastore = locked(&world.unity);
    may_tag(&metastore, &caller, &securable(&metastore, kind, name)?)?;
    let tags = metastore.tags.entry((kind.to_owned(), name.to_lowercase())).or_default();
    if tags.contains_key(key) {
        let words = format!("Tag assignment with tag key {key} already exists on {name}.");
        return Err(Refusal::unity(409, "ALREADY_EXISTS", words));
    }
    tags.insert(key.to_owned(), value.to_owned());
    Ok(Json(told(kind, name, key, value)))
}

pub async fn patch(
    State(world): State<Shared>,
    caller: Caller,
    Path((kind, name, key)): Path<(String, String, String)>,
    fields: Fields,
) -> Answer {
    let value = fields.text("tag_value")?.unwrap_or_default();
    let mut metastore = locked(&world.unity);
    may_tag(&metastore, &caller, &securable(&metastore, &kind, &name)?)?;
    let tags = metastore.tags.entry((kind.clone(), name.to_lowercase())).or_default();
    let old = tags.get_mut(&key).ok_or_else(|| no_tag(&name, &key))?;
    value.clone_into(old);
    Ok(Json(told(&kind, &name, &key, value)))
}

pub async fn delete(
    State(world): State<Shared>,
    caller: Caller,
    Path((kind, name, key)): Path<(String, String, String)>,
) -> Answer {
    let mut metastore = locked(&world.unity);
    may_tag(&metastore, &caller, &securable(&metastore, &kind, &name)?)?;
    let tags = metastore.tags.get_mut(&(kind, name.to_lowercase()));
    tags.and_then(|tags| tags.remove(&key)).ok_or_else(|| no_tag(&name, &key))?;
    Ok(Json(json!({})))
}

pub fn may_tag(metastore: &Metastore, caller: &crate::people::Person, securable: &Securable) -> Result<(), Refusal> {
    if metastore.manages(caller, securable) || metastore.allows(caller, securable, "APPLY_TAG") {
        return Ok(());
    }
    Err(Refusal::unity(403, "PERMISSION_DENIED", format!("User does not have APPLY TAG on {securable}.")))
}

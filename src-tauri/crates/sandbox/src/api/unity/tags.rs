//! Tags of catalogs, schemas, tables, columns and volumes.

use crate::base::{Fields, Page, Refusal};
use crate::web::{Answer, Caller, Unity, done, page};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

/// Entity type, entity name, tag key.
type Place = Path<(String, String, String)>;

fn payload(kind: &str, name: &str, key: &str, value: &str) -> Value {
    json!({"entity_type": kind, "entity_name": name, "tag_key": key, "tag_value": value})
}

fn no_tag(name: &str, key: &str) -> Refusal {
    Refusal::unity(404, "NOT_FOUND", format!("Tag assignment with tag key {key} does not exist on {name}."))
}

pub async fn list(State(state): State<Unity>, Path((kind, name)): Path<(String, String)>, asked: Page) -> Answer {
    let size = asked.unity(state.common.settings.lock().page_size);
    let tags = state.metastore.lock().tags_of(&kind, &name)?;
    let all: Vec<Value> = tags.iter().map(|(key, value)| payload(&kind, &name, key, value)).collect();
    page(asked.of("tag_assignments", &all, size))
}

pub async fn get(State(state): State<Unity>, Path((kind, name, key)): Place) -> Answer {
    let tags = state.metastore.lock().tags_of(&kind, &name)?;
    Ok(Json(payload(&kind, &name, &key, tags.get(&key).ok_or_else(|| no_tag(&name, &key))?)))
}

pub async fn create(State(state): State<Unity>, caller: Caller, fields: Fields) -> Answer {
    let (kind, name, key) =
        (fields.must_text("entity_type")?, fields.must_text("entity_name")?, fields.must_text("tag_key")?);
    let value = fields.text("tag_value")?.unwrap_or_default();
    let mut metastore = state.metastore.lock();
    if metastore.tags_of(kind, name)?.contains_key(key) {
        let message = format!("Tag assignment with tag key {key} already exists on {name}.");
        return Err(Refusal::unity(409, "ALREADY_EXISTS", message));
    }
    metastore.set_tags(&caller, kind, name, vec![(key.to_owned(), value.to_owned())])?;
    Ok(Json(payload(kind, name, key, value)))
}

pub async fn patch(
    State(state): State<Unity>,
    caller: Caller,
    Path((kind, name, key)): Place,
    fields: Fields,
) -> Answer {
    let value = fields.text("tag_value")?.unwrap_or_default();
    let mut metastore = state.metastore.lock();
    if !metastore.tags_of(&kind, &name)?.contains_key(&key) {
        return Err(no_tag(&name, &key));
    }
    metastore.set_tags(&caller, &kind, &name, vec![(key.clone(), value.to_owned())])?;
    Ok(Json(payload(&kind, &name, &key, value)))
}

pub async fn delete(State(state): State<Unity>, caller: Caller, Path((kind, name, key)): Place) -> Answer {
    let removed = state.metastore.lock().unset_tag(&caller, &kind, &name, &key)?;
    removed.ok_or_else(|| no_tag(&name, &key))?;
    done()
}

//! Managed volumes. Their files are served by the Files API.

use super::catalogs::valid_name;
use super::objects::Volume;
use super::securable::{Kind, Securable};
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::page::Page;
use crate::people::Person;
use crate::world::{Shared, World, locked};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};
use std::collections::HashMap;

pub async fn list(State(world): State<Shared>, Query(asked): Query<HashMap<String, String>>, page: Page) -> Answer {
    let of = |name: &str| asked.get(name).map_or("", String::as_str);
    let size = page.unity(locked(&world.settings).page_size);
    let metastore = locked(&world.unity);
    let start = format!("{}.", metastore.schema(&format!("{}.{}", of("catalog_name"), of("schema_name")))?.full_name);
    let own = metastore.volumes.values().filter(|volume| volume.full_name.starts_with(&start));
    let all: Vec<Value> = own.map(|volume| volume.told(&metastore.id)).collect();
    Ok(Json(Value::Object(page.of("volumes", &all, size))))
}

pub async fn get(State(world): State<Shared>, Path(name): Path<String>) -> Answer {
    let metastore = locked(&world.unity);
    let volume = metastore.volumes.get(&name.to_lowercase()).ok_or_else(|| Kind::Volume.does_not_exist(&name))?;
    Ok(Json(volume.told(&metastore.id)))
}

pub async fn create(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    if fields.text("volume_type")? == Some("EXTERNAL") {
        return Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", "The sandbox has managed volumes only."));
    }
    let schema = format!("{}.{}", fields.must_text("catalog_name")?, fields.must_text("schema_name")?);
    let comment = fields.text("comment")?.map(str::to_owned);
    let full_name = add(&world, &caller, &schema, fields.must_text("name")?, comment)?;
    let metastore = locked(&world.unity);
    let volume = metastore.volumes.get(&full_name).ok_or_else(|| Kind::Volume.does_not_exist(&full_name))?;
    Ok(Json(volume.told(&metastore.id)))
}

/// Also what CREATE VOLUME does.
pub fn add(
    world: &World,
    caller: &Person,
    schema: &str,
    name: &str,
    comment: Option<String>,
) -> Result<String, Refusal> {
    let mut metastore = locked(&world.unity);
    let schema = metastore.schema(schema)?.full_name.clone();
    let securable = Securable::new(Kind::Schema, &schema);
    if !metastore.allows(caller, &securable, "CREATE_VOLUME") {
        let words = format!("User does not have CREATE VOLUME on {securable}.");
        return Err(Refusal::unity(403, "PERMISSION_DENIED", words));
    }
    let full_name = format!("{schema}.{}", valid_name(name)?);
    if metastore.volumes.contains_key(&full_name) {
        return Err(Refusal::unity(409, "VOLUME_ALREADY_EXISTS", format!("Volume '{full_name}' already exists")));
    }
    let volume = Volume {
        full_name: full_name.clone(),
        id: world.ids.uuid(),
        owner: caller.name.clone(),
        comment,
        created: world.clock.now(),
    };
    metastore.volumes.insert(full_name.clone(), volume);
    Ok(full_name)
}

pub async fn delete(State(world): State<Shared>, caller: Caller, Path(name): Path<String>) -> Answer {
    let name = name.to_lowercase();
    let mut metastore = locked(&world.unity);
    let securable = Securable::new(Kind::Volume, &name);
    metastore.exists(&securable)?;
    metastore.must_manage(&caller, &securable)?;
    metastore.volumes.remove(&name);
    world.folder.forget_volume(&name)?;
    Ok(Json(json!({})))
}

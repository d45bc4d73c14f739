//! Catalogs.

use super::objects::Catalog;
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

fn told(metastore: &Metastore, catalog: &Catalog) -> Value {
    catalog.told(&metastore.id, metastore.optimization(&Securable::new(Kind::Catalog, &catalog.name)))
}

pub async fn list(State(world): State<Shared>, page: Page) -> Answer {
    let size = page.unity(locked(&world.settings).page_size);
    let metastore = locked(&world.unity);
    let all: Vec<Value> = metastore.catalogs.values().map(|catalog| told(&metastore, catalog)).collect();
    Ok(Json(Value::Object(page.of("catalogs", &all, size))))
}

pub async fn get(State(world): State<Shared>, Path(name): Path<String>) -> Answer {
    let metastore = locked(&world.unity);
    Ok(Json(told(&metastore, metastore.catalog(&name)?)))
}

pub async fn create(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let name = valid_name(fields.must_text("name")?)?;
    let connection = fields.text("connection_name")?;
    if let Some(connection) = connection {
        super::connections::find(connection)?;
    }
    let mut metastore = locked(&world.unity);
    if metastore.catalogs.contains_key(&name) {
        return Err(Refusal::unity(409, "CATALOG_ALREADY_EXISTS", format!("Catalog '{name}' already exists")));
    }
    let catalog = Catalog {
        name: name.clone(),
        kind: if connection.is_some() { "FOREIGN_CATALOG" } else { "MANAGED_CATALOG" },
        connection: connection.map(str::to_owned),
        options: fields.map("options"),
        properties: fields.map("properties"),
        storage_root: fields.text("storage_root")?.map(str::to_owned),
        owner: caller.name.clone(),
        comment: fields.text("comment")?.map(str::to_owned),
        optimization: "INHERIT".to_owned(),
        created: world.clock.now(),
    };
    metastore.catalogs.insert(name.clone(), catalog);
    Ok(Json(told(&metastore, metastore.catalog(&name)?)))
}

pub async fn patch(State(world): State<Shared>, caller: Caller, Path(name): Path<String>, fields: Fields) -> Answer {
    let mut metastore = locked(&world.unity);
    metastore.catalog(&name)?;
    metastore.must_manage(&caller, &Securable::new(Kind::Catalog, &name))?;
    let optimization = optimization(&fields)?;
    let owner = known_owner(&world, &fields)?;
    if let Some(catalog) = metastore.catalogs.get_mut(&name.to_lowercase()) {
        catalog.optimization = optimization.unwrap_or_else(|| catalog.optimization.clone());
        catalog.owner = owner.unwrap_or_else(|| catalog.owner.clone());
        if let Some(comment) = fields.text("comment")? {
            catalog.comment = Some(comment.to_owned());
        }
        catalog.properties.extend(fields.map("properties"));
    }
    Ok(Json(told(&metastore, metastore.catalog(&name)?)))
}

pub async fn delete(State(world): State<Shared>, caller: Caller, Path(name): Path<String>) -> Answer {
    let mut metastore = locked(&world.unity);
    metastore.catalog(&name)?;
    metastore.must_manage(&caller, &Securable::new(Kind::Catalog, &name))?;
    let name = name.to_lowercase();
    let start = format!("{name}.");
    if metastore.schemas.keys().any(|schema| schema.starts_with(&start)) {
        let words = format!("Catalog '{name}' is not empty. The catalog has schemas in it.");
        return Err(Refusal::unity(400, "UNCATEGORIZED", words));
    }
    metastore.catalogs.remove(&name);
    Ok(Json(json!({})))
}

/// ENABLE, DISABLE or INHERIT, if it is among the fields.
pub fn optimization(fields: &Fields) -> Result<Option<String>, Refusal> {
    match fields.text("enable_predictive_optimization")? {
        None => Ok(None),
        Some(word @ ("ENABLE" | "DISABLE" | "INHERIT")) => Ok(Some(word.to_owned())),
        Some(word) => Err(Refusal::invalid(format!("enable_predictive_optimization cannot be {word}"))),
    }
}

pub fn known_owner(world: &Shared, fields: &Fields) -> Result<Option<String>, Refusal> {
    let Some(owner) = fields.text("owner")? else { return Ok(None) };
    if locked(&world.people).knows(owner) {
        return Ok(Some(owner.to_owned()));
    }
    Err(Refusal::unity(404, "PRINCIPAL_DOES_NOT_EXIST", format!("Could not find principal with name {owner}")))
}

/// A name in lower case, without what would split it.
pub fn valid_name(name: &str) -> Result<String, Refusal> {
    let bad = |letter: char| letter.is_control() || matches!(letter, '.' | ' ' | '/');
    if name.chars().any(bad) || name.len() > 255 {
        return Err(Refusal::unity(400, "INVALID_PARAMETER_VALUE", format!("'{name}' is not a valid name")));
    }
    Ok(name.to_lowercase())
}

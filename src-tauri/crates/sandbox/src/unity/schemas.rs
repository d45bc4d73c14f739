//! Schemas.

use super::catalogs::{known_owner, optimization, valid_name};
use super::objects::Schema;
use super::securable::{Kind, Securable};
use super::state::Metastore;
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::page::Page;
use crate::people::Person;
use crate::world::{Shared, World, locked};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

fn told(metastore: &Metastore, schema: &Schema) -> Value {
    let effective = metastore.optimization(&Securable::new(Kind::Schema, &schema.full_name));
    schema.told(&metastore.id, metastore.catalog_kind(&schema.full_name), effective)
}

pub async fn list(State(world): State<Shared>, Query(asked): Query<HashMap<String, String>>, page: Page) -> Answer {
    let catalog = asked.get("catalog_name").filter(|name| !name.is_empty());
    let catalog = catalog.ok_or_else(|| Refusal::invalid("Missing required field: catalog_name"))?;
    let size = page.unity(locked(&world.settings).page_size);
    let metastore = locked(&world.unity);
    let start = format!("{}.", metastore.catalog(catalog)?.name);
    let own: Vec<&Schema> = metastore
        .schemas
        .range(start.clone()..)
        .map(|(_, one)| one)
        .take_while(|one| one.full_name.starts_with(&start))
        .collect();
    let item = |at: usize| own.get(at).map_or(Value::Null, |schema| told(&metastore, schema));
    Ok(Json(Value::Object(page.cut("schemas", own.len(), size, item))))
}

pub async fn get(State(world): State<Shared>, Path(name): Path<String>) -> Answer {
    let metastore = locked(&world.unity);
    Ok(Json(told(&metastore, metastore.schema(&name)?)))
}

pub async fn create(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let (catalog, name) = (fields.must_text("catalog_name")?, fields.must_text("name")?);
    let comment = fields.text("comment")?.map(str::to_owned);
    let full_name = add(&world, &caller, catalog, name, comment, fields.map("properties"))?;
    let metastore = locked(&world.unity);
    Ok(Json(told(&metastore, metastore.schema(&full_name)?)))
}

/// Also what CREATE SCHEMA does.
pub fn add(
    world: &World,
    caller: &Person,
    catalog: &str,
    name: &str,
    comment: Option<String>,
    properties: BTreeMap<String, String>,
) -> Result<String, Refusal> {
    let mut metastore = locked(&world.unity);
    let owner_of = metastore.catalog(catalog)?.name.clone();
    let securable = Securable::new(Kind::Catalog, &owner_of);
    if !metastore.allows(caller, &securable, "CREATE_SCHEMA") {
        let words = format!("User does not have CREATE SCHEMA on {securable}.");
        return Err(Refusal::unity(403, "PERMISSION_DENIED", words));
    }
    let full_name = format!("{owner_of}.{}", valid_name(name)?);
    if metastore.schemas.contains_key(&full_name) {
        return Err(Refusal::unity(409, "SCHEMA_ALREADY_EXISTS", format!("Schema '{full_name}' already exists")));
    }
    metastore.add_schema(Schema {
        full_name: full_name.clone(),
        id: world.ids.uuid(),
        properties,
        storage_root: None,
        owner: caller.name.clone(),
        comment,
        optimization: "INHERIT".to_owned(),
        created: world.clock.now(),
    });
    Ok(full_name)
}

pub async fn patch(State(world): State<Shared>, caller: Caller, Path(name): Path<String>, fields: Fields) -> Answer {
    let mut metastore = locked(&world.unity);
    metastore.schema(&name)?;
    metastore.must_manage(&caller, &Securable::new(Kind::Schema, &name))?;
    let optimization = optimization(&fields)?;
    let owner = known_owner(&world, &fields)?;
    if let Some(schema) = metastore.schemas.get_mut(&name.to_lowercase()) {
        schema.optimization = optimization.unwrap_or_else(|| schema.optimization.clone());
        schema.owner = owner.unwrap_or_else(|| schema.owner.clone());
        if let Some(comment) = fields.text("comment")? {
            schema.comment = Some(comment.to_owned());
        }
        schema.properties.extend(fields.map("properties"));
    }
    Ok(Json(told(&metastore, metastore.schema(&name)?)))
}

pub async fn delete(State(world): State<Shared>, caller: Caller, Path(name): Path<String>) -> Answer {
    let mut metastore = locked(&world.unity);
    let full_name = metastore.schema(&name)?.full_name.clone();
    metastore.must_manage(&caller, &Securable::new(Kind::Schema, &full_name))?;
    if metastore.tables_of(&full_name).0 > 0 {
        let words = format!("Schema '{full_name}' is not empty. The schema has tables in it.");
        return Err(Refusal::unity(400, "UNCATEGORIZED", words));
    }
    metastore.schemas.remove(&full_name);
    Ok(Json(json!({})))
}

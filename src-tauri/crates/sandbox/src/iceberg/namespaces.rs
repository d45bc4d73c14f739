//! Where clients begin: the configuration of a catalog, and its schemas, which are namespaces of one level.

use super::no::{Answer, No};
use crate::body::Fields;
use crate::caller::Caller;
use crate::people::Person;
use crate::unity;
use crate::unity::securable::{Kind, Securable};
use crate::world::{Shared, World, locked};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What this endpoint answers to.
const ENDPOINTS: [&str; 10] = [
    "GET /v1/{prefix}/namespaces",
    "POST /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "POST /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
];

pub async fn config(State(world): State<Shared>, Query(asked): Query<HashMap<String, String>>) -> Answer {
    let warehouse = asked.get("warehouse").filter(|name| !name.is_empty());
    let warehouse = warehouse.ok_or_else(|| No::bad("the parameter warehouse must name a catalog"))?;
    let name = locked(&world.unity).catalog(warehouse)?.name.clone();
    Ok(Json(json!({
        "defaults": {}, "overrides": {"prefix": format!("catalogs/{name}")}, "endpoints": ENDPOINTS,
    })))
}

/// The first half of the gate.
pub fn open(world: &World) -> Result<(), No> {
    match locked(&world.unity).external_access {
        true => Ok(()),
        false => Err(No::forbidden("External data access is not enabled on this metastore.")),
    }
}

/// The second half, and what the caller must hold besides.
pub fn allowed(world: &World, caller: &Person, securable: &Securable, privileges: &[&str]) -> Result<(), No> {
    open(world)?;
    let metastore = locked(&world.unity);
    let missing =
        ["EXTERNAL_USE_SCHEMA"].iter().chain(privileges).find(|one| !metastore.allows(caller, securable, one));
    match missing {
        None => Ok(()),
        Some(privilege) => {
            let words = format!("User does not have {} on {securable}.", privilege.replace('_', " "));
            Err(No::forbidden(words))
        }
    }
}

pub async fn list(
    State(world): State<Shared>,
    Path(catalog): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Answer {
    open(&world)?;
    let metastore = locked(&world.unity);
    let start = format!("{}.", metastore.catalog(&catalog)?.name);
    // Schemas have none below them.
    let below = asked.get("parent").is_some_and(|parent| !parent.is_empty());
    let names = metastore.schemas.range(start.clone()..).map(|(name, _)| name);
    let own: Vec<[&str; 1]> =
        names.take_while(|_| !below).map_while(|name| name.strip_prefix(&start)).map(|name| [name]).collect();
    Ok(Json(json!({"namespaces": own})))
}

pub async fn create(
    State(world): State<Shared>,
    caller: Caller,
    Path(catalog): Path<String>,
    fields: Fields,
) -> Answer {
    open(&world)?;
    let [Value::String(name)] = fields.list("namespace") else {
        return Err(No::bad("a namespace has one level: the schema"));
    };
    let mut properties = fields.map("properties");
    let comment = properties.remove("comment");
    unity::add_schema(&world, &caller, &catalog, name, comment, properties)?;
    Ok(Json(json!({"namespace": [name], "properties": fields.get("properties").unwrap_or(&json!({}))})))
}

pub async fn load(State(world): State<Shared>, Path((catalog, schema)): Path<(String, String)>) -> Answer {
    open(&world)?;
    let metastore = locked(&world.unity);
    let found = metastore.schema(&format!("{catalog}.{schema}"))?;
    let mut properties = json!(found.properties);
    properties["owner"] = json!(found.owner);
    Ok(Json(json!({"namespace": [schema.to_lowercase()], "properties": properties})))
}

pub fn schema(catalog: &str, name: &str) -> Securable {
    Securable::new(Kind::Schema, &format!("{catalog}.{name}"))
}

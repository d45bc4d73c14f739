//! Where clients begin: the configuration of a catalog, and its schemas, which are namespaces of one level.

use crate::base::{Fields, Params, param};
use crate::iceberg::IcebergError;
use crate::unity::Details;
use crate::unity::objects::parts;
use crate::web::{Caller, Iceberg, IcebergAnswer};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};

/// What this endpoint answers to.
const ENDPOINTS: [&str; 11] = [
    "GET /v1/{prefix}/namespaces",
    "POST /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "POST /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
];

pub async fn config(State(state): State<Iceberg>, Query(params): Query<Params>) -> IcebergAnswer {
    let warehouse = param(&params, "warehouse");
    if warehouse.is_empty() {
        return Err(IcebergError::bad("the parameter warehouse must name a catalog"));
    }
    let name = state.metastore.lock().catalog(warehouse)?.name.clone();
    Ok(Json(json!({
        "defaults": {}, "overrides": {"prefix": format!("catalogs/{name}")}, "endpoints": ENDPOINTS,
    })))
}

pub async fn list(
    State(state): State<Iceberg>,
    Path(catalog): Path<String>,
    Query(params): Query<Params>,
) -> IcebergAnswer {
    let metastore = state.metastore.lock();
    metastore.must_be_open()?;
    // Schemas have none below them.
    let below = !param(&params, "parent").is_empty();
    let schemas = metastore.schemas_of(&catalog)?.filter(|_| !below);
    let names: Vec<[&str; 1]> = schemas.map(|schema| [parts(&schema.full_name).1]).collect();
    Ok(Json(json!({"namespaces": names})))
}

pub async fn create(
    State(state): State<Iceberg>,
    caller: Caller,
    Path(catalog): Path<String>,
    fields: Fields,
) -> IcebergAnswer {
    let mut metastore = state.metastore.lock();
    metastore.must_be_open()?;
    let [Value::String(name)] = fields.list("namespace") else {
        return Err(IcebergError::bad("a namespace has one level: the schema"));
    };
    let mut properties = fields.map("properties");
    let comment = properties.remove("comment");
    let (id, now) = (state.common.ids.uuid(), state.common.now());
    metastore.add_schema(&catalog, name, Details { owner: &caller, id, now, comment, properties })?;
    Ok(Json(json!({"namespace": [name], "properties": fields.get("properties").unwrap_or(&json!({}))})))
}

pub async fn load(State(state): State<Iceberg>, Path((catalog, schema)): Path<(String, String)>) -> IcebergAnswer {
    let metastore = state.metastore.lock();
    metastore.must_be_open()?;
    let found = metastore.schema(&format!("{catalog}.{schema}"))?;
    let mut properties = json!(found.properties);
    properties["owner"] = json!(found.owner);
    Ok(Json(json!({"namespace": [schema.to_lowercase()], "properties": properties})))
}

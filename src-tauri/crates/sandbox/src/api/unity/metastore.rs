//! The metastore itself.

use crate::base::{Fields, Refusal, WORKSPACE_ID};
use crate::unity::{Kind, Metastore};
use crate::web::{Answer, Caller, Unity};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

fn payload(metastore: &Metastore) -> Value {
    json!({
        "metastore_id": metastore.id, "name": "sandbox", "owner": metastore.owner, "cloud": "aws", "region": "eu-west-1",
        "global_metastore_id": format!("aws:eu-west-1:{}", metastore.id), "privilege_model_version": "1.0",
        "storage_root": format!("s3://sandbox-managed/{}", metastore.id), "delta_sharing_scope": "INTERNAL",
        "external_access_enabled": metastore.external_access,
    })
}

pub async fn summary(State(state): State<Unity>) -> Answer {
    Ok(Json(payload(&state.metastore.lock())))
}

pub async fn assignment(State(state): State<Unity>) -> Answer {
    let id = state.metastore.lock().id.clone();
    let workspace: u64 = WORKSPACE_ID.parse().unwrap_or_default();
    Ok(Json(json!({"metastore_id": id, "workspace_id": workspace, "default_catalog_name": "main"})))
}

pub async fn list(State(state): State<Unity>, caller: Caller) -> Answer {
    let metastore = state.metastore.lock();
    let seen = if caller.is(&metastore.owner) { vec![payload(&metastore)] } else { Vec::new() };
    Ok(Json(json!({"metastores": seen})))
}

fn must_own(metastore: &Metastore, caller: &Caller, id: &str) -> Result<(), Refusal> {
    if id != metastore.id {
        return Err(Kind::Metastore.does_not_exist(id));
    }
    if !caller.is(&metastore.owner) {
        return Err(Refusal::unity(403, "PERMISSION_DENIED", "User is not an owner of Metastore 'sandbox'."));
    }
    Ok(())
}

pub async fn get(State(state): State<Unity>, caller: Caller, Path(id): Path<String>) -> Answer {
    let metastore = state.metastore.lock();
    must_own(&metastore, &caller, &id)?;
    Ok(Json(payload(&metastore)))
}

pub async fn patch(State(state): State<Unity>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Answer {
    let mut metastore = state.metastore.lock();
    must_own(&metastore, &caller, &id)?;
    if fields.get("external_access_enabled").is_some() {
        metastore.external_access = fields.flag("external_access_enabled");
    }
    Ok(Json(payload(&metastore)))
}

//! The metastore itself.

use super::securable::Kind;
use super::state::Metastore;
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::{Caller, WORKSPACE_ID};
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

fn told(metastore: &Metastore) -> Value {
    json!({
        "metastore_id": metastore.id, "name": "sandbox", "owner": metastore.owner, "cloud": "aws", "region": "eu-west-1",
        "global_metastore_id": format!("aws:eu-west-1:{}", metastore.id), "privilege_model_version": "1.0",
        "storage_root": format!("s3://sandbox-managed/{}", metastore.id), "delta_sharing_scope": "INTERNAL",
        "external_access_enabled": metastore.external_access,
    })
}

pub async fn summary(State(world): State<Shared>) -> Answer {
    Ok(Json(told(&locked(&world.unity))))
}

pub async fn assignment(State(world): State<Shared>) -> Answer {
    let id = locked(&world.unity).id.clone();
    let workspace: u64 = WORKSPACE_ID.parse().unwrap_or_default();
    Ok(Json(json!({"metastore_id": id, "workspace_id": workspace, "default_catalog_name": "main"})))
}

pub async fn list(State(world): State<Shared>, caller: Caller) -> Answer {
    let metastore = locked(&world.unity);
    let seen = if caller.is(&metastore.owner) { vec![told(&metastore)] } else { Vec::new() };
    Ok(Json(json!({"metastores": seen})))
}

fn admin<'a>(metastore: &'a Metastore, caller: &Caller, id: &str) -> Result<&'a Metastore, Refusal> {
    if id != metastore.id {
        return Err(Kind::Metastore.does_not_exist(id));
    }
    if !caller.is(&metastore.owner) {
        return Err(Refusal::unity(403, "PERMISSION_DENIED", "User is not an owner of Metastore 'sandbox'."));
    }
    Ok(metastore)
}

pub async fn get(State(world): State<Shared>, caller: Caller, Path(id): Path<String>) -> Answer {
    let metastore = locked(&world.unity);
    Ok(Json(told(admin(&metastore, &caller, &id)?)))
}

pub async fn patch(State(world): State<Shared>, caller: Caller, Path(id): Path<String>, fields: Fields) -> Answer {
    let mut metastore = locked(&world.unity);
    admin(&metastore, &caller, &id)?;
    if fields.get("external_access_enabled").is_some() {
        metastore.external_access = fields.flag("external_access_enabled");
    }
    Ok(Json(told(&metastore)))
}

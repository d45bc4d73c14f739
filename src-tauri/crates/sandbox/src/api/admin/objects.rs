//! What an administrator has set up in a workspace, without the API by which it would be done.

use crate::base::{Fields, Refusal, plain};
use crate::sql::Warehouse;
use crate::state::ADMIN;
use crate::unity::governed::no_policy;
use crate::unity::objects::{Catalog, Schema};
use crate::unity::valid_name;
use crate::web::{Answer, SandboxState, done};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type All = State<SandboxState>;

pub fn routes() -> Router<SandboxState> {
    Router::new()
        .route("/sandbox/catalogs", post(add_catalog))
        .route("/sandbox/reads", get(reads).post(add_read))
        .route("/sandbox/tag-policies/assigners", post(assigners))
        .route("/sandbox/usage-policies", post(add_usage_policy))
        .route("/sandbox/warehouses", post(set_warehouses))
}

/// A catalog of default storage or of a bucket, with the schema `default`.
async fn add_catalog(State(state): All, fields: Fields) -> Answer {
    let name = valid_name(fields.must_text("name")?)?;
    let default_storage = fields.flag("default_storage");
    let now = state.common.now();
    let mut metastore = state.metastore.lock();
    let root = match default_storage {
        true => format!("s3://dbstorage-prod-sbox1/uc/{}/{}", metastore.id, state.common.ids.uuid()),
        false => format!("s3://sandbox-managed/{name}"),
    };
    let catalog = Catalog {
        name: name.clone(),
        kind: "MANAGED_CATALOG",
        connection: None,
        options: BTreeMap::new(),
        properties: BTreeMap::new(),
        storage_root: Some(root),
        default_storage,
        owner: ADMIN.to_owned(),
        comment: None,
        optimization: "INHERIT".to_owned(),
        created: now,
    };
    let schema = format!("{name}.default");
    metastore.schemas.insert(schema.clone(), Schema::new(&schema, state.common.ids.uuid(), ADMIN, now));
    if default_storage {
        state.jobs.lock().closed_catalogs.insert(name.clone());
    }
    metastore.catalogs.insert(name, catalog);
    done()
}

/// The snapshots of foreign tables that were read, by table: time travel reaches these alone.
async fn reads(State(state): All) -> Answer {
    Ok(Json(json!({"reads": state.folder.reads().all()})))
}

/// A read that was made elsewhere, by a job.
async fn add_read(State(state): All, fields: Fields) -> Answer {
    let (table, snapshot) = (fields.must_text("table")?, fields.must_int("snapshot_id")?);
    state.folder.reads().note(table, snapshot)?;
    done()
}

/// Who has ASSIGN on a governed tag.
async fn assigners(State(state): All, fields: Fields) -> Answer {
    let key = fields.must_text("tag_key")?;
    let mut metastore = state.metastore.lock();
    let policy = metastore.tag_policies.get_mut(key).ok_or_else(|| no_policy(key))?;
    policy.assigners = fields.list("principals").iter().map(plain).collect();
    done()
}

async fn add_usage_policy(State(state): All, fields: Fields) -> Answer {
    let id = fields.must_text("id")?.to_owned();
    state.jobs.lock().usage_policies.insert(id, fields.map("tags"));
    done()
}

/// These instead of those that were there.
async fn set_warehouses(State(state): All, fields: Fields) -> Answer {
    let read = |one: &Value| serde_json::from_value::<Warehouse>(one.clone());
    let all = fields.list("warehouses").iter().map(read).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| Refusal::invalid(error.to_string()))?;
    state.statements.lock().warehouses.replace(all, state.common.now())?;
    done()
}

//! Governed tags. Administrators make them; who may assign them is said behind the curtain.

use crate::base::{Fields, Page, Refusal, plain};
use crate::unity::governed::TagPolicy;
use crate::web::{Answer, Caller, SandboxState, Unity, done, page};
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

pub fn routes() -> Router<SandboxState> {
    Router::new().route("/", get(list).post(create)).route("/{key}", get(one).patch(change).delete(remove))
}

fn must_administer(caller: &Caller) -> Result<(), Refusal> {
    if caller.is_admin() {
        return Ok(());
    }
    Err(Refusal::new(403, "PERMISSION_DENIED", "User does not have CREATE or MANAGE on tag policies."))
}

fn values(fields: &Fields) -> Vec<String> {
    fields.list("values").iter().map(|one| plain(&one["name"])).collect()
}

async fn list(State(state): State<Unity>, asked: Page) -> Answer {
    let all: Vec<Value> = state.metastore.lock().tag_policies.values().map(TagPolicy::payload).collect();
    page(asked.of("tag_policies", &all, asked.plain(100, 1000)))
}

async fn one(State(state): State<Unity>, Path(key): Path<String>) -> Answer {
    Ok(Json(state.metastore.lock().tag_policy(&key)?.payload()))
}

async fn create(State(state): State<Unity>, caller: Caller, fields: Fields) -> Answer {
    must_administer(&caller)?;
    let key = fields.must_text("tag_key")?.to_owned();
    let mut metastore = state.metastore.lock();
    if metastore.tag_policies.contains_key(&key) {
        return Err(Refusal::new(409, "ALREADY_EXISTS", format!("Tag policy with key {key} already exists.")));
    }
    let now = state.common.now();
    let policy = TagPolicy {
        key: key.clone(),
        id: state.common.ids.uuid(),
        description: fields.text("description")?.unwrap_or_default().to_owned(),
        values: values(&fields),
        created: now,
        updated: now,
        assigners: Vec::new(),
    };
    let payload = policy.payload();
    metastore.tag_policies.insert(key, policy);
    Ok(Json(payload))
}

async fn change(State(state): State<Unity>, caller: Caller, Path(key): Path<String>, fields: Fields) -> Answer {
    must_administer(&caller)?;
    let mut metastore = state.metastore.lock();
    metastore.tag_policy(&key)?;
    let now = state.common.now();
    let changed = metastore.tag_policies.get_mut(&key).map(|policy| {
        policy.values = values(&fields);
        policy.updated = now;
        policy.payload()
    });
    Ok(Json(changed.unwrap_or_default()))
}

async fn remove(State(state): State<Unity>, caller: Caller, Path(key): Path<String>) -> Answer {
    must_administer(&caller)?;
    let mut metastore = state.metastore.lock();
    metastore.tag_policy(&key)?;
    metastore.tag_policies.remove(&key);
    done()
}

//! Governed tags. Administrators make them; who may assign them is said behind the curtain, and shown in their rules.

use crate::base::{ACCOUNT_ID, Fields, Page, Refusal, plain};
use crate::state::behaviour::TagRules;
use crate::unity::governed::{TagPolicy, no_policy};
use crate::web::{Answer, Caller, SandboxState, Unity, done, page};
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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

/// The rules of a policy, as the account's access control shows them.
pub async fn rules(
    State(state): State<Unity>,
    caller: Caller,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Answer {
    let name = asked.get("name").cloned().unwrap_or_default();
    let id = name
        .strip_prefix(&format!("accounts/{ACCOUNT_ID}/tagPolicies/"))
        .and_then(|rest| rest.strip_suffix("/ruleSets/default"))
        .ok_or_else(|| Refusal::invalid(format!("'{name}' is no rule set of a tag policy")))?;
    if !caller.is_admin() && state.common.settings.lock().behaviour.tag_rules == TagRules::ToManagers {
        return Err(Refusal::new(403, "PERMISSION_DENIED", "User does not have tagPolicy.ruleSet/get."));
    }
    let metastore = state.metastore.lock();
    let policy = metastore.tag_policies.values().find(|policy| policy.id == id).ok_or_else(|| no_policy(id))?;
    let principals = state.common.principals.lock();
    let principal = |name: &String| match name {
        name if principals.is_group(name) => format!("groups/{name}"),
        name if name.contains('@') => format!("users/{name}"),
        name => format!("servicePrincipals/{name}"),
    };
    let all: Vec<String> = policy.assigners.iter().map(principal).collect();
    let rules =
        if all.is_empty() { json!([]) } else { json!([{"role": "roles/tagPolicy.assigner", "principals": all}]) };
    Ok(Json(json!({"name": name, "etag": format!("{}-{}", policy.updated, all.len()), "grant_rules": rules})))
}

//! Clusters: what is offered, and those that runs started.

use crate::base::{Fields, Page, Params, Refusal, param, plain};
use crate::jobs::cluster::{ALL_PURPOSE, Cluster, all_purpose};
use crate::jobs::{ClusterPolicy, offer};
use crate::state::behaviour::Cloud;
use crate::web::{Answer, Caller, Jobs, SandboxState, page};
use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub fn routes() -> Router<SandboxState> {
    let clusters = Router::new()
        .route("/list-node-types", get(nodes))
        .route("/spark-versions", get(versions))
        .route("/list-zones", get(zones))
        .route("/list", get(list))
        .route("/get", get(show))
        .route("/events", post(events));
    Router::new()
        .nest("/api/2.0/clusters", clusters.clone())
        .nest("/api/2.1/clusters", clusters)
        .route("/api/2.0/policies/clusters/list", get(policies))
        .route("/api/2.0/policies/clusters/get", get(policy))
        .route("/api/2.0/policies/clusters/create", post(add_policy))
        .route("/api/2.0/instance-pools/list", get(pools))
        .route("/api/2.0/instance-pools/get", get(pool))
        .route("/api/2.0/instance-profiles/list", get(profiles))
}

fn cloud(state: &Jobs) -> Cloud {
    state.common.settings.lock().behaviour.cloud
}

async fn nodes(State(state): State<Jobs>) -> Answer {
    let all: Vec<Value> = offer::nodes(cloud(&state)).map(offer::Node::payload).collect();
    Ok(Json(json!({"node_types": all})))
}

async fn versions() -> Answer {
    let all: Vec<Value> = offer::VERSIONS.iter().map(|(key, name)| json!({"key": key, "name": name})).collect();
    Ok(Json(json!({"versions": all})))
}

async fn zones(State(state): State<Jobs>) -> Answer {
    let zones = offer::zones(cloud(&state));
    Ok(Json(json!({"zones": zones, "default_zone": zones[0]})))
}

async fn policies(State(state): State<Jobs>, asked: Page) -> Answer {
    let all: Vec<Value> = state.jobs.lock().policies.iter().map(ClusterPolicy::payload).collect();
    page(asked.of("policies", &all, asked.plain(100, 100)))
}

async fn policy(State(state): State<Jobs>, Query(params): Query<Params>) -> Answer {
    let id = param(&params, "policy_id");
    let jobs = state.jobs.lock();
    let found = jobs.policies.iter().find(|policy| policy.id == id);
    found
        .map(|policy| Json(policy.payload()))
        .ok_or_else(|| Refusal::absent(format!("Cluster policy {id} does not exist.")))
}

async fn add_policy(State(state): State<Jobs>, caller: Caller, fields: Fields) -> Answer {
    if !caller.is_admin() {
        return Err(Refusal::new(403, "PERMISSION_DENIED", "Only admins can create cluster policies."));
    }
    let definition = serde_json::from_str(fields.text("definition")?.unwrap_or("{}"))
        .map_err(|error| Refusal::invalid(format!("The policy's definition is no JSON: {error}")))?;
    let id = state.common.ids.hex16().to_uppercase();
    let policy = ClusterPolicy::new(&id, fields.must_text("name")?, &caller.name, state.common.now(), &definition);
    state.jobs.lock().policies.push(policy);
    Ok(Json(json!({"policy_id": id})))
}

async fn pools(State(state): State<Jobs>) -> Answer {
    let cloud = cloud(&state);
    let all: Vec<Value> = offer::POOLS.iter().filter(|pool| pool.cloud == cloud).map(offer::Pool::payload).collect();
    Ok(Json(json!({"instance_pools": all})))
}

async fn pool(Query(params): Query<Params>) -> Answer {
    let id = param(&params, "instance_pool_id");
    let missing = || Refusal::invalid(format!("Can't find an instance pool with id: {id}."));
    offer::pool(id).map(|pool| Json(pool.payload())).ok_or_else(missing)
}

/// Only clusters on AWS have them.
async fn profiles(State(state): State<Jobs>) -> Answer {
    let own = match cloud(&state) {
        Cloud::Aws => vec![json!({"instance_profile_arn": offer::INSTANCE_PROFILE, "is_meta_instance_profile": false})],
        Cloud::Azure | Cloud::Gcp => Vec::new(),
    };
    Ok(Json(json!({"instance_profiles": own})))
}

async fn list(State(state): State<Jobs>, asked: Page) -> Answer {
    let mut all = vec![all_purpose()];
    all.extend(state.jobs.lock().clusters.values().map(Cluster::payload));
    page(asked.of("clusters", &all, asked.plain(20, 100)))
}

async fn show(State(state): State<Jobs>, Query(params): Query<Params>) -> Answer {
    let id = param(&params, "cluster_id");
    if id == ALL_PURPOSE {
        return Ok(Json(all_purpose()));
    }
    let jobs = state.jobs.lock();
    jobs.clusters.get(id).map(Cluster::payload).map(Json).ok_or_else(|| no_cluster(id))
}

/// 400 and not 404: so it is.
fn no_cluster(id: &str) -> Refusal {
    Refusal::invalid(format!("Cluster {id} does not exist"))
}

async fn events(State(state): State<Jobs>, fields: Fields) -> Answer {
    let id = fields.must_text("cluster_id")?;
    if id == ALL_PURPOSE {
        return Ok(Json(json!({"events": [], "total_count": 0})));
    }
    let jobs = state.jobs.lock();
    let cluster = jobs.clusters.get(id).ok_or_else(|| no_cluster(id))?;
    let event =
        |(at, kind): &(i64, &'static str)| json!({"cluster_id": id, "timestamp": at, "type": kind, "details": {}});
    let mut events: Vec<Value> = cluster.events.iter().map(event).collect();
    if fields.get("order").map(plain).as_deref() != Some("ASC") {
        events.reverse();
    }
    Ok(Json(json!({"total_count": events.len(), "events": events})))
}

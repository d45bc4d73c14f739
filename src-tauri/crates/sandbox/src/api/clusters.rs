//! Clusters: what is offered, and those that runs started.

use crate::base::{Fields, Page, Params, Refusal, param, plain};
use crate::jobs::cluster::{ALL_PURPOSE, Cluster, all_purpose};
use crate::jobs::offer;
use crate::state::ADMIN;
use crate::web::{Answer, Jobs, SandboxState, page};
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
}

async fn nodes() -> Answer {
    let all: Vec<Value> = offer::NODES.iter().map(offer::Node::payload).collect();
    Ok(Json(json!({"node_types": all})))
}

async fn versions() -> Answer {
    let all: Vec<Value> = offer::VERSIONS.iter().map(|(key, name)| json!({"key": key, "name": name})).collect();
    Ok(Json(json!({"versions": all})))
}

async fn zones() -> Answer {
    Ok(Json(json!({"zones": offer::ZONES, "default_zone": offer::ZONES[0]})))
}

fn all_policies() -> [Value; 2] {
    let photon = json!({
        "runtime_engine": {"type": "fixed", "value": "PHOTON"},
        "custom_tags.team": {"type": "fixed", "value": "lake"},
        "autoscale.max_workers": {"type": "range", "maxValue": 8},
    });
    [("00ACE0000000A1", "Photon jobs", photon), ("00ACE0000000B2", "Anything", json!({}))].map(|(id, name, definition)| {
        json!({
            "policy_id": id, "name": name, "creator_user_name": ADMIN, "created_at_timestamp": 0, "is_default": false,
            "definition": definition.to_string(),
        })
    })
}

async fn policies(asked: Page) -> Answer {
    page(asked.of("policies", &all_policies(), asked.plain(100, 100)))
}

async fn policy(Query(params): Query<Params>) -> Answer {
    let id = param(&params, "policy_id");
    let found = all_policies().into_iter().find(|policy| policy["policy_id"] == id);
    found.map(Json).ok_or_else(|| Refusal::absent(format!("Cluster policy {id} does not exist.")))
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

//! Clusters: what is offered, and those that runs started. Each start is counted.

mod offer;

use crate::answer::{Answer, Refusal};
use crate::body::{Fields, plain};
use crate::counts::one;
use crate::jobs::Book;
use crate::jobs::book::Cluster;
use crate::jobs::outcome::Outcome;
use crate::page::Page;
use crate::people::ADMIN;
use crate::world::{Shared, locked};
use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;

/// An all-purpose cluster that somebody left there.
pub const ALL_PURPOSE: &str = "0101-120000-sandbox0";

pub fn routes() -> Router<Shared> {
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
    let all: Vec<Value> = offer::NODES.iter().map(offer::Node::told).collect();
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
    let definition = json!({
        "runtime_engine": {"type": "fixed", "value": "PHOTON"},
        "custom_tags.team": {"type": "fixed", "value": "lake"},
        "autoscale.max_workers": {"type": "range", "maxValue": 8},
    });
    let policy = |id: &str, name: &str, definition: String| {
        json!({
            "policy_id": id, "name": name, "creator_user_name": ADMIN, "created_at_timestamp": 0, "is_default": false,
            "definition": definition,
        })
    };
    [
        policy("00ACE0000000A1", "Photon jobs", definition.to_string()),
        policy("00ACE0000000B2", "Anything", "{}".to_owned()),
    ]
}

async fn policies(page: Page) -> Answer {
    Ok(Json(Value::Object(page.of("policies", &all_policies(), page.plain(100, 100)))))
}

async fn policy(Query(asked): Query<HashMap<String, String>>) -> Answer {
    let id = asked.get("policy_id").map_or("", String::as_str);
    let found = all_policies().into_iter().find(|policy| policy["policy_id"] == id);
    found.map(Json).ok_or_else(|| Refusal::absent(format!("Cluster policy {id} does not exist.")))
}

/// What is refused at once. What only the cloud refuses comes later, as the run's end.
pub fn check(place: &str, spec: &Value) -> Result<(), Refusal> {
    let fields = Fields(spec.as_object().cloned().unwrap_or_default());
    let version = fields.must_text("spark_version").map_err(|_| missing(place, "spark_version"))?;
    let engine = fields.text("runtime_engine")?;
    if engine.is_some() && version.contains("-photon-") {
        let words = format!("{place}: runtime_engine is not compatible with the Spark version {version}.");
        return Err(Refusal::invalid(words));
    }
    if engine.is_some_and(|engine| !["PHOTON", "STANDARD", "NULL"].contains(&engine)) {
        return Err(Refusal::invalid(format!("{place}: unknown runtime_engine {engine:?}.")));
    }
    if fields.text("instance_pool_id")?.is_none() && fields.text("node_type_id")?.is_none() {
        return Err(missing(place, "node_type_id"));
    }
    if let Some(scale) = fields.get("autoscale") {
        let of = |name: &str| scale.get(name).and_then(Value::as_i64).unwrap_or_default();
        if of("max_workers") <= of("min_workers") || of("min_workers") < 0 {
            return Err(Refusal::invalid(format!("{place}: autoscale.max_workers must be greater than min_workers.")));
        }
    } else if fields.int("num_workers")?.is_none() && fields.get("is_single_node").is_none() {
        return Err(missing(place, "size: num_workers or autoscale"));
    }
    if fields.get("custom_tags").and_then(Value::as_object).is_some_and(|tags| tags.len() > 45) {
        return Err(Refusal::invalid(format!("{place}: at most 45 custom tags are supported.")));
    }
    Ok(())
}

fn missing(place: &str, name: &str) -> Refusal {
    Refusal::invalid(format!("{place}: cluster validation error: missing required field: {name}"))
}

/// Why a cluster of this task does not come up.
pub fn refuses(world: &Shared, run: u64, at: usize) -> Option<Outcome> {
    let refused = |words: String| Some(Outcome::new("FAILED", "INVALID_CLUSTER_REQUEST", "CLIENT_ERROR", words));
    let book = locked(&world.jobs);
    let task = book.runs.get(&run)?.tasks.get(at)?;
    let cluster = task.cluster.as_ref()?;
    let Some(cluster) = book.clusters.get(cluster) else {
        return (cluster != ALL_PURPOSE).then(|| {
            let words = format!("Cluster {cluster} does not exist.");
            Outcome::new("FAILED", "CLUSTER_ERROR", "CLIENT_ERROR", words)
        });
    };
    let text = |name: &str| cluster.spec[name].as_str();
    let version = text("spark_version").unwrap_or_default();
    if !offer::VERSIONS.iter().any(|(key, _)| *key == version) {
        return refused(format!("Spark version {version} does not exist or is not supported in this workspace."));
    }
    for name in ["node_type_id", "driver_node_type_id"] {
        let Some(id) = text(name) else { continue };
        let Some(node) = offer::find(id) else {
            return refused(format!("Node type {id} is not supported."));
        };
        if text("runtime_engine") == Some("PHOTON") && !node.photon {
            return refused(format!("Node type {id} does not support Photon."));
        }
    }
    None
}

/// The cluster a task runs on, started unless the task names one that is there. `old` is that of its job cluster key.
pub fn for_task(world: &Shared, run: u64, at: usize, old: Option<&str>) -> Option<String> {
    let now = world.clock.now();
    let mut guard = locked(&world.jobs);
    let book: &mut Book = &mut guard;
    let (creator, clusters) = book.runs.get(&run).map(|run| (run.creator.clone(), run.job_clusters.clone()))?;
    let task = book.task_mut(run, at)?;
    if let Some(id) = task.spec["existing_cluster_id"].as_str().or(old).map(str::to_owned) {
        task.cluster = Some(id.clone());
        let key = task.key.clone();
        if let Some(cluster) = book.clusters.get_mut(&id) {
            cluster.task_keys.push(key);
        }
        return Some(id);
    }
    let key = task.spec["job_cluster_key"].as_str().map(str::to_owned);
    let spec = match &key {
        Some(key) => clusters.into_iter().find(|one| one["job_cluster_key"] == key.as_str())?["new_cluster"].clone(),
        None => task.spec.get("new_cluster")?.clone(),
    };
    let id =
        format!("1124-{:06}-{}", world.ids.number() % 1_000_000, &world.ids.hex16().get(..8).unwrap_or("cluster0"));
    task.cluster = Some(id.clone());
    let task_keys = vec![task.key.clone()];
    let cluster = Cluster {
        id: id.clone(),
        name: format!("job-run-{run}{}", key.map(|key| format!("-{key}")).unwrap_or_default()),
        spec,
        creator,
        run,
        task_keys,
        state: "PENDING",
        started: now,
        ended: 0,
        events: vec![(now, "CREATING")],
    };
    book.clusters.insert(id.clone(), cluster);
    one(&world.counts.clusters_started);
    Some(id)
}

pub fn end_of_run(world: &Shared, run: u64, now: i64) {
    let mut book = locked(&world.jobs);
    for cluster in book.clusters.values_mut().filter(|cluster| cluster.run == run && cluster.ended == 0) {
        cluster.events.extend([(now, "TERMINATING")]);
        cluster.state = "TERMINATED";
        cluster.ended = now;
    }
}

/// Of all its nodes; the most that autoscaling allows.
pub fn dbu_per_hour(spec: &Value) -> f64 {
    let node = |name: &str| spec[name].as_str().and_then(offer::find).map(|node| node.dbu);
    let worker = node("node_type_id").unwrap_or(1.0);
    let driver = node("driver_node_type_id").unwrap_or(worker);
    let workers = spec["autoscale"]["max_workers"].as_f64().or(spec["num_workers"].as_f64()).unwrap_or(0.0);
    let plain = driver + worker * workers;
    if spec["runtime_engine"] == "PHOTON" { plain * 2.0 } else { plain }
}

fn told(cluster: &Cluster) -> Value {
    let mut told = cluster.spec.clone();
    let own = json!({
        "cluster_id": cluster.id, "cluster_name": cluster.name, "state": cluster.state, "cluster_source": "JOB",
        "creator_user_name": cluster.creator, "start_time": cluster.started, "terminated_time": cluster.ended,
        "state_message": "", "default_tags": {"Vendor": "Databricks", "RunName": cluster.name, "ClusterId": cluster.id},
    });
    if let (Some(into), Some(from)) = (told.as_object_mut(), own.as_object()) {
        into.extend(from.clone());
    }
    if cluster.state == "TERMINATED" {
        told["termination_reason"] = json!({"code": "JOB_FINISHED", "type": "SUCCESS"});
    }
    told
}

fn all_purpose() -> Value {
    json!({
        "cluster_id": ALL_PURPOSE, "cluster_name": "shared", "state": "TERMINATED", "cluster_source": "UI",
        "creator_user_name": ADMIN, "spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge", "num_workers": 2,
        "data_security_mode": "USER_ISOLATION", "runtime_engine": "PHOTON",
        "termination_reason": {"code": "INACTIVITY", "type": "SUCCESS", "parameters": {"inactivity_duration_min": "60"}},
    })
}

async fn list(State(world): State<Shared>, page: Page) -> Answer {
    let book = locked(&world.jobs);
    let mut all = vec![all_purpose()];
    all.extend(book.clusters.values().map(told));
    Ok(Json(Value::Object(page.of("clusters", &all, page.plain(20, 100)))))
}

async fn show(State(world): State<Shared>, Query(asked): Query<HashMap<String, String>>) -> Answer {
    let id = asked.get("cluster_id").map_or("", String::as_str);
    if id == ALL_PURPOSE {
        return Ok(Json(all_purpose()));
    }
    let book = locked(&world.jobs);
    book.clusters.get(id).map(told).map(Json).ok_or_else(|| no_cluster(id))
}

/// 400 and not 404: so it is.
fn no_cluster(id: &str) -> Refusal {
    Refusal::invalid(format!("Cluster {id} does not exist"))
}

async fn events(State(world): State<Shared>, fields: Fields) -> Answer {
    let id = fields.must_text("cluster_id")?;
    let book = locked(&world.jobs);
    if id == ALL_PURPOSE {
        return Ok(Json(json!({"events": [], "total_count": 0})));
    }
    let cluster = book.clusters.get(id).ok_or_else(|| no_cluster(id))?;
    let mut told: Vec<Value> = cluster
        .events
        .iter()
        .map(|(at, kind)| json!({"cluster_id": id, "timestamp": at, "type": kind, "details": {}}))
        .collect();
    if fields.get("order").map(plain).as_deref() != Some("ASC") {
        told.reverse();
    }
    Ok(Json(json!({"total_count": told.len(), "events": told})))
}

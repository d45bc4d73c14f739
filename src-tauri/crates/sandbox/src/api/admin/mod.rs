//! What no workspace has: looking inside, changing settings, and setting faults. None of it is met by latency or faults.

mod home;
mod objects;
mod principals;

use crate::base::{ACCOUNT_ID, Fields, Refusal, WORKSPACE_ID, plain};
use crate::state::faults::Rule;
use crate::state::tokens::Client;
use crate::state::{ACCOUNT_USERS, Ending};
use crate::web::{Answer, SandboxState, done};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Method, Response, header};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

type All = State<SandboxState>;

pub fn routes() -> Router<SandboxState> {
    Router::new()
        .route("/sandbox/state", get(state))
        .route("/sandbox/counts", get(counts))
        .route("/sandbox/counts/reset", post(reset))
        .route("/sandbox/requests", get(requests))
        .route("/sandbox/clusters", get(clusters))
        .route("/sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/sandbox/settings", get(settings).post(set))
        .route("/sandbox/gate", post(gate))
        .route("/sandbox/clock", post(clock))
        .route("/sandbox/runs/next", post(next_runs))
        .route("/sandbox/tokens/expire", post(expire))
        .route("/sandbox/oauth-clients", post(add_client))
        .route("/sandbox/oauth-clients/{id}", delete(remove_client))
        .merge(objects::routes())
        .merge(principals::routes())
        .route_layer(from_fn(json_only))
        .route("/", get(home::page))
}

/// A page in a browser may send a form anywhere, but JSON only where it is allowed to: here it is not.
async fn json_only(request: Request, next: Next) -> Response<Body> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if request.method() == Method::POST && !kind.starts_with("application/json") {
        return Refusal::new(415, "BAD_REQUEST", "Send JSON, with the content type application/json.").into_response();
    }
    next.run(request).await
}

async fn state(State(state): All) -> Answer {
    let metastore = state.metastore.lock();
    Ok(Json(json!({
        "url": state.common.url.get(), "folder": state.folder.root(), "workspace_id": WORKSPACE_ID,
        "account_id": ACCOUNT_ID, "external_access_enabled": metastore.external_access,
        "tables": metastore.tables.len() + metastore.seeded.all(), "python": state.spark.python,
        "now": state.common.now(),
    })))
}

async fn counts(State(state): All) -> Answer {
    Ok(Json(state.common.counts.payload()))
}

async fn reset(State(state): All) -> Answer {
    state.common.counts.reset();
    done()
}

async fn requests(State(state): All) -> Answer {
    Ok(Json(json!({"requests": state.common.counts.log()})))
}

/// Every cluster ever started, and its tasks.
async fn clusters(State(state): All) -> Answer {
    let jobs = state.jobs.lock();
    let all = jobs.clusters.values().map(|one| {
        json!({
            "cluster_id": one.id, "run_id": one.run, "task_keys": one.task_keys, "state": one.state,
            "started": one.started, "ended": one.ended,
        })
    });
    Ok(Json(json!({"clusters": all.collect::<Vec<Value>>()})))
}

async fn faults(State(state): All) -> Answer {
    Ok(Json(json!({"rules": state.faults.lock().list()})))
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::invalid(error.to_string()))
}

/// One rule, or several under `rules`.
async fn add_fault(State(state): All, fields: Fields) -> Answer {
    let several = fields.get("rules").and_then(Value::as_array).cloned();
    let values = several.unwrap_or_else(|| vec![Value::Object(fields.0)]);
    let rules = values.into_iter().map(read).collect::<Result<Vec<Rule>, _>>()?;
    let mut all = state.faults.lock();
    let ids = rules.into_iter().map(|rule| all.add(rule)).collect::<Result<Vec<u64>, _>>()?;
    Ok(Json(json!({"ids": ids})))
}

async fn clear_faults(State(state): All) -> Answer {
    state.faults.lock().clear();
    done()
}

async fn settings(State(state): All) -> Answer {
    Ok(Json(state.common.settings.lock().payload()))
}

async fn set(State(state): All, fields: Fields) -> Answer {
    let mut settings = state.common.settings.lock();
    settings.change(&fields)?;
    Ok(Json(settings.payload()))
}

/// Both halves of the governance gate, as an administrator would open or close them.
async fn gate(State(state): All, fields: Fields) -> Answer {
    let on: Vec<String> = match fields.list("on") {
        [] => vec!["main".to_owned()],
        names => names.iter().map(plain).collect(),
    };
    let principal = fields.text("principal")?.unwrap_or(ACCOUNT_USERS);
    let open = fields.flag("open");
    state.metastore.lock().set_gate(open, &on, principal);
    Ok(Json(json!({"open": open, "on": on, "principal": principal})))
}

async fn clock(State(state): All, fields: Fields) -> Answer {
    let seconds = u64::try_from(fields.must_int("advance_s")?).unwrap_or_default();
    state.common.clock.advance(Duration::from_secs(seconds));
    Ok(Json(json!({"now": state.common.now()})))
}

/// How the next runs end: {"code", "type", "message", "count"}.
async fn next_runs(State(state): All, fields: Fields) -> Answer {
    let count = fields.int("count")?.unwrap_or(1).clamp(0, 1_000);
    let ending: Ending = read(Value::Object(fields.0))?;
    let mut settings = state.common.settings.lock();
    settings.next_ends.extend((0..count).map(|_| ending.clone()));
    Ok(Json(json!({"waiting": settings.next_ends.len()})))
}

async fn expire(State(state): All) -> Answer {
    state.tokens.lock().expire_access(state.common.now());
    done()
}

async fn add_client(State(state): All, fields: Fields) -> Answer {
    let client: Client = read(Value::Object(fields.0))?;
    state.tokens.lock().add_client(client);
    done()
}

/// As an account admin does who switches off the built-in application.
async fn remove_client(State(state): All, Path(id): Path<String>) -> Answer {
    state.tokens.lock().remove_client(&id);
    done()
}

//! What no workspace has: looking inside, turning things, and asking for faults. None of it is met by latency or faults.

mod home;

use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::{ACCOUNT_ID, WORKSPACE_ID};
use crate::faults::Rule;
use crate::oidc::Client;
use crate::people::EVERYBODY;
use crate::world::{Ending, Settings, Shared, locked};
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

pub fn routes() -> Router<Shared> {
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
        .route("/sandbox/principals", post(add_principal))
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

async fn state(State(world): State<Shared>) -> Answer {
    let url = world.url.get().cloned().unwrap_or_default();
    let metastore = locked(&world.unity);
    Ok(Json(json!({
        "url": url, "folder": world.folder.root(), "workspace_id": WORKSPACE_ID, "account_id": ACCOUNT_ID,
        "external_access_enabled": metastore.external_access, "tables": metastore.tables.len() + metastore.seeded.all(),
        "python": world.config.spark.python, "now": world.clock.now(),
    })))
}

async fn counts(State(world): State<Shared>) -> Answer {
    Ok(Json(world.counts.show()))
}

async fn reset(State(world): State<Shared>) -> Answer {
    world.counts.reset();
    Ok(Json(json!({})))
}

async fn requests(State(world): State<Shared>) -> Answer {
    Ok(Json(json!({"requests": world.counts.log()})))
}

/// Every cluster ever started, and what for.
async fn clusters(State(world): State<Shared>) -> Answer {
    let book = locked(&world.jobs);
    let told: Vec<Value> = book
        .clusters
        .values()
        .map(|one| {
            json!({
                "cluster_id": one.id, "run_id": one.run, "task_keys": one.task_keys, "state": one.state,
                "started": one.started, "ended": one.ended,
            })
        })
        .collect();
    Ok(Json(json!({"clusters": told})))
}

async fn faults(State(world): State<Shared>) -> Answer {
    Ok(Json(json!({"rules": locked(&world.faults).list()})))
}

fn read<T: DeserializeOwned>(fields: &Fields) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(fields.0.clone())).map_err(|error| Refusal::invalid(error.to_string()))
}

/// One rule, or several under `rules`.
async fn add_fault(State(world): State<Shared>, fields: Fields) -> Answer {
    let several = fields.get("rules").and_then(Value::as_array).cloned();
    let values = several.unwrap_or_else(|| vec![Value::Object(fields.0.clone())]);
    let rules: Vec<Rule> = values
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(|error| Refusal::invalid(format!("Not a rule: {error}")))?;
    let mut all = locked(&world.faults);
    let ids = rules.into_iter().map(|rule| all.add(rule)).collect::<Result<Vec<u64>, _>>()?;
    Ok(Json(json!({"ids": ids})))
}

async fn clear_faults(State(world): State<Shared>) -> Answer {
    locked(&world.faults).clear();
    Ok(Json(json!({})))
}

fn told(settings: &Settings) -> Value {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    json!({
        "latency_ms": ms(settings.latency), "page_size": settings.page_size, "unified_host": settings.unified_host,
        "max_runs": settings.max_runs, "cluster_start_ms": ms(settings.cluster_start),
        "warehouse_start_ms": ms(settings.warehouse_start), "statement_ms": ms(settings.statement_time),
        "rows_per_chunk": settings.rows_per_chunk, "access_token_ttl_s": settings.access_token_ttl.as_secs(),
        "refresh_token_ttl_s": settings.refresh_token_ttl.as_secs(),
        "single_use_refresh_tokens": settings.single_use_refresh_tokens,
        "conflicts_as_400": settings.conflicts_as_400,
    })
}

async fn settings(State(world): State<Shared>) -> Answer {
    Ok(Json(told(&locked(&world.settings))))
}

/// A setting that does not exist is an error: a test that sets one would prove nothing.
async fn set(State(world): State<Shared>, fields: Fields) -> Answer {
    let mut settings = locked(&world.settings);
    let mut new = settings.clone();
    for name in fields.0.keys() {
        let number = || {
            let number = fields.int(name)?.and_then(|number| u64::try_from(number).ok());
            number.ok_or_else(|| Refusal::invalid(format!("{name} must be a number, 0 or more")))
        };
        let size = || number().map(|number| usize::try_from(number).unwrap_or(usize::MAX).max(1));
        match name.as_str() {
            "latency_ms" => new.latency = Duration::from_millis(number()?),
            "page_size" => new.page_size = size()?,
            "unified_host" => new.unified_host = fields.flag(name),
            "max_runs" => new.max_runs = usize::try_from(number()?).unwrap_or(usize::MAX),
            "cluster_start_ms" => new.cluster_start = Duration::from_millis(number()?),
            "warehouse_start_ms" => new.warehouse_start = Duration::from_millis(number()?),
            "statement_ms" => new.statement_time = Duration::from_millis(number()?),
            "rows_per_chunk" => new.rows_per_chunk = size()?,
            "access_token_ttl_s" => new.access_token_ttl = Duration::from_secs(number()?),
            "refresh_token_ttl_s" => new.refresh_token_ttl = Duration::from_secs(number()?),
            "single_use_refresh_tokens" => new.single_use_refresh_tokens = fields.flag(name),
            "conflicts_as_400" => new.conflicts_as_400 = fields.flag(name),
            _ => return Err(Refusal::invalid(format!("There is no setting {name}."))),
        }
    }
    *settings = new;
    Ok(Json(told(&settings)))
}

/// Both halves of the governance gate, as an administrator would open or close them.
async fn gate(State(world): State<Shared>, fields: Fields) -> Answer {
    let on: Vec<String> = match fields.list("on") {
        [] => vec!["main".to_owned()],
        names => names.iter().map(crate::body::plain).collect(),
    };
    let principal = fields.text("principal")?.unwrap_or(EVERYBODY);
    let open = fields.flag("open");
    locked(&world.unity).set_gate(open, &on, principal);
    Ok(Json(json!({"open": open, "on": on, "principal": principal})))
}

async fn clock(State(world): State<Shared>, fields: Fields) -> Answer {
    let seconds = u64::try_from(fields.must_int("advance_s")?).unwrap_or_default();
    world.clock.advance(Duration::from_secs(seconds));
    Ok(Json(json!({"now": world.clock.now()})))
}

/// How the next runs end: {"code", "type", "message", "count"}.
async fn next_runs(State(world): State<Shared>, fields: Fields) -> Answer {
    let ending: Ending = read(&fields)?;
    let count = fields.int("count")?.unwrap_or(1).clamp(0, 1_000);
    let mut settings = locked(&world.settings);
    settings.next_ends.extend((0..count).map(|_| ending.clone()));
    Ok(Json(json!({"waiting": settings.next_ends.len()})))
}

async fn expire(State(world): State<Shared>) -> Answer {
    let now = world.clock.now();
    locked(&world.oidc).expire_access(now);
    Ok(Json(json!({})))
}

async fn add_client(State(world): State<Shared>, fields: Fields) -> Answer {
    let client: Client = read(&fields)?;
    locked(&world.oidc).add_client(client);
    Ok(Json(json!({})))
}

/// As an account admin does who switches off the built-in application.
async fn remove_client(State(world): State<Shared>, Path(id): Path<String>) -> Answer {
    locked(&world.oidc).remove_client(&id);
    Ok(Json(json!({})))
}

/// A user, if there is an @ in the name, or a group.
async fn add_principal(State(world): State<Shared>, fields: Fields) -> Answer {
    let groups = fields.list("groups").iter().map(crate::body::plain).collect();
    locked(&world.people).add(fields.must_text("name")?, groups);
    Ok(Json(json!({})))
}

//! ABAC policies.

use crate::base::{Fields, Page, Params, param};
use crate::unity::policies::Policy;
use crate::unity::{Kind, Securable};
use crate::web::{Answer, Caller, SandboxState, Unity, done, page};
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

/// Type and name of an object, name of a policy.
type Place = Path<(String, String, String)>;

pub fn routes() -> Router<SandboxState> {
    Router::new()
        .route("/policies", post(create))
        .route("/policies/{kind}/{object}", get(list))
        .route("/policies/{kind}/{object}/{name}", get(one).delete(remove))
}

async fn create(State(state): State<Unity>, caller: Caller, mut fields: Fields) -> Answer {
    for (name, value) in [("created_at", state.common.now()), ("updated_at", state.common.now())] {
        fields.0.insert(name.to_owned(), value.into());
    }
    for (name, value) in [("id", state.common.ids.uuid()), ("created_by", caller.name.clone())] {
        fields.0.insert(name.to_owned(), value.into());
    }
    let policy = Policy::read(fields.0)?;
    let payload = policy.payload();
    state.metastore.lock().add_policy(&caller, policy)?;
    Ok(Json(payload))
}

async fn list(
    State(state): State<Unity>,
    Path((kind, object)): Path<(String, String)>,
    Query(params): Query<Params>,
    asked: Page,
) -> Answer {
    let size = state.common.settings.lock().page_size;
    let securable = Securable::new(Kind::read(&kind)?, &object);
    let metastore = state.metastore.lock();
    metastore.exists(&securable)?;
    let inherited = param(&params, "include_inherited").eq_ignore_ascii_case("true");
    let all: Vec<Value> = metastore.policies_on(&securable, inherited).into_iter().map(Policy::payload).collect();
    page(asked.of("policies", &all, asked.plain(size, size)))
}

async fn one(State(state): State<Unity>, Path((kind, object, name)): Place) -> Answer {
    let securable = Securable::new(Kind::read(&kind)?, &object);
    Ok(Json(state.metastore.lock().policy(&securable, &name)?.payload()))
}

async fn remove(State(state): State<Unity>, caller: Caller, Path((kind, object, name)): Place) -> Answer {
    let securable = Securable::new(Kind::read(&kind)?, &object);
    state.metastore.lock().drop_policy(&caller, &securable, &name)?;
    done()
}

//! Principals: added, deleted, and who may run jobs as a service principal.

use crate::base::{Fields, Refusal, plain};
use crate::state::ADMIN;
use crate::web::{Answer, SandboxState, done};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

type All = State<SandboxState>;

pub fn routes() -> Router<SandboxState> {
    Router::new()
        .route("/sandbox/principals", post(add))
        .route("/sandbox/principals/delete", post(remove))
        .route("/sandbox/principals/roles", post(roles))
}

async fn add(State(state): All, fields: Fields) -> Answer {
    let groups = fields.list("groups").iter().map(plain).collect();
    state.common.principals.lock().add(fields.must_text("name")?, groups);
    done()
}

/// What the principal was granted and what it owns stays, under its id.
async fn remove(State(state): All, fields: Fields) -> Answer {
    let name = fields.must_text("name")?;
    if name.eq_ignore_ascii_case(ADMIN) {
        return Err(Refusal::invalid("The sandbox needs its administrator."));
    }
    let removed = state.common.principals.lock().remove(name);
    let (name, id) = removed.ok_or_else(|| Refusal::absent(format!("There is no principal {name}.")))?;
    state.metastore.lock().forget_principal(&name, id);
    Ok(Json(json!({"name": name, "principal_id": id})))
}

/// Who has the role to let jobs run as a service principal.
async fn roles(State(state): All, fields: Fields) -> Answer {
    let service = fields.must_text("service_principal")?;
    let users = fields.list("users").iter().map(plain).collect();
    if state.common.principals.lock().set_users(service, users) {
        return done();
    }
    Err(Refusal::absent(format!("There is no service principal {service}.")))
}

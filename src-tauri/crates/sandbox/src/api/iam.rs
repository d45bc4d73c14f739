//! The caller's own entry in SCIM.

use crate::web::{Answer, Caller, SandboxState};
use axum::routing::get;
use axum::{Json, Router};

pub fn routes() -> Router<SandboxState> {
    Router::new().route("/api/2.0/preview/scim/v2/Me", get(me))
}

async fn me(caller: Caller) -> Answer {
    Ok(Json(caller.payload()))
}

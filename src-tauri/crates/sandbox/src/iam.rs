//! Who am I.

use crate::answer::Answer;
use crate::caller::Caller;
use crate::world::Shared;
use axum::routing::get;
use axum::{Json, Router};

pub fn routes() -> Router<Shared> {
    Router::new().route("/api/2.0/preview/scim/v2/Me", get(me))
}

async fn me(caller: Caller) -> Answer {
    Ok(Json(caller.scim()))
}

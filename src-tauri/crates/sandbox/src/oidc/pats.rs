//! Personal access tokens of the caller.

use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::State;
use serde_json::json;

pub async fn create(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let comment = fields.text("comment")?.unwrap_or_default();
    let lifetime = fields.int("lifetime_seconds")?;
    let (token, told) = locked(&world.oidc).add_pat(&caller.name, comment, lifetime, world.clock.now());
    Ok(Json(json!({"token_value": token, "token_info": told})))
}

pub async fn list(State(world): State<Shared>, caller: Caller) -> Answer {
    Ok(Json(json!({"token_infos": locked(&world.oidc).pats_of(&caller.name)})))
}

pub async fn delete(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let id = fields.must_text("token_id")?;
    if locked(&world.oidc).remove_pat(&caller.name, id) {
        Ok(Json(json!({})))
    } else {
        Err(Refusal::absent(format!("Token with id {id} does not exist.")))
    }
}

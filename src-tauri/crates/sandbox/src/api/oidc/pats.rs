//! Personal access tokens of the caller.

use crate::base::{Fields, Refusal};
use crate::web::{Answer, Caller, Identity, done};
use axum::Json;
use axum::extract::State;
use serde_json::json;

pub async fn create(State(state): State<Identity>, caller: Caller, fields: Fields) -> Answer {
    let comment = fields.text("comment")?.unwrap_or_default();
    let lifetime = fields.int("lifetime_seconds")?;
    let (token, info) = state.tokens.lock().add_pat(&caller.name, comment, lifetime, state.common.now());
    Ok(Json(json!({"token_value": token, "token_info": info})))
}

pub async fn list(State(state): State<Identity>, caller: Caller) -> Answer {
    Ok(Json(json!({"token_infos": state.tokens.lock().pats_of(&caller.name)})))
}

pub async fn delete(State(state): State<Identity>, caller: Caller, fields: Fields) -> Answer {
    let id = fields.must_text("token_id")?;
    if state.tokens.lock().remove_pat(&caller.name, id) {
        return done();
    }
    Err(Refusal::absent(format!("Token with id {id} does not exist.")))
}

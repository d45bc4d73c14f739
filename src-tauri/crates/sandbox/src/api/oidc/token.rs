//! The token endpoint. Its errors are OAuth's, not the workspace's.

use crate::base::{Params, param};
use crate::state::sign_in;
use crate::web::Identity;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub async fn issue(State(state): State<Identity>, headers: HeaderMap, Form(params): Form<Params>) -> Response {
    let (client_id, secret) = credentials(&headers, &params);
    let settings = state.common.settings.lock().clone();
    let now = state.common.now();
    let issued = sign_in::tokens(&mut state.tokens.lock(), (&client_id, &secret), &params, &settings, now);
    match issued {
        Ok(payload) => {
            let counts = &state.common.counts;
            counts.tokens_issued.add_one();
            if param(&params, "grant_type") == "refresh_token" {
                counts.tokens_refreshed.add_one();
            }
            ([(header::CACHE_CONTROL, "no-store")], Json(payload)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// Client id and secret, from the header or the body.
fn credentials(headers: &HeaderMap, params: &Params) -> (String, String) {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = basic.and_then(|value| value.strip_prefix("Basic ")).and_then(|value| STANDARD.decode(value).ok());
    if let Some(pair) = basic.and_then(|bytes| String::from_utf8(bytes).ok())
        && let Some((id, secret)) = pair.split_once(':')
    {
        return (id.to_owned(), secret.to_owned());
    }
    (param(params, "client_id").to_owned(), param(params, "client_secret").to_owned())
}

/// 200 in any case, as RFC 7009 wants it.
pub async fn revoke(State(state): State<Identity>, Form(params): Form<Params>) -> Response {
    if state.tokens.lock().revoke(param(&params, "token")) {
        state.common.counts.tokens_revoked.add_one();
    }
    StatusCode::OK.into_response()
}

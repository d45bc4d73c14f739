//! The token endpoint. Its errors are OAuth's, not the workspace's.

use super::grants::{Code, Grant};
use crate::counts::one;
use crate::world::{Shared, locked};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

type Asked = HashMap<String, String>;

struct Wrong(u16, &'static str, &'static str);

const BAD_CLIENT: Wrong = Wrong(401, "invalid_client", "Client authentication failed");

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({"error": self.1, "error_description": self.2}))).into_response()
    }
}

pub async fn issue(State(world): State<Shared>, headers: HeaderMap, Form(asked): Form<Asked>) -> Response {
    match tokens(&world, &headers, &asked) {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response(),
        Err(wrong) => wrong.into_response(),
    }
}

fn of<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.get(name).map_or("", String::as_str)
}

/// Client id and secret, from the header or the body.
fn credentials(headers: &HeaderMap, asked: &Asked) -> (String, String) {
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = basic.and_then(|value| value.strip_prefix("Basic ")).and_then(|value| STANDARD.decode(value).ok());
    if let Some(pair) = basic.and_then(|bytes| String::from_utf8(bytes).ok())
        && let Some((id, secret)) = pair.split_once(':')
    {
        return (id.to_owned(), secret.to_owned());
    }
    (of(asked, "client_id").to_owned(), of(asked, "client_secret").to_owned())
}

fn tokens(world: &Shared, headers: &HeaderMap, asked: &Asked) -> Result<Value, Wrong> {
    let (client_id, secret) = credentials(headers, asked);
    let client = locked(&world.oidc).client(&client_id).cloned().ok_or(BAD_CLIENT)?;
    if client.client_secret.as_ref().is_some_and(|right| right.expose() != secret) {
        return Err(BAD_CLIENT);
    }
    match of(asked, "grant_type") {
        "authorization_code" => by_code(world, &client_id, asked),
        "refresh_token" => by_refresh(world, &client_id, of(asked, "refresh_token")),
        "client_credentials" if client.client_secret.is_some() => {
            let scope = of(asked, "scope");
            if scope.is_empty() {
                return Err(Wrong(400, "invalid_scope", "no scope was asked for"));
            }
            let grant = Grant {
                person: client_id.clone(),
                client_id,
                scope: scope.to_owned(),
                session: world.ids.uuid(),
                expires: 0,
            };
            Ok(answer(world, &grant, false))
        }
        "client_credentials" => Err(BAD_CLIENT),
        _ => Err(Wrong(400, "unsupported_grant_type", "The grant_type is not supported")),
    }
}

fn by_code(world: &Shared, client_id: &str, asked: &Asked) -> Result<Value, Wrong> {
    const BAD: Wrong = Wrong(400, "invalid_grant", "Authorization code is invalid");
    let Code { grant, redirect_uri, challenge } =
        locked(&world.oidc).spend_code(of(asked, "code"), world.clock.now()).ok_or(BAD)?;
    let made = URL_SAFE_NO_PAD.encode(Sha256::digest(of(asked, "code_verifier")));
    if made != challenge || redirect_uri != of(asked, "redirect_uri") || grant.client_id != client_id {
        return Err(BAD);
    }
    let refreshable = grant.scope.split_whitespace().any(|scope| scope == "offline_access");
    Ok(answer(world, &grant, refreshable))
}

fn by_refresh(world: &Shared, client_id: &str, token: &str) -> Result<Value, Wrong> {
    let single_use = locked(&world.settings).single_use_refresh_tokens;
    let grant = {
        let mut oidc = locked(&world.oidc);
        let grant = oidc.refresh_grant(token, client_id, world.clock.now()).ok_or(Wrong(
            400,
            "invalid_grant",
            "Refresh token is invalid",
        ))?;
        if single_use {
            oidc.forget_refresh(token);
        }
        grant
    };
    one(&world.counts.tokens_refreshed);
    let mut told = answer(world, &grant, single_use);
    if !single_use {
        told["refresh_token"] = token.into();
    }
    Ok(told)
}

fn answer(world: &Shared, grant: &Grant, refreshable: bool) -> Value {
    let (ttl, refresh_ttl) = {
        let settings = locked(&world.settings);
        (settings.access_token_ttl, settings.refresh_token_ttl)
    };
    let now = world.clock.now();
    let mut oidc = locked(&world.oidc);
    one(&world.counts.tokens_issued);
    let mut told = json!({
        "access_token": oidc.issue_access(grant, ttl, now), "token_type": "Bearer", "expires_in": ttl.as_secs(),
        "scope": grant.scope,
    });
    if refreshable {
        told["refresh_token"] = oidc.issue_refresh(grant, refresh_ttl, now).into();
    }
    told
}

/// Always well, as RFC 7009 wants it.
pub async fn revoke(State(world): State<Shared>, Form(asked): Form<Asked>) -> Response {
    if locked(&world.oidc).revoke(of(&asked, "token")) {
        one(&world.counts.tokens_revoked);
    }
    StatusCode::OK.into_response()
}

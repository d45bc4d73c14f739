//! Sign-in: discovery, the page on which a person signs in, tokens, revocation; personal access tokens.

mod authorize;
mod discovery;
mod pats;
mod token;

use crate::web::SandboxState;
use axum::Router;
use axum::routing::{get, post};

/// Without a token: this is where they come from.
pub fn open_routes() -> Router<SandboxState> {
    Router::new()
        .route("/.well-known/databricks-config", get(discovery::host))
        .route("/oidc/.well-known/oauth-authorization-server", get(discovery::workspace))
        .route("/oidc/.well-known/openid-configuration", get(discovery::workspace))
        .route("/oidc/v1/authorize", get(authorize::page).post(authorize::decide))
        .route("/oidc/v1/token", post(token::issue))
        .route("/oidc/v1/revoke", post(token::revoke))
        .route("/oidc/accounts/{account}/.well-known/oauth-authorization-server", get(discovery::account))
        .route("/oidc/accounts/{account}/v1/authorize", get(authorize::page).post(authorize::decide))
        .route("/oidc/accounts/{account}/v1/token", post(token::issue))
        .route("/oidc/accounts/{account}/v1/revoke", post(token::revoke))
}

pub fn routes() -> Router<SandboxState> {
    Router::new()
        .route("/api/2.0/token/create", post(pats::create))
        .route("/api/2.0/token/list", get(pats::list))
        .route("/api/2.0/token/delete", post(pats::delete))
}

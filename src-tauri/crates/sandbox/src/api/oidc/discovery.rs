//! Where a client finds the endpoints.

use crate::base::{ACCOUNT_ID, Refusal, WORKSPACE_ID};
use crate::web::{Answer, Identity};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

/// The address under which the client reached us: it must not be sent from `localhost` to `127.0.0.1`.
fn base(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}")
}

pub async fn host(State(state): State<Identity>, headers: HeaderMap) -> Answer {
    let base = base(&headers);
    if state.common.settings.lock().unified_host {
        // A host of several workspaces: the placeholder is literal, and no workspace is named.
        return Ok(Json(json!({
            "oidc_endpoint": format!("{base}/oidc/accounts/{{account_id}}"), "account_id": ACCOUNT_ID, "cloud": "AWS",
            "host_type": "unified",
        })));
    }
    Ok(Json(json!({
        "oidc_endpoint": format!("{base}/oidc"), "account_id": ACCOUNT_ID, "workspace_id": WORKSPACE_ID, "cloud": "AWS",
        "host_type": "workspace",
    })))
}

pub async fn workspace(headers: HeaderMap) -> Answer {
    Ok(Json(endpoints(&format!("{}/oidc", base(&headers)))))
}

pub async fn account(Path(account): Path<String>, headers: HeaderMap) -> Answer {
    if account != ACCOUNT_ID {
        return Err(Refusal::not_found(format!("Account {account} not found.")));
    }
    Ok(Json(endpoints(&format!("{}/oidc/accounts/{account}", base(&headers)))))
}

fn endpoints(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/v1/authorize"),
        "token_endpoint": format!("{issuer}/v1/token"),
        "revocation_endpoint": format!("{issuer}/v1/revoke"),
        "scopes_supported": ["all-apis", "offline_access", "sql", "unity-catalog"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    })
}

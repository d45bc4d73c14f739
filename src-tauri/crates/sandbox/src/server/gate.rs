//! Lets no request through without a valid token.

use crate::base::{Refusal, WORKSPACE_ID};
use crate::web::{Caller, Identity, bearer};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use axum::middleware::Next;
use axum::response::IntoResponse;

pub async fn gate(State(state): State<Identity>, mut request: Request, next: Next) -> Response<Body> {
    match admit(&state, request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn admit(state: &Identity, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let token = bearer(headers)
        .ok_or_else(|| Refusal::token(401, "Credential was not sent or was of an unsupported type for this API."))?;
    if state.common.settings.lock().unified_host {
        let named = headers.get("x-databricks-workspace-id").and_then(|id| id.to_str().ok());
        if named != Some(WORKSPACE_ID) {
            return Err(Refusal::invalid("X-Databricks-Workspace-Id must name a workspace of this host."));
        }
    }
    let name = state.tokens.lock().holder(token, state.common.now())?;
    let principal = state.common.principals.lock().get(&name).cloned();
    principal.map(Caller).ok_or_else(|| Refusal::token(403, "Invalid access token."))
}

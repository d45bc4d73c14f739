//! Lets no request through without a valid token, nor to what this workspace does not have.

use crate::base::{Params, Refusal, WORKSPACE_ID, param};
use crate::state::behaviour::{JobsApi, UnnamedWorkspace};
use crate::web::{Caller, Identity, bearer};
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

/// Either names the workspace on a host of several; an address may do so too.
const WORKSPACE_HEADERS: [&str; 2] = ["x-databricks-workspace-id", "x-databricks-org-id"];

pub async fn gate(State(state): State<Identity>, mut request: Request, next: Next) -> Response<Body> {
    let (unified, unnamed, jobs_api) = {
        let settings = state.common.settings.lock();
        (settings.unified_host, settings.behaviour.unnamed_workspace, settings.behaviour.jobs_api)
    };
    if unified && !names_workspace(request.headers(), request.uri()) {
        return without_workspace(unnamed, request.uri());
    }
    let path = request.uri().path();
    if jobs_api == JobsApi::Older && path.starts_with("/api/2.2/jobs/") {
        return Refusal::new(404, "ENDPOINT_NOT_FOUND", format!("Bad Target: {path}")).into_response();
    }
    match admit(&state, request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn names_workspace(headers: &HeaderMap, uri: &Uri) -> bool {
    let named = |name: &&str| headers.get(*name).and_then(|id| id.to_str().ok()) == Some(WORKSPACE_ID);
    let query = Query::<Params>::try_from_uri(uri).map(|Query(params)| params).unwrap_or_default();
    WORKSPACE_HEADERS.iter().any(named) || param(&query, "o") == WORKSPACE_ID
}

/// A refusal, or the way to a page where a person would choose a workspace.
fn without_workspace(how: UnnamedWorkspace, uri: &Uri) -> Response<Body> {
    if how == UnnamedWorkspace::Refused {
        let message = "X-Databricks-Workspace-Id must name a workspace of this host.";
        return Refusal::invalid(message).into_response();
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = format!("/login.html?next_url={}", percent_encoding::utf8_percent_encode(uri.path(), PATH));
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

const PATH: &percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC;

fn admit(state: &Identity, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let token = bearer(headers)
        .ok_or_else(|| Refusal::token(401, "Credential was not sent or was of an unsupported type for this API."))?;
    let name = state.tokens.lock().holder(token, state.common.now())?;
    let principal = state.common.principals.lock().get(&name).cloned();
    principal.map(Caller).ok_or_else(|| Refusal::token(403, "Invalid access token."))
}

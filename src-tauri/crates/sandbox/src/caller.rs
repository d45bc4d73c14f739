//! Who asks: the token of a request, and the person it stands for.

use crate::answer::Refusal;
use crate::people::Person;
use crate::world::{Shared, locked};
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use std::ops::Deref;

/// The workspace's id, which a host of several wants in a header.
pub const WORKSPACE_ID: &str = "4211987654321098";
pub const ACCOUNT_ID: &str = "1d8f0c2e-3b5a-4c6d-9e7f-a1b2c3d4e5f6";

#[derive(Clone, Debug)]
pub struct Caller(pub Person);

impl Deref for Caller {
    type Target = Person;
    fn deref(&self) -> &Person {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Refusal::token(401, "Credential was not sent."))
    }
}

/// Lets nobody through whose token is not good.
pub async fn gate(State(world): State<Shared>, mut request: Request, next: Next) -> Response<Body> {
    match admit(&world, request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn admit(world: &Shared, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let token = bearer(headers)
        .ok_or_else(|| Refusal::token(401, "Credential was not sent or was of an unsupported type for this API."))?;
    if locked(&world.settings).unified_host {
        let told = headers.get("x-databricks-workspace-id").and_then(|id| id.to_str().ok());
        if told != Some(WORKSPACE_ID) {
            return Err(Refusal::invalid("X-Databricks-Workspace-Id must name a workspace of this host."));
        }
    }
    let name = locked(&world.oidc).holder(token, world.clock.now())?;
    let person = locked(&world.people).person(&name).cloned();
    person.map(Caller).ok_or_else(|| Refusal::token(403, "Invalid access token."))
}

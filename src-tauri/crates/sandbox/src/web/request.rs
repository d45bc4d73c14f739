//! JSON bodies and pages, as handlers take them.

use crate::base::{Fields, Page, Params, Refusal};
use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;

/// The largest JSON body: a 10 MB file in base64, and its envelope.
const MAX_BODY_BYTES: usize = 16 << 20;

/// Set by a fault rule: this page is empty, the next one goes on.
#[derive(Clone, Copy, Debug)]
pub struct EmptyPage;

/// Set by a fault rule: this list comes in another order, to its last page.
#[derive(Clone, Copy, Debug)]
pub struct Reordered;

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let bytes = to_bytes(request.into_body(), MAX_BODY_BYTES)
            .await
            .map_err(|_| Refusal::new(413, "MAX_REQUEST_SIZE_EXCEEDED", "The request's body is too large."))?;
        Self::parse(&bytes)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query = Query::<Params>::from_request_parts(parts, state).await;
        let params = query.map(|Query(params)| params).unwrap_or_default();
        let (reversed, empty) = (parts.extensions.get::<Reordered>(), parts.extensions.get::<EmptyPage>());
        Self::read(&params, reversed.is_some(), empty.is_some())
    }
}

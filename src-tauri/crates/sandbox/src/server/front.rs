//! The outermost layer: request ids, counts, latency, and the faults that are set.

use super::listener::Cut;
use super::sparse;
use crate::base::Refusal;
use crate::state::counts::Entry;
use crate::state::faults::Kind;
use crate::web::{EmptyPage, Front, Reordered, finish};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures::stream;
use http_body_util::BodyExt;
use std::time::Duration;

const LOOPBACK_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

pub async fn front(State(state): State<Front>, mut request: Request, next: Next) -> Response<Body> {
    let id = uuid::Uuid::new_v4().to_string();
    if !is_for_loopback(&request) {
        let refusal = Refusal::new(403, "PERMISSION_DENIED", "The sandbox answers only by its loopback name.");
        return finish(refusal.into_response(), &id);
    }
    let path = request.uri().path().to_owned();
    if path.starts_with("/sandbox/") || path == "/" {
        return finish(next.run(request).await, &id);
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().clone();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let entry = Entry {
        id: &id,
        method: request.method().as_str(),
        path: &path,
        query: &query,
        user_agent: header("user-agent"),
        workspace_id: header("x-databricks-workspace-id"),
    };
    let mut seen = state.common.counts.begin(&entry);
    let latency = state.common.settings.lock().latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let kinds = state.faults.lock().hit(request.method().as_str(), &path, &query);
    let mut after = None;
    for kind in kinds {
        match kind {
            Kind::Slow { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            Kind::EmptyPages => {
                request.extensions_mut().insert(EmptyPage);
            }
            Kind::Reordered => {
                request.extensions_mut().insert(Reordered);
            }
            Kind::Lost | Kind::Half => after = Some(kind),
            other => {
                let response = instead(&other);
                seen.end(response.status().as_u16());
                return finish(response, &id);
            }
        }
    }
    let mut response = next.run(request).await;
    let is_sparse = state.common.settings.lock().behaviour.sparse_answers;
    if is_sparse && sparse::applies_to(&path) {
        response = sparse::sparse(response).await;
    }
    let response = finish(response, &id);
    seen.end(response.status().as_u16());
    match after {
        Some(Kind::Lost) => cut(response),
        Some(_) => half(response).await,
        None => response,
    }
}

/// A page in a browser may send requests here, under a name of its own that leads to loopback. It is not answered.
fn is_for_loopback(request: &Request) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    LOOPBACK_NAMES.contains(&name)
}

fn instead(kind: &Kind) -> Response<Body> {
    match kind {
        Kind::Throttle { retry_after } => {
            let message = "Too many requests: the request rate exceeds the limit of this workspace.";
            Refusal { retry_after: *retry_after, ..Refusal::new(429, "REQUEST_LIMIT_EXCEEDED", message) }
                .into_response()
        }
        Kind::Error { status, code, message, retry_after } => {
            let status = status.unwrap_or(500);
            let usual = match status {
                503 => "TEMPORARILY_UNAVAILABLE",
                504 => "DEADLINE_EXCEEDED",
                400 => "BAD_REQUEST",
                409 => "RESOURCE_CONFLICT",
                _ => "INTERNAL_ERROR",
            };
            let code = code.as_deref().unwrap_or(usual);
            let message = message.clone().unwrap_or_else(|| "The service at this path failed.".to_owned());
            Refusal { retry_after: *retry_after, ..Refusal::new(status, code, message) }.into_response()
        }
        Kind::ExpiredToken => Refusal::token(401, "Token is expired").into_response(),
        Kind::Garbage => {
            let mut response = Response::new(Body::from("<html><body><h1>Be right back</h1><p>\u{0}\u{fffd}"));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            response
        }
        _ => cut(Response::new(Body::empty())),
    }
}

fn cut(mut response: Response<Body>) -> Response<Body> {
    response.extensions_mut().insert(Cut);
    response
}

/// The first half of the answer under the length of the whole, then the end of the connection.
async fn half(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let Ok(whole) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return cut(Response::from_parts(parts, Body::empty()));
    };
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let first = whole.slice(..whole.len() / 2);
    let pieces: [Result<Bytes, std::io::Error>; 2] = [Ok(first), Err(std::io::ErrorKind::ConnectionAborted.into())];
    Response::from_parts(parts, Body::from_stream(stream::iter(pieces)))
}

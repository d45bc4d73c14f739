//! Files coming out, by the API and by presigned address.

use super::place::volume_path;
use crate::base::{Params, Refusal, param};
use crate::web::{Answer, Caller, Files};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::json;
use std::io::SeekFrom;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

const PRESIGNED_MS: i64 = 15 * 60_000;

pub fn no_file() -> Refusal {
    Refusal::not_found("The file being accessed is not found.")
}

pub async fn get(
    State(state): State<Files>,
    caller: Caller,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let at = volume_path(&state, &caller, &path, "READ_VOLUME")?;
    send(&at.local, &headers).await
}

pub async fn presign(
    State(state): State<Files>,
    caller: Caller,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Answer {
    let at = volume_path(&state, &caller, param(&params, "path"), "READ_VOLUME")?;
    if !at.local.is_file() {
        return Err(no_file());
    }
    let token = state.common.ids.uuid();
    state.folder.presign(token.clone(), at.local, state.common.now() + PRESIGNED_MS);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    Ok(Json(json!({"url": format!("http://{host}/storage/{token}"), "headers": []})))
}

/// As an object store answers: no JSON in its errors.
pub async fn presigned(State(state): State<Files>, Path(token): Path<String>, headers: HeaderMap) -> Response<Body> {
    let refused = |status: StatusCode, code: &str| {
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code></Error>");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        response
    };
    if headers.contains_key(header::AUTHORIZATION) {
        // A presigned address with a second credential is refused by the real store as well.
        return refused(StatusCode::BAD_REQUEST, "InvalidArgument");
    }
    let Some(path) = state.folder.presigned(&token, state.common.now()) else {
        return refused(StatusCode::FORBIDDEN, "AccessDenied");
    };
    send(&path, &headers).await.unwrap_or_else(|_| refused(StatusCode::NOT_FOUND, "NoSuchKey"))
}

async fn send(path: &std::path::Path, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let mut file = tokio::fs::File::open(path).await.map_err(|_| no_file())?;
    let metadata = file.metadata().await?;
    if metadata.is_dir() {
        return Err(no_file());
    }
    let length = metadata.len();
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = text.map(|text| range(text, length));
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::LAST_MODIFIED, httpdate::fmt_http_date(metadata.modified()?));
    let (from, count) = match range {
        None => (0, length),
        Some(Some((from, until))) => {
            let payload = format!("bytes {from}-{}/{length}", until - 1);
            response = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, payload);
            (from, until - from)
        }
        Some(None) => return Err(Refusal::new(416, "OUT_OF_RANGE", "The range is not satisfiable.")),
    };
    file.seek(SeekFrom::Start(from)).await?;
    let body = Body::from_stream(ReaderStream::new(file.take(count)));
    response
        .header(header::CONTENT_LENGTH, count)
        .body(body)
        .map_err(|error| Refusal::broken(format!("The answer cannot be built: {error}")))
}

/// `bytes=from-to`, `bytes=from-` or `bytes=-last` as a half-open range.
fn range(text: &str, length: u64) -> Option<(u64, u64)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (from, until) = match (from, to) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), length),
        (from, "") => (from.parse().ok()?, length),
        (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.saturating_add(1).min(length)),
    };
    (from < until).then_some((from, until))
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_stay_within_the_file() {
        assert_eq!(range("bytes=0-3", 10), Some((0, 4)));
        assert_eq!(range("bytes=8-99", 10), Some((8, 10)));
        assert_eq!(range("bytes=4-", 10), Some((4, 10)));
        assert_eq!(range("bytes=-3", 10), Some((7, 10)));
        for bad in ["bytes=10-", "bytes=5-4", "bytes=-0", "bytes=x-", "lines=0-1", "bytes=3"] {
            assert_eq!(range(bad, 10), None, "{bad}");
        }
    }
}

//! The router as a whole; the vendor's own client drives it in tests/test_sandbox*.py.

use super::*;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

fn sandbox() -> SandboxState {
    let config = Config { tables: 10, token: Some(Secret::new("dapi-test")), ..Config::default() };
    SandboxState::new(&config, Folder::open(None).unwrap())
}

async fn ask(
    state: &SandboxState,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:1");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request = request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
    let response = router(state.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    assert!(response.headers().contains_key("x-request-id"), "{method} {path}");
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn nothing_of_the_api_answers_without_a_token() {
    let state = sandbox();
    for (method, path) in [
        ("GET", "/api/2.0/preview/scim/v2/Me"),
        ("GET", "/api/2.1/unity-catalog/catalogs"),
        ("PATCH", "/api/2.1/unity-catalog/permissions/catalog/main"),
        ("POST", "/api/2.2/jobs/runs/submit"),
        ("GET", "/api/2.1/clusters/list"),
        ("PUT", "/api/2.0/fs/files/Volumes/main/default/icebridge/x"),
        ("POST", "/api/2.0/fs/create-download-url"),
        ("POST", "/api/2.0/workspace/import"),
        ("POST", "/api/2.0/secrets/put"),
        ("POST", "/api/2.0/sql/statements"),
        ("POST", "/api/2.0/token/create"),
    ] {
        assert_eq!(ask(&state, method, path, None, None).await.0, StatusCode::UNAUTHORIZED, "{method} {path}");
        let (status, answer) = ask(&state, method, path, Some("dapi-other"), None).await;
        assert_eq!((status, &answer["error_code"]), (StatusCode::FORBIDDEN, &json!(403)), "{method} {path}");
    }
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_answered_as_such() {
    let state = sandbox();
    for (method, path) in [("GET", "/api/2.0/none"), ("DELETE", "/api/2.0/sql/statements"), ("GET", "/sandbox/none")] {
        let (status, answer) = ask(&state, method, path, Some("dapi-test"), None).await;
        assert_eq!((status, &answer["error_code"]), (StatusCode::NOT_FOUND, &json!("ENDPOINT_NOT_FOUND")), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_body_is_refused_without_a_panic() {
    let state = sandbox();
    let wrong = [json!([]), json!("x"), json!(null), json!({"tasks": "x"}), json!({"tasks": [1, null, {}]})];
    for body in wrong {
        for path in ["/api/2.2/jobs/runs/submit", "/api/2.2/jobs/create"] {
            let (status, answer) = ask(&state, "POST", path, Some("dapi-test"), Some(body.clone())).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}: {answer}");
        }
    }
}

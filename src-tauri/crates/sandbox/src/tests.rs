//! The router as a whole; what goes over the wire is tested by the vendor's own client in tests/test_sandbox*.py.

use super::*;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

fn world() -> Shared {
    let config = Config { tables: 10, token: Some(Secret::new("dapi-test")), ..Config::default() };
    let folder = files::Store::open(None).unwrap();
    Arc::new(World::new(config, folder))
}

async fn ask(
    world: &Shared,
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
    let response = router(world.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    assert!(response.headers().contains_key("x-request-id"), "{method} {path}");
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn nothing_of_the_api_answers_without_a_token() {
    let world = world();
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
        assert_eq!(ask(&world, method, path, None, None).await.0, StatusCode::UNAUTHORIZED, "{method} {path}");
        let (status, told) = ask(&world, method, path, Some("dapi-other"), None).await;
        assert_eq!((status, &told["error_code"]), (StatusCode::FORBIDDEN, &json!(403)), "{method} {path}");
    }
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_told_as_such() {
    let world = world();
    for (method, path) in [("GET", "/api/2.0/none"), ("DELETE", "/api/2.0/sql/statements"), ("GET", "/sandbox/none")] {
        let (status, told) = ask(&world, method, path, Some("dapi-test"), None).await;
        assert_eq!((status, &told["error_code"]), (StatusCode::NOT_FOUND, &json!("ENDPOINT_NOT_FOUND")), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_is_refused_not_met_by_a_panic() {
    let world = world();
    let wrong = [json!([]), json!("x"), json!(null), json!({"tasks": "x"}), json!({"tasks": [1, null, {}]})];
    for body in wrong {
        for path in ["/api/2.2/jobs/runs/submit", "/api/2.2/jobs/create"] {
            let (status, told) = ask(&world, "POST", path, Some("dapi-test"), Some(body.clone())).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}: {told}");
        }
    }
}

//! Catalogs and token servers that mean harm, or are broken.

use super::tests::{loaded_table, open, secrets, spec};
use super::{Catalog, Secrets};
use crate::catalog::refuse_secrets;
use icebridge_loopback::{Reply, Server, fuzz, json as ok};
use icebridge_model::{Code, TableIdent};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

fn shown(error: &icebridge_model::Error) -> String {
    format!("{error} {error:?} {}", serde_json::to_string(error).unwrap())
}

#[tokio::test]
async fn a_catalog_that_repeats_its_credentials_puts_them_into_no_error() {
    for status in [400, 401, 403, 404, 409, 500] {
        let server = Server::start(move |request| match request.path.as_str() {
            "/v1/config" => ok(json!({})),
            "/v1/oauth/tokens" => ok(json!({"access_token": "canary-token-of-the-server"})),
            _ => {
                // With what it was sent earlier, to get the token.
                let header = format!("{} canary-secret", request.header("authorization").unwrap_or_default());
                Reply::Json(status, json!({"error": {"message": header, "type": header, "code": status}}))
            }
        })
        .await;
        for given in [secrets(&[("token", "canary-secret")]), secrets(&[("credential", "id:canary-secret")])] {
            let error = open(&spec(&server.uri), &given).await.unwrap().namespaces().await.unwrap_err();
            assert!(!shown(&error).contains("canary") && shown(&error).contains("***"), "{}", shown(&error));
        }
    }
}

#[tokio::test]
async fn a_token_server_that_redirects_gets_the_secret_and_the_next_one_does_not() {
    let elsewhere = Server::start(|_| ok(json!({"access_token": "t"}))).await;
    let target = format!("{}/v1/oauth/tokens", elsewhere.uri);
    let server =
        Server::start(move |_| Reply::With(307, vec![("Location", target.clone())], b"canary-secret".to_vec())).await;
    let error = open(&spec(&server.uri), &secrets(&[("credential", "id:canary-secret")])).await.unwrap_err();
    assert_eq!(error.code, Code::CatalogRefused);
    assert!(error.message.contains("redirects") && !shown(&error).contains("canary"), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_carries_neither_token_nor_headers_to_another_server() {
    let elsewhere = Server::start(|_| ok(json!({}))).await;
    let target = format!("{}/v1/config", elsewhere.uri);
    let server = Server::start(move |_| Reply::With(302, vec![("Location", target.clone())], vec![])).await;
    let mut described = spec(&server.uri);
    described.properties.insert("header.X-Team".into(), "blue".into());
    let error = open(&described, &secrets(&[("token", "canary-token")])).await.unwrap_err();
    assert_eq!(error.code, Code::CatalogRefused);
    assert!(shown(&error).contains(&elsewhere.uri), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_configuration_that_names_another_server_is_refused_unless_the_person_named_it() {
    let elsewhere = Server::start(|_| ok(json!({"namespaces": [["a"]]}))).await;
    for part in ["defaults", "overrides"] {
        let uri = format!("{}/api", elsewhere.uri);
        let server = Server::start(move |_| ok(json!({ part: {"uri": uri} }))).await;
        let given = secrets(&[("token", "canary-token")]);
        let error = open(&spec(&server.uri), &given).await.unwrap_err();
        assert_eq!(error.code, Code::CatalogRefused, "{error}");
        assert!(error.causes[0].contains(&elsewhere.uri) && error.hint.is_some(), "{error}");
        assert!(elsewhere.requests().is_empty());
    }
    let uri = format!("{}/api/v1/", elsewhere.uri);
    let server = Server::start(move |_| ok(json!({"overrides": {"uri": uri}}))).await;
    let mut described = spec(&server.uri);
    described.properties.insert("uri".into(), elsewhere.uri.clone());
    let catalog = open(&described, &Secrets::new()).await.unwrap();
    assert_eq!(catalog.namespaces().await.unwrap(), [["a"]]);
    assert!(elsewhere.count("GET", "/api/v1/namespaces") > 0);
}

#[tokio::test]
async fn a_configuration_may_move_within_the_server() {
    let server = Server::start(|request| match request.path.as_str() {
        "/v1/config" => ok(json!({"overrides": {"uri": format!("http://{}/deep/", request.header("host").unwrap())}})),
        "/deep/v1/namespaces" => ok(json!({"namespaces": []})),
        other => panic!("{other}"),
    })
    .await;
    assert!(open(&spec(&server.uri), &Secrets::new()).await.unwrap().namespaces().await.unwrap().is_empty());
}

#[tokio::test]
async fn answers_and_listings_without_end_are_stopped() {
    let body = Server::start(|request| match request.path.as_str() {
        "/v1/config" => ok(json!({})),
        _ => Reply::Endless(b"{\"namespaces\": [[\"a\"]], ".to_vec()),
    })
    .await;
    let error = open(&spec(&body.uri), &Secrets::new()).await.unwrap().namespaces().await.unwrap_err();
    assert_eq!(error.code, Code::CatalogRefused);
    let pages = AtomicUsize::new(0);
    let listing = Server::start(move |request| match request.path.as_str() {
        "/v1/config" => ok(json!({})),
        _ => ok(json!({"namespaces": [], "next-page-token": pages.fetch_add(1, Ordering::SeqCst).to_string()})),
    })
    .await;
    let error = open(&spec(&listing.uri), &Secrets::new()).await.unwrap().namespaces().await.unwrap_err();
    assert!(error.message.contains("does not end"), "{error}");
}

#[tokio::test]
async fn one_name_that_no_request_can_hold_does_not_hide_the_others() {
    let server = Server::start(|request| match (request.path.as_str(), request.query("parent")) {
        ("/v1/config", _) => ok(json!({})),
        ("/v1/namespaces", "") => ok(json!({"namespaces": [["good"], [""], [".."]]})),
        ("/v1/namespaces", _) => ok(json!({"namespaces": []})),
        ("/v1/namespaces/good/tables", _) => ok(json!({"identifiers": [
            {"namespace": ["good"], "name": "t"}, {"namespace": ["good"], "name": ".."}, {"namespace": ["good"], "name": ""}]})),
        ("/v1/namespaces/good/tables/t", _) => loaded_table(),
        (other, _) => panic!("{other}"),
    })
    .await;
    let catalog = open(&spec(&server.uri), &Secrets::new()).await.unwrap();
    assert_eq!(catalog.namespaces().await.unwrap(), [["good"]]);
    assert_eq!(catalog.tables().await.unwrap(), [TableIdent::new(["good"], "t")]);
    let error = catalog.load(&TableIdent::new(["good"], "..")).await.unwrap_err();
    assert_eq!(error.code, Code::InvalidInput);
}

#[tokio::test]
async fn credentials_in_an_address_are_refused_and_not_repeated() {
    for uri in ["s3://KEY:canary@b/k", "https://canary@host/api", "https://host/api?token=canary"] {
        let error = refuse_secrets(&spec(uri)).unwrap_err();
        assert!(error.code == Code::InvalidInput && !shown(&error).contains("canary"), "{error}");
        let error = open(&spec(uri), &Secrets::new()).await.unwrap_err();
        assert!(error.code == Code::InvalidInput && !shown(&error).contains("canary"), "{error}");
    }
    let mut described = spec("http://127.0.0.1:9");
    described.properties.insert("oauth2-server-uri".into(), "https://id:canary@tokens".into());
    assert!(refuse_secrets(&described).is_err());
    refuse_secrets(&spec("https://host/api")).unwrap();
}

#[test]
fn fuzz_rest_answers() {
    let bodies: [serde_json::Value; 4] = [
        json!({"defaults": {"a": "b"}, "overrides": {}, "endpoints": ["GET /v1/{prefix}/namespaces"]}),
        json!({"namespaces": [["a"], ["b", "c"]], "next-page-token": null}),
        json!({"identifiers": [{"namespace": ["a"], "name": "t"}], "next-page-token": "2"}),
        json!({"metadata-location": "s3://b/t/metadata/v1.metadata.json", "config": {"s3.access-key-id": "k"},
            "storage-credentials": [{"prefix": "s3://b", "config": {"s3.session-token": "t"}}],
            "metadata": {"format-version": 2, "table-uuid": "u", "location": "s3://b/t", "schemas": [{"schema-id": 0, "fields": []}],
                "current-schema-id": 0, "partition-specs": [], "default-spec-id": 0}}),
    ];
    let seeds: Vec<Vec<u8>> = bodies.iter().map(|body| body.to_string().into_bytes()).collect();
    let answer = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let answered = answer.clone();
    let server = runtime.block_on(Server::start(move |request| {
        if request.path == "/v1/config" && !answered.lock().unwrap().starts_with(b"{\"defaults") {
            return Reply::Json(200, json!({}));
        }
        Reply::With(200, vec![("Content-Type", "application/json".into())], answered.lock().unwrap().clone())
    }));
    let described = spec(&server.uri);
    fuzz::inputs("REST answers", &seeds, 100, |input| {
        *answer.lock().unwrap() = input;
        runtime.block_on(async {
            let Ok(catalog) = open(&described, &Secrets::new()).await else { return };
            let _ = catalog.namespaces().await;
            let _ = catalog.load(&TableIdent::new(["a"], "t")).await;
        });
    });
}

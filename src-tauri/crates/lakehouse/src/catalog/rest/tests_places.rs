//! Places for new tables: looked at beforehand, staged, and opened by what is lent for them.

use super::Secrets;
use super::tests::{TABLES, document, ident, open, plain, refused, spec};
use crate::catalog::{Draft, TargetCatalog};
use icebridge_loopback::{Reply, Server, json as ok};
use icebridge_model::Code;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn target(uri: &str) -> CatalogSpec {
    CatalogSpec { role: Role::Target, ..spec(uri) }
}

#[tokio::test]
async fn a_staged_place_on_azure_is_written_with_what_is_lent_and_lent_again() {
    let staged = Arc::new(AtomicUsize::new(0));
    let lent = staged.clone();
    let server = Server::start(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/v1/config") => ok(json!({})),
        ("POST", TABLES) => {
            let signature = lent.fetch_add(1, Ordering::SeqCst) / 2;
            let mut metadata = document("staged", "p");
            let theirs = "abfss://unity@acct.dfs.core.windows.net/root/tables/t";
            metadata["location"] = asked.json().get("location").cloned().unwrap_or(json!(theirs));
            let sas = json!({"adls.sas-token.acct.dfs.core.windows.net": format!("sv=2024-11-04&sig=s{signature}")});
            let credential = json!({"prefix": "abfss://unity@acct.dfs.core.windows.net/root", "config": sas});
            ok(json!({"metadata": metadata, "storage-credentials": [credential]}))
        }
        // What was lent first is over.
        ("PUT", _) if asked.query("sig") == "s0" => refused(403, "AuthenticationFailed"),
        ("PUT", _) => {
            let meta = vec![("ETag", "\"e\"".into()), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT".into())];
            Reply::With(201, meta, Vec::new())
        }
        other => panic!("{other:?}"),
    })
    .await;
    let mut spec = target(&server.uri);
    spec.properties.insert("adls.endpoint".into(), format!("{}/acct", server.uri));
    let catalog = open(&spec, &Secrets::new()).await.unwrap();
    let staged = catalog.stage(&ident(), "0123abcd", Draft::adopted(&document("u", "p"))).await.unwrap();
    assert_eq!(staged.location, "abfss://unity@acct.dfs.core.windows.net/root/tables/t-0123abcd");
    staged.storage.write(&format!("{}/data/f", staged.location), "hello".into()).await.unwrap();
    let put = server.last("PUT", "/acct/unity/root/tables/t-0123abcd/data/f");
    assert_eq!((put.query("sig"), put.body.as_slice()), ("s1", b"hello".as_slice()));
}

#[tokio::test]
async fn what_is_lent_again_for_another_place_is_not_used() {
    let staged = AtomicUsize::new(0);
    let server = Server::start(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/v1/config") => ok(json!({})),
        // As Unity Catalog: a place of its own each time, and none that is chosen by others.
        ("POST", TABLES) if asked.json().get("location").is_some() => refused(400, "BadRequestException"),
        ("POST", TABLES) => {
            let place = staged.fetch_add(1, Ordering::SeqCst);
            let mut metadata = document("staged", "p");
            metadata["location"] = json!(format!("gs://b/root/tables/{place}"));
            ok(json!({"metadata": metadata, "config": {"gcs.oauth2.token": format!("t{place}")}}))
        }
        ("PUT", _) => Reply::With(401, Vec::new(), Vec::new()),
        other => panic!("{other:?}"),
    })
    .await;
    let mut spec = target(&server.uri);
    spec.properties.insert("gcs.service.host".into(), server.uri.clone());
    let catalog = open(&spec, &Secrets::new()).await.unwrap();
    let staged = catalog.stage(&ident(), "0123abcd", Draft::adopted(&document("u", "p"))).await.unwrap();
    assert_eq!(staged.location, "gs://b/root/tables/0");
    let error = staged.storage.write("gs://b/root/tables/0/f", "x".into()).await.unwrap_err();
    assert!(error.code == Code::StorageDenied && error.message.contains("lends nothing further"), "{error}");
    let tokens: Vec<_> = server
        .requests()
        .iter()
        .filter(|asked| asked.method == "PUT")
        .filter_map(|asked| asked.header("authorization").map(str::to_string))
        .collect();
    assert_eq!(tokens, ["Bearer t0"]);
}

#[tokio::test]
async fn where_tables_will_go_is_looked_at_before_one_is_staged() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/v1/config" => ok(json!({"defaults": {"default-base-location": "oss://lake/w"}})),
        "/v1/namespaces/azure" => ok(json!({"properties": {"location": "abfss://c@a.dfs.core.windows.net/x"}})),
        "/v1/namespaces/hadoop" => ok(json!({"properties": {"location": "hdfs://n/x"}})),
        _ => refused(404, "NoSuchNamespaceException"),
    })
    .await;
    let catalog = plain(&server).await;
    let checked = async |namespace: &str| catalog.check_place(&[namespace.to_string()]).await;
    assert!(checked("azure").await.is_ok(), "what opens it is lent when a table is staged");
    for (namespace, place) in [("hadoop", "hdfs://n/x"), ("absent", "oss://lake/w")] {
        let error = checked(namespace).await.unwrap_err();
        assert_eq!((error.code, error.object.as_deref()), (Code::Unsupported, Some(place)));
    }
    // Where only a staged table shows it: what is lent for it must open it.
    let staging = |place: &'static str| {
        Server::start(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
            (_, "/v1/config") => ok(json!({})),
            ("POST", "/v1/namespaces/ns/tables") => {
                assert_eq!(asked.json()["stage-create"], true);
                ok(json!({"metadata": {"location": place}}))
            }
            _ => refused(404, "NoSuchNamespaceException"),
        })
    };
    let unity = async |server: &Server| {
        let spec = CatalogSpec { kind: CatalogKind::Unity, ..target(&server.uri) };
        open(&spec, &Secrets::new()).await.unwrap().check_place(&["ns".to_string()]).await
    };
    assert_eq!(unity(&staging("hdfs://n/x").await).await.unwrap_err().code, Code::Unsupported);
    assert!(unity(&staging("/tmp/nowhere/x").await).await.is_ok());
    // A server need not say it.
    let silent = Server::start(|asked| match asked.path.as_str() {
        "/v1/config" => ok(json!({})),
        _ => refused(404, "NoSuchNamespaceException"),
    })
    .await;
    assert!(plain(&silent).await.check_place(&["ns".to_string()]).await.is_ok());
}

use super::*;
use icebridge_core::secrets::MemorySecrets;
use icebridge_model::Code;
use icebridge_model::ops::{OPERATIONS, op};
use serde_json::json;

async fn api() -> (tempfile::TempDir, Api) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state_dir: folder.path().join("state") };
    let api = Api::open_with(options, Arc::new(MemorySecrets::default())).await.unwrap();
    (folder, api)
}

#[tokio::test]
async fn every_operation_of_the_list_is_known_and_no_other() {
    let (_folder, api) = api().await;
    for name in OPERATIONS {
        let error = api.call(name, json!("not a request")).await.unwrap_err();
        assert_eq!(error.code, Code::InvalidInput, "{name}: {error}");
        assert!(error.message.contains(name), "{name}: {error}");
    }
    let error = api.call("no.such", json!({})).await.unwrap_err();
    assert_eq!(error.object.as_deref(), Some("no.such"));
}

#[tokio::test]
async fn json_goes_in_and_comes_out() {
    let (folder, api) = api().await;
    let about = api.call("app.about", json!({})).await.unwrap();
    assert_eq!(about["state_dir"], folder.path().join("state").display().to_string());
    assert_eq!(about["keychain"]["state"], "ready");
    let spec = json!({"name": "lake", "role": "source", "kind": "files", "uri": folder.path()});
    let saved = api.call("catalog.save", json!({ "spec": spec, "secrets": {} })).await.unwrap();
    assert_eq!(saved["name"], "lake");
    let list = api.catalog_list(Default::default()).await.unwrap();
    assert_eq!(list.len(), 1);
    let error = api.call("catalog.check", json!({"name": "other"})).await.unwrap_err();
    assert_eq!(error.code, Code::CatalogNotFound);
}

#[test]
fn environment_names_follow_the_documented_rule() {
    assert_eq!(environment_name("my-lake", "s3.secret-access-key"), "ICEBRIDGE_SECRET_MY_LAKE_S3_SECRET_ACCESS_KEY");
    assert_eq!(environment_name("lake", "token"), "ICEBRIDGE_SECRET_LAKE_TOKEN");
}

/// The typed list and the dispatcher agree on names, so a host may use either.
#[test]
fn wire_names_are_those_of_the_list() {
    use icebridge_model::ops::Operation;
    assert!(OPERATIONS.contains(&op::run_start::NAME));
    let unique: std::collections::HashSet<_> = OPERATIONS.iter().collect();
    assert_eq!(unique.len(), OPERATIONS.len());
}

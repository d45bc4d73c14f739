use super::*;
use crate::{Operations, Options};
use flate2::read::GzDecoder;
use icebridge_core::secrets::MemorySecrets;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::databricks::{SignInMethod, WorkspaceSpec};
use icebridge_model::ops::{
    InventoryRequest, PlanRequest, PreflightRequest, Route, SampleRequest, SaveCatalog, StartRunRequest,
};
use icebridge_model::plan::Settings;
use icebridge_model::secret::Secret;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

const CANARY: &str = "C4n4ry-s3cr3t-value-0123456789";

async fn api() -> (tempfile::TempDir, Api) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state_dir: folder.path().join("state") };
    let api = Api::open_with(options, Arc::new(MemorySecrets::default())).await.unwrap();
    (folder, api)
}

/// The files of an archive, without the folder that they lie in.
fn unpack(path: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(GzDecoder::new(std::fs::File::open(path).unwrap()));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        files.insert(name.split_once('/').unwrap().1.to_string(), text);
    }
    files
}

/// Puts a credential into every place of a state that is written down: as an older version, or a person by hand, may have.
async fn plant(api: &Api) {
    let store = &api.local.store;
    let mut properties = BTreeMap::new();
    for name in ["s3.secret-access-key", "header.Authorization", "db.password"] {
        properties.insert(name.to_string(), CANARY.to_string());
    }
    properties.insert("url".into(), format!("https://h/p?X-Amz-Signature={CANARY}&token={CANARY}"));
    let spec = CatalogSpec {
        name: "acme_lake".into(),
        role: Role::Source,
        kind: CatalogKind::Rest,
        uri: format!("https://user:{CANARY}@catalog.acme.example:8181/api"),
        warehouse: "s3://acme-bucket/wh".into(),
        properties,
        secrets: vec!["token".into()],
    };
    store.save_catalog(&spec).await.unwrap();
    let workspace = WorkspaceSpec {
        name: "acme_workspace".into(),
        host: "https://acme.cloud.databricks.com".into(),
        account_id: None,
        workspace_id: None,
        sign_in: SignInMethod::Machine { client_id: "acme-client".into() },
        ca_file: None,
        proxy: Some(format!("http://me:{CANARY}@proxy.acme.example:3128")),
        secrets: vec!["client_secret".into()],
    };
    store.save_workspace(&workspace).await.unwrap();

    let folder = icebridge_telemetry::logs_folder(&api.local.state_dir);
    std::fs::create_dir_all(&folder).unwrap();
    let line = |message: String, fields: Value| {
        json!({"at": "2026-01-31T10:00:00.000000Z", "level": "warn", "process": 1, "target": "icebridge_core::run",
            "message": message, "table": "acme_sales.acme_orders", "run": "0199", "fields": fields})
        .to_string()
    };
    let lines = [
        line(
            format!("Authorization: Bearer {CANARY}"),
            json!({"client_secret": CANARY, "target_table": "acme_mart.acme_x"}),
        ),
        line(
            format!("postgresql://me:{CANARY}@db.acme.example/x"),
            json!({"body": format!("{{\"password\":\"{CANARY}\"}}")}),
        ),
        line("granted to ann@acme.example".into(), json!({"token": CANARY, "path": "/srv/acme/wh/x.parquet"})),
        format!("a line cut off, password={CANARY} s3://acme-bucket/wh/y"),
    ];
    std::fs::write(folder.join("icebridge-2026-01-31.1.jsonl"), lines.join("\n")).unwrap();
}

#[tokio::test]
async fn no_credential_planted_anywhere_is_in_the_archive() {
    let (folder, api) = api().await;
    plant(&api).await;
    let path = folder.path().join("out.tar.gz").display().to_string();
    let request = DiagnoseRequest { path: Some(path.clone()), offline: true, ..Default::default() };
    let diagnosis = api.diagnose(request.clone()).await.unwrap();
    let files = unpack(&path);
    for (name, text) in &files {
        assert!(!text.contains(CANARY) && !text.contains("C4n4ry"), "{name}: {text}");
    }
    let listed: Vec<&str> = diagnosis.files.iter().map(|file| file.path.as_str()).collect();
    assert!(listed.iter().all(|name| files.contains_key(*name)) && listed.len() == files.len(), "{listed:?}");
    let log = &files["logs/icebridge-2026-01-31.1.jsonl"];
    assert!(log.contains("acme_sales.acme_orders") && log.lines().count() == 4, "names are in it: {log}");
    assert!(files["catalogs.json"].contains("https://***@catalog.acme.example:8181/api"), "{}", files["catalogs.json"]);
    assert_eq!(files["last-run.json"], "null");
    let about: Value = serde_json::from_str(&files["about.json"]).unwrap();
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    let state: Value = serde_json::from_str(&files["state.json"]).unwrap();
    assert_eq!(state["database"]["rows"]["catalogs"], 1);
    assert!(
        files["README.txt"].contains("The keychain was not copied") && files["README.txt"].contains("catalogs.json")
    );
    assert_eq!(api.diagnose(request).await.unwrap_err().code, Code::InvalidInput, "nothing is written over");
}

#[tokio::test]
async fn without_names_no_name_is_left() {
    let (_folder, api) = api().await;
    plant(&api).await;
    let request = DiagnoseRequest { without_names: true, offline: true, ..Default::default() };
    let diagnosis = api.diagnose(request).await.unwrap();
    let files = unpack(&diagnosis.path);
    for (name, text) in &files {
        assert!(!text.contains(CANARY), "{name}: {text}");
        assert!(!text.to_lowercase().contains("acme"), "{name}: {text}");
        assert!(!text.contains("ann@"), "{name}: {text}");
        assert!(!text.contains(&api.local.state_dir.display().to_string()), "{name}: {text}");
    }
    let log = &files["logs/icebridge-2026-01-31.1.jsonl"];
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["table"], lines[1]["table"], "the same name, the same pseudonym");
    assert!(lines[0]["table"].as_str().unwrap().starts_with("name-"), "{}", lines[0]);
    assert_eq!(lines[0]["run"], "0199", "ids stay");
    let catalogs: Value = serde_json::from_str(&files["catalogs.json"]).unwrap();
    assert_eq!((&catalogs[0]["kind"], &catalogs[0]["role"]), (&json!("rest"), &json!("source")));
    assert!(diagnosis.left_out.iter().any(|sentence| sentence.starts_with("Names")));
}

fn remove_data(folder: &Path) -> usize {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            removed += remove_data(&path);
        } else if path.extension().is_some_and(|ending| ending == "parquet") {
            std::fs::remove_file(path).unwrap();
            removed += 1;
        }
    }
    removed
}

#[tokio::test]
async fn the_last_run_is_in_it_with_its_errors_and_settings() {
    let (folder, api) = api().await;
    let lake = folder.path().join("lake").display().to_string();
    let sample = api.sample_create(SampleRequest { folder: Some(lake.clone()) }).await.unwrap();
    let route = Route { source: sample.source.name, target: sample.target.name };
    let only = vec!["crm.*".into()];
    let request = InventoryRequest { source: route.source.clone(), only, ..InventoryRequest::default() };
    api.inventory_refresh(request).await.unwrap();
    api.preflight_run(PreflightRequest { route: route.clone(), settings: Settings::default() }).await.unwrap();
    let made = api.plan_make(PlanRequest { route, settings: Settings::default(), path: None }).await.unwrap();
    let plan: Value = serde_json::from_str(&std::fs::read_to_string(&made.path).unwrap()).unwrap();
    let planned: Vec<Value> = plan["tables"].as_array().unwrap().iter().map(|table| table["source"].clone()).collect();
    // A table whose data is gone fails.
    assert!(remove_data(&folder.path().join("lake")) > 0);
    let begun = api.run_start(StartRunRequest { plan: made.path }).await.unwrap();
    api.wait(&begun.run_id).await.unwrap();
    let diagnosis = api.diagnose(DiagnoseRequest { offline: true, ..Default::default() }).await.unwrap();
    let files = unpack(&diagnosis.path);
    let run: Value = serde_json::from_str(&files["last-run.json"]).unwrap();
    assert_eq!(run["state"], "incomplete", "{run}");
    assert!(planned.contains(&run["errors"][0]["source"]), "{run}");
    assert!(run["errors"][0]["error"]["code"].is_string());
    let settings: Value = serde_json::from_str(&files["settings.json"]).unwrap();
    assert_eq!(settings["max_parallel_tables"], json!(Settings::default().max_parallel_tables));
}

#[tokio::test]
async fn a_state_that_cannot_be_opened_has_its_log_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let logs = icebridge_telemetry::logs_folder(folder.path());
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("icebridge-2026-01-31.1.jsonl"), "{}\n").unwrap();
    let error = Error::new(Code::StateBroken, "the local state cannot be read");
    let diagnosis = diagnose(folder.path(), Err(&error), &DiagnoseRequest::default()).await.unwrap();
    let files = unpack(&diagnosis.path);
    let state: Value = serde_json::from_str(&files["state.json"]).unwrap();
    assert_eq!(state["error"]["code"], "state-broken");
    assert!(files.contains_key("logs/icebridge-2026-01-31.1.jsonl"));
}

#[tokio::test]
async fn a_catalog_out_of_reach_is_written_down_as_such() {
    let (_folder, api) = api().await;
    let spec = CatalogSpec {
        name: "gone".into(),
        role: Role::Source,
        kind: CatalogKind::Rest,
        uri: "http://127.0.0.1:9/".into(),
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: Vec::new(),
    };
    let secrets = [("token".to_string(), Secret::new(CANARY))].into();
    api.catalog_save(SaveCatalog { spec, secrets }).await.unwrap();
    let diagnosis = api.diagnose(DiagnoseRequest::default()).await.unwrap();
    let files = unpack(&diagnosis.path);
    let catalogs: Value = serde_json::from_str(&files["catalogs.json"]).unwrap();
    assert_eq!(catalogs[0]["check"]["reachable"], false);
    assert!(!files["catalogs.json"].contains(CANARY));
}

//! What earlier runs migrated, looked at anew on real files.

use crate::secrets::MemorySecrets;
use crate::{LocalState, connect, inventory, mapping, migration, plan, preflight, sample};
use icebridge_model::Code;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::check::CheckKind;
use icebridge_model::finding::PreflightReport;
use icebridge_model::mapping::MappingState;
use icebridge_model::ops::{InventoryRequest, PlanRequest, Route, SampleCreated, SaveCatalog};
use icebridge_model::plan::Settings;
use icebridge_model::run::{RunState, TableState};
use icebridge_model::validation::Check;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const NAMES: &[&str] = &["sales.*"];

async fn state(folder: &Path) -> LocalState {
    LocalState::open(folder, Arc::new(MemorySecrets::default())).await.unwrap()
}

fn route(made: &SampleCreated) -> Route {
    Route { source: made.source.name.clone(), target: made.target.name.clone() }
}

async fn take_inventory(local: &LocalState, route: &Route, only: &[&str]) {
    let only = only.iter().map(ToString::to_string).collect();
    let request = InventoryRequest { source: route.source.clone(), only, ..InventoryRequest::default() };
    inventory::refresh(local, &request, &CancellationToken::new()).await.unwrap();
}

async fn look(local: &LocalState, route: &Route) -> PreflightReport {
    preflight::run(local, route, &Settings::default()).await.unwrap()
}

async fn migrate(local: &LocalState, route: &Route) -> (String, usize) {
    let request = PlanRequest { route: route.clone(), settings: Settings::default(), path: None };
    let plan = plan::make(local, &request).await.unwrap().plan;
    let view = migration::start(local, &plan.to_text().unwrap()).await.unwrap().wait().await.unwrap();
    assert_eq!(view.state, RunState::Succeeded, "{view:?}");
    (view.run_id.to_string(), plan.tables.len())
}

/// The newest metadata file of some table below a folder.
fn metadata_of_one(folder: &Path) -> PathBuf {
    let mut folders = vec![folder.to_path_buf()];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        let children = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let (inner, files): (Vec<_>, Vec<_>) = children.partition(|path| path.is_dir());
        folders.extend(inner);
        found.extend(files.into_iter().filter(|path| path.to_string_lossy().ends_with(".metadata.json")));
    }
    found.sort();
    found.pop().unwrap()
}

#[tokio::test]
async fn a_migrated_table_is_neither_blocked_nor_ready() {
    let dir = TempDir::new().unwrap();
    let local = state(&dir.path().join("state")).await;
    let made = sample::create(&local, Some(&dir.path().join("sample"))).await.unwrap();
    let route = route(&made);
    take_inventory(&local, &route, NAMES).await;
    let before = look(&local, &route).await;
    let (run_id, tables) = migrate(&local, &route).await;
    assert_eq!((before.ready, before.migrated), (tables, 0));

    let after = look(&local, &route).await;
    assert_eq!((after.ready, after.blocked, after.migrated), (0, before.blocked, tables), "{after:?}");
    for table in after.tables.iter().filter(|table| table.migrated_by.is_some()) {
        let expected = format!("already migrated by run {run_id}: the source has no new snapshot since");
        assert_eq!(table.mode_reason, expected);
    }
    let preview = mapping::preview(&local, &route, &mapping::get(&local, &route).await.unwrap()).await.unwrap();
    let migrated = preview.rows.iter().filter(|row| row.state == MappingState::Migrated).count();
    assert_eq!(migrated, tables);
    let request = PlanRequest { route: route.clone(), settings: Settings::default(), path: None };
    let refused = plan::make(&local, &request).await.unwrap_err();
    assert_eq!(refused.code, Code::AlreadyMigrated, "{refused:?}");

    // With tables that are not migrated yet, the plan holds those.
    take_inventory(&local, &route, &["crm.*", "sales.*"]).await;
    let wave = look(&local, &route).await;
    assert_eq!(wave.migrated, tables);
    assert!(wave.ready + wave.needs_acceptance > 0, "{wave:?}");
}

#[tokio::test]
async fn a_target_that_was_dropped_or_made_by_others_is_not_taken_for_ours() {
    let dir = TempDir::new().unwrap();
    let (first, second) = (state(&dir.path().join("first")).await, state(&dir.path().join("second")).await);
    let made = sample::create(&first, Some(&dir.path().join("sample"))).await.unwrap();
    for spec in [&made.source, &made.target] {
        let request = SaveCatalog { spec: spec.clone(), secrets: BTreeMap::new() };
        connect::save(&second, request).await.unwrap();
    }
    let route = route(&made);
    take_inventory(&first, &route, NAMES).await;
    take_inventory(&second, &route, NAMES).await;
    let (run_id, tables) = migrate(&first, &route).await;

    // Its metadata is gone: that table is blocked, the others are as they were.
    let metadata = metadata_of_one(Path::new(&made.target.uri));
    let kept = std::fs::read(&metadata).unwrap();
    std::fs::remove_file(&metadata).unwrap();
    let broken = look(&first, &route).await;
    assert_eq!((broken.migrated, broken.ready), (tables - 1, 0), "{broken:?}");
    std::fs::write(&metadata, kept).unwrap();

    std::fs::remove_dir_all(&made.target.uri).unwrap();
    let dropped = look(&first, &route).await;
    assert_eq!((dropped.ready, dropped.migrated), (tables, 0), "{dropped:?}");

    migrate(&second, &route).await;
    let taken = look(&first, &route).await;
    assert_eq!((taken.ready, taken.migrated), (0, 0), "{taken:?}");
    let reasons: Vec<_> =
        taken.tables.iter().flat_map(|table| &table.findings).filter(|f| f.code == "IB-F003").collect();
    assert_eq!(reasons.len(), tables);
    assert!(reasons.iter().all(|f| f.reason.contains(&format!("it is not the table that run {run_id} made"))));
}

#[tokio::test]
async fn another_table_at_the_same_location_is_not_taken_for_ours() {
    let dir = TempDir::new().unwrap();
    let local = state(&dir.path().join("state")).await;
    let made = sample::create(&local, Some(&dir.path().join("sample"))).await.unwrap();
    let route = route(&made);
    take_inventory(&local, &route, NAMES).await;
    let (_, tables) = migrate(&local, &route).await;
    let metadata = metadata_of_one(Path::new(&made.target.uri));
    let mut document: serde_json::Value = serde_json::from_slice(&std::fs::read(&metadata).unwrap()).unwrap();
    document["table-uuid"] = "5f0c6c1e-7d1b-4f6e-9a51-0a3c1f5e2b77".into();
    std::fs::write(&metadata, serde_json::to_vec(&document).unwrap()).unwrap();

    let found = look(&local, &route).await;
    assert_eq!((found.migrated, found.ready, found.blocked), (tables - 1, 0, 1), "{found:?}");
    let view = migration::validate_again(&local, "", None, &CancellationToken::new()).await.unwrap();
    let gone: Vec<_> = view.tables.iter().filter_map(|table| table.error.as_ref()).collect();
    assert_eq!((gone.len(), gone[0].code), (1, Code::TableNotFound), "{gone:?}");
}

#[tokio::test]
async fn a_run_does_not_go_on_in_another_place() {
    let dir = TempDir::new().unwrap();
    let local = state(&dir.path().join("state")).await;
    let made = sample::create(&local, Some(&dir.path().join("sample"))).await.unwrap();
    let route = route(&made);
    take_inventory(&local, &route, NAMES).await;
    let (run_id, tables) = migrate(&local, &route).await;
    let point_to = async |uri: &str| {
        let spec = CatalogSpec { uri: uri.into(), ..made.target.clone() };
        connect::save(&local, SaveCatalog { spec, secrets: BTreeMap::new() }).await.unwrap();
    };
    let elsewhere = dir.path().join("elsewhere").display().to_string();
    point_to(&elsewhere).await;
    let resumed = migration::resume(&local, &run_id).await.unwrap_err();
    assert_eq!((resumed.code, resumed.object), (Code::InvalidInput, Some(made.target.name.clone())));
    let compared = migration::validate_again(&local, &run_id, None, &CancellationToken::new()).await.unwrap_err();
    assert!(compared.message.contains(&elsewhere), "{compared:?}");
    let view = migration::view(&local, &run_id).await.unwrap();
    let migrated = view.tables.iter().filter(|table| table.state == TableState::Migrated).count();
    assert_eq!((view.state, migrated), (RunState::Succeeded, tables), "what it did stays as it was");

    point_to(&made.target.uri).await;
    let resumed = migration::resume(&local, &run_id).await.unwrap().wait().await.unwrap();
    assert_eq!(resumed.state, RunState::Succeeded);
}

#[tokio::test]
async fn what_another_engine_found_counts_in_later_runs_of_the_plan() {
    let dir = TempDir::new().unwrap();
    let local = state(&dir.path().join("state")).await;
    let made = sample::create(&local, Some(&dir.path().join("sample"))).await.unwrap();
    let route = route(&made);
    take_inventory(&local, &route, &["sales.orders"]).await;
    let (run_id, tables) = migrate(&local, &route).await;
    assert_eq!(tables, 1);
    let mut found = local.store.validations(&run_id).await.unwrap().remove(0);
    found.passed = false;
    found.checks.push(Check {
        name: CheckKind::TargetReadBack.into(),
        passed: false,
        source: "5".into(),
        target: "4".into(),
        detail: String::new(),
    });
    local.store.save_validation(&run_id, &found).await.unwrap();

    let plan = local.store.run(&run_id).await.unwrap().plan_text;
    let again = migration::start(&local, &plan).await.unwrap().wait().await.unwrap();
    let error = again.tables[0].error.as_ref().unwrap();
    assert_eq!((again.state, error.code), (RunState::Incomplete, Code::ValidationFailed), "{error:?}");
    let failed = again.tables[0].validation.as_ref().unwrap().checks.iter().filter(|check| !check.passed);
    assert!(failed.map(|check| check.name.kind).eq([CheckKind::TargetReadBack]));

    // A new copy has the same snapshots and digest; nobody else has read it.
    std::fs::remove_dir_all(&made.target.uri).unwrap();
    let anew = migration::start(&local, &plan).await.unwrap().wait().await.unwrap();
    assert_eq!(anew.state, RunState::Succeeded, "{anew:?}");
    let checks = &anew.tables[0].validation.as_ref().unwrap().checks;
    assert!(checks.iter().all(|check| check.name != CheckKind::TargetReadBack), "{checks:?}");
}

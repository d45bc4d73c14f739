//! State folders of earlier builds.

use super::LocalState;
use crate::secrets::MemorySecrets;
use crate::{audit, migration};
use flate2::read::GzDecoder;
use icebridge_model::run::RunState;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Commit 794de2a wrote it: two runs of one plan, fifteen tables, and a step on a cluster (put in by hand).
const STATE_794DE2A: &[u8] = include_bytes!("../../../../../tests/fixtures/state-794de2a.tar.gz");

async fn open(folder: &Path) -> LocalState {
    tar::Archive::new(GzDecoder::new(STATE_794DE2A)).unpack(folder).unwrap();
    LocalState::open(folder, Arc::new(MemorySecrets::default())).await.unwrap()
}

#[tokio::test]
async fn a_state_folder_of_794de2a_keeps_its_runs_its_journal_and_its_proofs() {
    let folder = tempfile::tempdir().unwrap();
    let local = open(folder.path()).await;

    let runs = migration::list(&local).await.unwrap();
    let seen: Vec<_> = runs.iter().map(|run| (run.state, run.tables, run.migrated, run.failed)).collect();
    assert_eq!(seen, vec![(RunState::Succeeded, 15, 15, 0); 2]);
    let view = migration::view(&local, &runs[1].run_id).await.unwrap();
    assert!(view.tables.iter().all(|table| table.validation.as_ref().is_some_and(|found| found.passed)));
    assert_eq!(local.store.verify_journal().await.unwrap(), 157);
    assert_eq!(local.store.entries(&runs[1].run_id).await.unwrap().first().unwrap().kind, "job.started");

    let steps: Vec<Value> = local.store.cluster_steps(&runs[1].plan_hash).await.unwrap();
    assert_eq!(steps[0]["job_run_id"], 4711);
    assert_eq!(steps[0]["run_id"], runs[1].run_id.as_str());
    assert!(steps[0].get("job").is_none());
}

#[tokio::test]
async fn a_run_of_794de2a_is_exported_and_its_bundle_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let local = open(folder.path()).await;
    let bundle = folder.path().join("bundle");
    for run in migration::list(&local).await.unwrap() {
        let exported = audit::export(&local, &run.run_id, Some(&bundle)).await.unwrap();
        assert_eq!((exported.manifest.tables, exported.manifest.migrated), (15, 15));
        let verdict = audit::verify(&bundle, &audit::Expected::default()).await.unwrap();
        assert!(verdict.intact, "{:?}", verdict.checks);
        std::fs::remove_dir_all(&bundle).unwrap();
    }
}

#[tokio::test]
async fn governance_in_the_journal_of_794de2a_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let local = open(folder.path()).await;
    let run_id = migration::list(&local).await.unwrap()[0].run_id.clone();
    let source = migration::view(&local, &run_id).await.unwrap().tables[0].source.to_string();
    let body = json!({"done": ["GRANT SELECT ON TABLE `main`.`s`.`t` TO `team`"]});
    local.store.append(&run_id, &source, "table.after", body).await.unwrap();
    let view = migration::view(&local, &run_id).await.unwrap();
    let governance = view.tables[0].governance.as_ref().unwrap();
    assert_eq!((governance.done.len(), governance.not_done.len()), (1, 0));
    assert!(view.tables[1].governance.is_none());
}

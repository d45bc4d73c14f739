//! The same with the real catalogs, copiers and storage: a paused clone must not take the published tables of another state
//! with it.

use crate::migration::{self, Environment, Lakehouse};
use crate::secrets::MemorySecrets;
use crate::validate::Measure;
use crate::{LocalState, connect, inventory, plan, sample, table};
use async_trait::async_trait;
use icebridge_databricks::Client;
use icebridge_lakehouse::copy::{self, Checkpoint, Copier, CopyTask, Discarded, Prepared};
use icebridge_lakehouse::{Catalog, Table, TargetCatalog};
use icebridge_model::Result;
use icebridge_model::conversion::Conversion;
use icebridge_model::ops::{InventoryRequest, PlanRequest, Route, SaveCatalog, TableRequest};
use icebridge_model::plan::{CopyMode, Plan, Settings};
use icebridge_model::run::{RunState, TableState};
use icebridge_model::validation::Measurement;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Holds a copy after its first finished file.
#[derive(Debug, Default)]
struct Gate {
    passed: AtomicBool,
    paused: Notify,
    released: Notify,
}

struct PausingCheckpoint {
    inner: Arc<dyn Checkpoint>,
    gate: Arc<Gate>,
}

#[async_trait]
impl Checkpoint for PausingCheckpoint {
    async fn done(&self, unit: &str) -> Result<Option<Value>> {
        self.inner.done(unit).await
    }
    async fn record(&self, unit: &str, output: Value) -> Result<()> {
        self.inner.record(unit, output).await?;
        if !self.gate.passed.swap(true, Ordering::SeqCst) {
            self.gate.paused.notify_one();
            self.gate.released.notified().await;
        }
        Ok(())
    }
}

struct PausingCopier {
    inner: Box<dyn Copier>,
    gate: Arc<Gate>,
}

#[async_trait]
impl Copier for PausingCopier {
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared> {
        let checkpoint = PausingCheckpoint { inner: Arc::clone(&task.checkpoint), gate: Arc::clone(&self.gate) };
        let task = CopyTask {
            source: task.source,
            snapshot_id: task.snapshot_id,
            target: task.target,
            target_ident: task.target_ident,
            plan_hash: task.plan_hash,
            place: task.place,
            owner: task.owner,
            settings: task.settings,
            conversions: task.conversions,
            partitioning: task.partitioning,
            make_empty: task.make_empty,
            writers: Arc::clone(&task.writers),
            observer: Arc::clone(&task.observer),
            checkpoint: Arc::new(checkpoint),
            cancel: task.cancel.clone(),
        };
        self.inner.copy(&task).await
    }
    async fn discard(&self, task: &CopyTask<'_>) -> Result<Discarded> {
        self.inner.discard(task).await
    }
}

#[derive(Debug)]
struct PausingEnvironment(Arc<Gate>);

#[async_trait]
impl Environment for PausingEnvironment {
    async fn source(&self, local: &LocalState, name: &str) -> Result<Arc<dyn Catalog>> {
        Lakehouse.source(local, name).await
    }
    async fn target(&self, local: &LocalState, name: &str) -> Result<Arc<dyn TargetCatalog>> {
        Lakehouse.target(local, name).await
    }
    async fn client(&self, _local: &LocalState, _target: &str) -> Result<Option<Client>> {
        Ok(None)
    }
    fn copier(&self, mode: CopyMode) -> Box<dyn Copier> {
        Box::new(PausingCopier { inner: copy::copier(mode), gate: Arc::clone(&self.0) })
    }
}

#[async_trait]
impl Measure for PausingEnvironment {
    async fn measure(
        &self,
        table: &Table,
        snapshot_id: Option<i64>,
        conversions: &[Conversion],
        cancel: &CancellationToken,
        rows: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Measurement> {
        Lakehouse.measure(table, snapshot_id, conversions, cancel, rows).await
    }
}

async fn state(folder: &Path) -> LocalState {
    LocalState::open(folder, Arc::new(MemorySecrets::default())).await.unwrap()
}

async fn digests(local: &LocalState, plan: &Plan) -> Vec<String> {
    let mut digests = Vec::new();
    for planned in &plan.tables {
        let request = TableRequest {
            catalog: plan.target.clone(),
            table: planned.target.clone(),
            snapshot_id: None,
            reference: None,
        };
        let measured = table::measure(local, &request, &CancellationToken::new()).await;
        digests.push(measured.unwrap_or_else(|e| panic!("{}: {e}", planned.target)).digest);
    }
    digests
}

async fn a_paused_run_fails(mode: CopyMode) {
    let dir = TempDir::new().unwrap();
    let (first, second) = (state(&dir.path().join("first")).await, state(&dir.path().join("second")).await);
    let made = sample::create(&first, Some(&dir.path().join("sample"))).await.unwrap();
    for spec in [&made.source, &made.target] {
        let request = SaveCatalog { spec: spec.clone(), secrets: BTreeMap::new() };
        connect::save(&second, request).await.unwrap();
    }
    let request = InventoryRequest { source: made.source.name.clone(), ..InventoryRequest::default() };
    inventory::refresh(&first, &request, &CancellationToken::new()).await.unwrap();
    let route = Route { source: made.source.name.clone(), target: made.target.name.clone() };
    let settings = Settings { mode: Some(mode), max_parallel_tables: 1, ..Settings::default() };
    let plan = plan::make(&first, &PlanRequest { route, settings, path: None }).await.unwrap().plan;
    let text = plan.to_text().unwrap();

    let gate = Arc::new(Gate::default());
    let environment = Arc::new(PausingEnvironment(Arc::clone(&gate)));
    let paused = migration::start::start_on(&second, &text, environment, None).await.unwrap();
    gate.paused.notified().await;
    let view = migration::start(&first, &text).await.unwrap().wait().await.unwrap();
    assert_eq!(view.state, RunState::Succeeded, "{view:?}");
    let before = digests(&first, &plan).await;

    std::fs::remove_dir_all(dir.path().join("sample/lakehouse")).unwrap();
    gate.released.notify_one();
    let lost = paused.wait().await.unwrap();
    assert!(lost.tables.iter().all(|table| table.state == TableState::Failed), "{lost:?}");
    assert_eq!(digests(&first, &plan).await, before);
}

#[tokio::test]
async fn a_paused_clone_that_fails_leaves_the_tables_of_another_state_alone() {
    a_paused_run_fails(CopyMode::Clone).await;
}

#[tokio::test]
async fn a_paused_rewrite_that_fails_leaves_the_tables_of_another_state_alone() {
    a_paused_run_fails(CopyMode::Rewrite).await;
}

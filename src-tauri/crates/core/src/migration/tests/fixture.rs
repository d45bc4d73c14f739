//! A small lakehouse of real files whose every step can be made to fail, to panic, or to be where the process dies.
//!
//! It stands in for catalogs and copiers alone: journal, store, validation and bundle are the real ones.

use crate::LocalState;
use crate::migration::{self, Environment, RunHandle};
use crate::secrets::MemorySecrets;
use crate::validate::Measure;
use async_trait::async_trait;
use icebridge_lakehouse::catalog::{Abilities, Draft, Publication, Staged, Turns};
use icebridge_lakehouse::copy::{Copier, CopyTask, Discarded, PROPERTY_PLAN, PROPERTY_SOURCE_UUID, Prepared};
use icebridge_lakehouse::{Catalog, Storage, Table, TargetCatalog};
use icebridge_metrics::Metrics;
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::conversion::Conversion;
use icebridge_model::ids::PlanHash;
use icebridge_model::plan::{CopyMode, Estimate, PLAN_VERSION, Plan, PlannedTable, Settings};
use icebridge_model::run::{CopyOutcome, FileSum, RunView};
use icebridge_model::validation::{ColumnMeasure, Measurement};
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    Fail(Code),
    Panic,
    /// The process ends here.
    Die,
    /// The person cancels the run here.
    Cancel,
    /// The run waits here until it is let go on.
    Pause,
}

/// Where a fault can strike, in the order in which one table meets them.
pub(crate) const STEPS: &[&str] = &[
    "find-target",
    "load-source",
    "namespace",
    "copy-begin",
    "copy-unit-0",
    "copy-unit-2",
    "copy-end",
    "publish-before",
    "publish-after",
    "measure-source",
    "measure-target",
];

#[derive(Debug)]
pub(crate) struct Lake {
    root: PathBuf,
    storage: Storage,
    sources: Mutex<BTreeMap<TableIdent, String>>,
    targets: Mutex<BTreeMap<TableIdent, String>>,
    faults: Mutex<BTreeMap<String, Fault>>,
    died: Notify,
    paused: Notify,
    released: Notify,
    cancel: Mutex<Option<CancellationToken>>,
    pub publishes: AtomicUsize,
    pub files_copied: AtomicUsize,
}

/// A state and its lake.
pub(crate) struct Fixture {
    pub dir: TempDir,
    pub local: LocalState,
    pub lake: Arc<Lake>,
}

pub(crate) fn ident(text: &str) -> TableIdent {
    TableIdent::parse(text).unwrap()
}

impl Fixture {
    /// Three tables of three files each.
    pub async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mut local = LocalState::open(dir.path().join("state"), Arc::new(MemorySecrets::default())).await.unwrap();
        // Those of the process count for all tests.
        local.metrics = Metrics::default();
        let lake = Arc::new(Lake {
            root: dir.path().to_path_buf(),
            storage: Storage::local().unwrap(),
            sources: Mutex::default(),
            targets: Mutex::default(),
            faults: Mutex::default(),
            died: Notify::new(),
            paused: Notify::new(),
            released: Notify::new(),
            cancel: Mutex::default(),
            publishes: AtomicUsize::new(0),
            files_copied: AtomicUsize::new(0),
        });
        let fixture = Self { dir, local, lake };
        for (role, name) in [(Role::Source, "lake"), (Role::Target, "managed")] {
            fixture.local.store.save_catalog(&spec(name, role)).await.unwrap();
        }
        for name in ["a.one", "a.two", "b.three"] {
            fixture.lake.write_source(&ident(name), 1, name);
        }
        fixture
    }

    /// Another state, on a machine of its own, with the same source and target.
    pub async fn other_state(&self) -> Self {
        let dir = TempDir::new().unwrap();
        let local = LocalState::open(dir.path().join("state"), Arc::new(MemorySecrets::default())).await.unwrap();
        for (role, name) in [(Role::Source, "lake"), (Role::Target, "managed")] {
            local.store.save_catalog(&spec(name, role)).await.unwrap();
        }
        Self { dir, local, lake: Arc::clone(&self.lake) }
    }
    pub async fn paused(&self) {
        self.lake.paused.notified().await;
    }
    pub fn go_on(&self) {
        self.lake.released.notify_one();
    }
    /// The folder in the warehouse that a target's table was published in.
    pub fn folder(&self, target: &str) -> PathBuf {
        let location = self.lake.targets.lock().unwrap()[&ident(target)].clone();
        Path::new(&location).ancestors().nth(2).unwrap().to_path_buf()
    }
    pub fn plan(&self) -> Plan {
        let sources = self.lake.sources.lock().unwrap().clone();
        let tables: Vec<PlannedTable> = sources.iter().map(|(table, location)| planned(table, location)).collect();
        let mut totals = Estimate::default();
        tables.iter().for_each(|t| totals += t.estimate);
        let settings = Settings { max_parallel_tables: 2, max_commits_per_min: 1000, ..Settings::default() };
        let (source, target) = ("lake".into(), "managed".into());
        Plan {
            plan_version: PLAN_VERSION,
            source,
            target,
            settings,
            tables,
            left_out: vec![],
            totals,
            hash: PlanHash::default(),
        }
        .sealed()
        .unwrap()
    }

    pub async fn start(&self, plan: &Plan) -> Result<RunHandle> {
        let handle =
            migration::start::start_on(&self.local, &plan.to_text().unwrap(), self.environment(), None).await?;
        *self.lake.cancel.lock().unwrap() = Some(handle.token());
        Ok(handle)
    }

    pub async fn resume(&self) -> Result<RunHandle> {
        let handle = migration::start::resume_on(&self.local, "", self.environment(), None).await?;
        *self.lake.cancel.lock().unwrap() = Some(handle.token());
        Ok(handle)
    }

    /// To its end.
    pub async fn run(&self, plan: &Plan) -> RunView {
        self.start(plan).await.unwrap().wait().await.unwrap()
    }

    /// To its end, or to the death of the process.
    pub async fn finish(&self, handle: RunHandle) -> Option<RunView> {
        let aborter = handle.aborter();
        let waiting = handle.wait();
        tokio::pin!(waiting);
        tokio::select! {
            done = &mut waiting => Some(done.unwrap()),
            () = self.lake.died.notified() => {
                aborter.abort();
                assert!(waiting.await.is_err());
                None
            }
        }
    }

    pub fn environment(&self) -> Arc<dyn Environment> {
        Arc::new(LakeEnvironment(Arc::clone(&self.lake)))
    }

    pub fn strike(&self, step: &str, table: &str, fault: Fault) {
        self.lake.faults.lock().unwrap().insert(format!("{step}:{table}"), fault);
    }

    /// Faults that were never met.
    pub fn faults_left(&self) -> Vec<String> {
        self.lake.faults.lock().unwrap().keys().cloned().collect()
    }

    /// Everything below the warehouse, by relative path.
    pub fn warehouse(&self) -> BTreeMap<String, Vec<u8>> {
        let root = self.lake.root.join("warehouse");
        let mut found = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                    found.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    pub fn target_tables(&self) -> Vec<String> {
        self.lake.targets.lock().unwrap().keys().map(ToString::to_string).collect()
    }

    /// A table that is not ours.
    pub fn occupy(&self, target: &str) {
        let folder = self.dir.path().join("foreign");
        let location = write_table(&folder, 7, "foreign", &json!({}), "00000000-0000-0000-0000-0000000000ff");
        self.lake.targets.lock().unwrap().insert(ident(target), location);
    }

    pub fn drop_target(&self, target: &str) {
        self.lake.targets.lock().unwrap().remove(&ident(target)).unwrap();
    }
}

fn planned(table: &TableIdent, location: &str) -> PlannedTable {
    let metadata: Value = serde_json::from_slice(&std::fs::read(location).unwrap()).unwrap();
    PlannedTable {
        source: table.clone(),
        target: TableIdent::new(["managed"], table.name.clone()),
        mode: CopyMode::Clone,
        mode_reason: "it keeps the history".into(),
        engine_reason: String::new(),
        cluster: None,
        metadata_location: location.into(),
        table_uuid: metadata["table-uuid"].as_str().unwrap().into(),
        snapshot_id: metadata["current-snapshot-id"].as_i64(),
        format_version: 2,
        estimate: Estimate { bytes: 60, rows: 9, files: 3, seconds: 1 },
        conversions: vec![],
        findings: vec![],
    }
}

fn spec(name: &str, role: Role) -> CatalogSpec {
    CatalogSpec {
        name: name.into(),
        role,
        kind: CatalogKind::Files,
        uri: format!("/{name}"),
        warehouse: String::new(),
        properties: BTreeMap::new(),
        secrets: vec![],
    }
}

fn write_table(folder: &Path, snapshot: i64, text: &str, properties: &Value, uuid: &str) -> String {
    std::fs::create_dir_all(folder.join("data")).unwrap();
    std::fs::create_dir_all(folder.join("metadata")).unwrap();
    for n in 0..3 {
        let rows: String = (0..3).map(|row| format!("{text} {snapshot} {n} {row}\n")).collect();
        std::fs::write(folder.join(format!("data/{n}.txt")), rows).unwrap();
    }
    let metadata = json!({"format-version": 2, "table-uuid": uuid, "location": folder, "last-updated-ms": 0,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": [
            {"id": 1, "name": "line", "required": true, "type": "string", "doc": "the row"}]}],
        "current-schema-id": 0, "properties": properties, "current-snapshot-id": snapshot,
        "snapshots": [{"snapshot-id": snapshot}]});
    let location = folder.join(format!("metadata/v{snapshot}.metadata.json"));
    std::fs::write(&location, metadata.to_string()).unwrap();
    location.to_string_lossy().into_owned()
}

impl Lake {
    pub fn write_source(&self, table: &TableIdent, snapshot: i64, text: &str) {
        let folder = self.root.join("lake").join(table.to_string());
        let uuid = format!("00000000-0000-0000-0000-{:012}", table.to_string().len());
        let location = write_table(&folder, snapshot, text, &json!({}), &uuid);
        self.sources.lock().unwrap().insert(table.clone(), location);
    }

    /// Writes the table's metadata anew, changed.
    pub fn change_source(&self, table: &str, file: &str, change: impl FnOnce(&mut Value)) {
        let mut sources = self.sources.lock().unwrap();
        let location = sources.get_mut(&ident(table)).unwrap();
        let mut metadata: Value = serde_json::from_slice(&std::fs::read(&*location).unwrap()).unwrap();
        change(&mut metadata);
        let changed = Path::new(location.as_str()).with_file_name(file);
        std::fs::write(&changed, metadata.to_string()).unwrap();
        *location = changed.to_string_lossy().into_owned();
    }

    /// The folders in which tables lie or are staged.
    pub fn places(&self) -> Vec<String> {
        let folders = std::fs::read_dir(self.root.join("warehouse")).into_iter().flatten();
        folders.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
    pub fn clear_faults(&self) {
        self.faults.lock().unwrap().clear();
    }
    /// The source goes away with all that is in it.
    pub fn lose_sources(&self) {
        self.sources.lock().unwrap().clear();
        std::fs::remove_dir_all(self.root.join("lake")).unwrap();
    }
    pub fn drop_source(&self, table: &str) {
        self.sources.lock().unwrap().remove(&ident(table)).unwrap();
    }

    async fn meet(&self, step: &str, table: &TableIdent) -> Result<()> {
        let met = self.faults.lock().unwrap().remove(&format!("{step}:{table}"));
        match met {
            None => Ok(()),
            Some(Fault::Fail(code)) => Err(Error::new(code, format!("{step} was made to fail"))),
            Some(Fault::Panic) => panic!("{step} was made to panic"),
            Some(Fault::Die) => {
                self.died.notify_one();
                std::future::pending().await
            }
            Some(Fault::Pause) => {
                self.paused.notify_one();
                self.released.notified().await;
                Ok(())
            }
            Some(Fault::Cancel) => {
                if let Some(token) = &*self.cancel.lock().unwrap() {
                    token.cancel();
                }
                Ok(())
            }
        }
    }

    fn place(&self, target: &TableIdent, token: &str) -> PathBuf {
        self.root.join("warehouse").join(format!("{target}-{token}"))
    }
}

#[derive(Debug)]
struct LakeEnvironment(Arc<Lake>);

#[async_trait]
impl Environment for LakeEnvironment {
    async fn source(&self, _local: &LocalState, name: &str) -> Result<Arc<dyn Catalog>> {
        Ok(Arc::new(Source { lake: Arc::clone(&self.0), spec: spec(name, Role::Source) }))
    }
    async fn target(&self, _local: &LocalState, name: &str) -> Result<Arc<dyn TargetCatalog>> {
        Ok(Arc::new(Target { lake: Arc::clone(&self.0), spec: spec(name, Role::Target) }))
    }
    async fn client(&self, _local: &LocalState, _target: &str) -> Result<Option<icebridge_databricks::Client>> {
        Ok(None)
    }
    fn copier(&self, _mode: CopyMode) -> Box<dyn Copier> {
        Box::new(FileCopier(Arc::clone(&self.0)))
    }
}

#[async_trait]
impl Measure for LakeEnvironment {
    async fn measure(
        &self,
        table: &Table,
        snapshot_id: Option<i64>,
        _conversions: &[Conversion],
        _cancel: &CancellationToken,
        rows: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Measurement> {
        let side = if table.ident.namespace == ["managed"] { "measure-target" } else { "measure-source" };
        self.0.meet(side, &table.ident).await?;
        let folder = Path::new(&table.metadata.location).join("data");
        let mut lines = Vec::new();
        for n in 0..3 {
            let text = std::fs::read_to_string(folder.join(format!("{n}.txt")))
                .map_err(|e| Error::new(Code::FileMissing, "a data file is missing").with_cause(e))?;
            lines.extend(text.lines().map(ToString::to_string));
        }
        lines.sort();
        rows(lines.len() as u64);
        let column = ColumnMeasure {
            name: "line".into(),
            column_type: "string".into(),
            least: lines.first().cloned(),
            greatest: lines.last().cloned(),
            ..ColumnMeasure::default()
        };
        let digest = hex::encode(Sha256::digest(lines.join("\n")));
        Ok(Measurement {
            snapshot_id,
            rows: lines.len() as u64,
            digest,
            columns: vec![column],
            ..Measurement::default()
        })
    }
}

#[derive(Debug)]
struct Source {
    lake: Arc<Lake>,
    spec: CatalogSpec,
}

async fn load(lake: &Lake, tables: &Mutex<BTreeMap<TableIdent, String>>, table: &TableIdent) -> Result<Table> {
    let location = tables.lock().unwrap().get(table).cloned();
    let location = location.ok_or_else(|| Error::new(Code::TableNotFound, "no such table").about(table))?;
    Table::open(table.clone(), location, lake.storage.clone()).await
}

#[async_trait]
impl Catalog for Source {
    fn spec(&self) -> &CatalogSpec {
        &self.spec
    }
    async fn namespaces(&self) -> Result<Vec<Vec<String>>> {
        Ok(vec![])
    }
    async fn tables(&self) -> Result<Vec<TableIdent>> {
        Ok(self.lake.sources.lock().unwrap().keys().cloned().collect())
    }
    async fn load(&self, table: &TableIdent) -> Result<Table> {
        self.lake.meet("load-source", table).await?;
        load(&self.lake, &self.lake.sources, table).await
    }
}

#[derive(Debug)]
struct Target {
    lake: Arc<Lake>,
    spec: CatalogSpec,
}

#[async_trait]
impl Catalog for Target {
    fn spec(&self) -> &CatalogSpec {
        &self.spec
    }
    async fn namespaces(&self) -> Result<Vec<Vec<String>>> {
        Ok(vec![])
    }
    async fn tables(&self) -> Result<Vec<TableIdent>> {
        Ok(self.lake.targets.lock().unwrap().keys().cloned().collect())
    }
    async fn load(&self, table: &TableIdent) -> Result<Table> {
        self.lake.meet("find-target", table).await?;
        load(&self.lake, &self.lake.targets, table).await
    }
}

#[async_trait]
impl TargetCatalog for Target {
    fn abilities(&self) -> Abilities {
        Abilities { register: true }
    }
    async fn ensure_namespace(&self, namespace: &[String]) -> Result<()> {
        self.lake.meet("namespace", &TableIdent::new(namespace.to_vec(), "*")).await
    }
    async fn stage(&self, table: &TableIdent, token: &str, _draft: Draft<'_>) -> Result<Staged> {
        let location = self.lake.place(table, token).to_string_lossy().into_owned();
        Ok(Staged { location, storage: self.lake.storage.clone(), empty: None })
    }
    async fn publish(&self, table: &TableIdent, publication: &Publication, turns: &mut dyn Turns) -> Result<Table> {
        self.lake.meet("publish-before", table).await?;
        turns.next().await;
        let Publication::Register { metadata_location } = publication else { panic!("the test registers") };
        let there = self.lake.targets.lock().unwrap().get(table).cloned();
        if let Some(there) = there {
            assert_ne!(there, *metadata_location, "{table} was published twice");
            // As the real catalogs do: a table of the same plan counts as the one that was to be published.
            let wanted = Table::open(table.clone(), metadata_location.clone(), self.lake.storage.clone()).await?;
            let there = load(&self.lake, &self.lake.targets, table).await?;
            let plan = |table: &Table| table.metadata.properties.get(PROPERTY_PLAN).cloned();
            return match plan(&there).is_some() && plan(&there) == plan(&wanted) {
                true => Ok(there),
                false => Err(Error::new(Code::TableExists, "another table has the name").about(table)),
            };
        }
        self.lake.targets.lock().unwrap().insert(table.clone(), metadata_location.clone());
        self.lake.publishes.fetch_add(1, Ordering::SeqCst);
        self.lake.meet("publish-after", table).await?;
        load(&self.lake, &self.lake.targets, table).await
    }
}

struct FileCopier(Arc<Lake>);

#[async_trait]
impl Copier for FileCopier {
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared> {
        let lake = &self.0;
        lake.meet("copy-begin", task.target_ident).await?;
        let staged = task.target.stage(task.target_ident, task.place, Draft::adopted(&Value::Null)).await?;
        let (from, to) = (PathBuf::from(&task.source.metadata.location), PathBuf::from(&staged.location));
        std::fs::create_dir_all(to.join("data")).unwrap();
        std::fs::create_dir_all(to.join("metadata")).unwrap();
        let mut checksums = Vec::new();
        for n in 0..3 {
            let path = format!("data/{n}.txt");
            if task.checkpoint.done(&path).await?.is_none() {
                lake.meet(&format!("copy-unit-{n}"), task.target_ident).await?;
                if task.cancel.is_cancelled() {
                    return Err(Error::new(Code::Cancelled, "cancelled"));
                }
                std::fs::copy(from.join(&path), to.join(&path)).unwrap();
                lake.files_copied.fetch_add(1, Ordering::SeqCst);
                task.checkpoint.record(&path, json!({})).await?;
            }
            let bytes = std::fs::read(to.join(&path)).unwrap();
            task.observer.bytes(bytes.len() as u64);
            checksums.push(FileSum { path, bytes: bytes.len() as u64, sha256: hex::encode(Sha256::digest(&bytes)) });
        }
        let mut metadata = task.source.metadata.raw.clone();
        metadata["location"] = json!(to);
        metadata["properties"] =
            json!({ PROPERTY_PLAN: task.plan_hash, PROPERTY_SOURCE_UUID: task.source.metadata.uuid });
        let location = to.join("metadata/v1.metadata.json").to_string_lossy().into_owned();
        std::fs::write(&location, metadata.to_string()).unwrap();
        lake.meet("copy-end", task.target_ident).await?;
        let outcome = CopyOutcome {
            files_copied: 3,
            bytes_written: checksums.iter().map(|s| s.bytes).sum(),
            checksums,
            target_metadata_location: location.clone(),
            target_location: staged.location,
            ..CopyOutcome::default()
        };
        Ok(Prepared { publication: Publication::Register { metadata_location: location }, outcome })
    }

    async fn discard(&self, task: &CopyTask<'_>) -> Result<Discarded> {
        self.0.meet("discard", task.target_ident).await?;
        let place = self.0.place(task.target_ident, task.place);
        if self.0.targets.lock().unwrap().values().any(|l| Path::new(l).starts_with(&place)) {
            return Ok(Discarded::Published);
        }
        match std::fs::remove_dir_all(place) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => panic!("{e}"),
            _ => Ok(Discarded::Removed),
        }
    }
}

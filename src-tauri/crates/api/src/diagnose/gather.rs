//! What goes into the archive, and the names in it. A part that cannot be read is there with its error.

use super::about::about;
use crate::Api;
use icebridge_core::{connect, migration};
use icebridge_model::catalog::{CatalogCheck, CatalogSpec};
use icebridge_model::databricks::WorkspaceSpec;
use icebridge_model::logs::DiagnoseRequest;
use icebridge_model::plan::{Plan, Settings};
use icebridge_model::run::RunView;
use icebridge_model::{Code, Error, Result};
use icebridge_telemetry::names::{Kind, Names};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A catalog that takes longer is written down as out of reach.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Errors of tables that are written down; how many there are is, too.
const MOST_ERRORS: usize = 200;

pub struct Part {
    pub path: &'static str,
    pub about: &'static str,
    pub content: Value,
}

pub struct Report {
    pub parts: Vec<Part>,
    pub names: Names,
}

impl Report {
    fn add(&mut self, path: &'static str, about: &'static str, content: Result<Value>) {
        let content = content.unwrap_or_else(|error| json!({ "error": error }));
        self.parts.push(Part { path, about, content });
    }
}

pub async fn gather(state_dir: &Path, state: Result<&Api, &Error>, request: &DiagnoseRequest) -> Report {
    let mut report = Report { parts: Vec::new(), names: Names::default() };
    report.add("about.json", "version, platform, names of environment variables", Ok(about()));
    names_of_this_machine(state_dir, &mut report.names);
    let api = match state {
        Ok(api) => api,
        Err(error) => {
            report.add("state.json", "why the state cannot be opened", Err(error.clone()));
            return report;
        }
    };
    report.add("state.json", "schema version, rows of each table, keychain", overview(api).await);
    catalogs(api, request, &mut report).await;
    workspaces(api, &mut report).await;
    last_run(api, &mut report).await;
    for table in api.local.store.known_tables().await.unwrap_or_default() {
        report.names.add_table(&table);
    }
    report
}

/// Paths of this machine stand in errors, and a person's name in them.
fn names_of_this_machine(state_dir: &Path, names: &mut Names) {
    names.add(Kind::Path, &state_dir.display().to_string());
    let variable = |name: &str| std::env::var(name).ok().filter(|value| value.len() > 1);
    ["HOME", "USERPROFILE"].into_iter().filter_map(variable).for_each(|home| names.add(Kind::Path, &home));
    ["USER", "USERNAME", "LOGNAME"].into_iter().filter_map(variable).for_each(|user| names.add(Kind::User, &user));
    ["HOSTNAME", "COMPUTERNAME"].into_iter().filter_map(variable).for_each(|host| names.add(Kind::Host, &host));
}

async fn overview(api: &Api) -> Result<Value> {
    let overview = to_value(&api.local.store.overview().await?)?;
    Ok(json!({ "database": overview, "keychain": api.keychain_state().await }))
}

#[derive(Serialize)]
struct Catalog {
    #[serde(flatten)]
    spec: CatalogSpec,
    /// None: it was not asked.
    check: Option<CatalogCheck>,
}

async fn catalogs(api: &Api, request: &DiagnoseRequest, report: &mut Report) {
    let specs = match api.local.store.catalogs().await {
        Ok(specs) => specs,
        Err(error) => return report.add("catalogs.json", "saved catalogs", Err(error)),
    };
    specs.iter().for_each(|spec| names_of_catalog(spec, &mut report.names));
    let mut catalogs = Vec::new();
    for spec in specs {
        let check = match request.offline {
            true => None,
            false => Some(check(api, &spec.name).await),
        };
        catalogs.push(Catalog { spec, check });
    }
    report.add("catalogs.json", "saved catalogs: kind, address, properties, what they can do", to_value(&catalogs));
}

async fn check(api: &Api, name: &str) -> CatalogCheck {
    let out_of_reach = |error: Error| CatalogCheck {
        name: name.to_string(),
        reachable: false,
        namespaces: 0,
        tables: 0,
        abilities: Vec::new(),
        error: Some(error),
    };
    match tokio::time::timeout(CHECK_TIMEOUT, connect::check(&api.local, name)).await {
        Ok(Ok(check)) => check,
        Ok(Err(error)) => out_of_reach(error),
        Err(_) => out_of_reach(
            Error::new(Code::CatalogUnreachable, format!("no answer within {} seconds", CHECK_TIMEOUT.as_secs()))
                .about(name),
        ),
    }
}

fn names_of_catalog(spec: &CatalogSpec, names: &mut Names) {
    names.add(Kind::Name, &spec.name);
    names.add(Kind::Name, &spec.warehouse);
    names_of_address(&spec.uri, names);
    // `s3://bucket/…` or a folder may stand as the warehouse, too.
    names_of_address(&spec.warehouse, names);
}

/// A host without its port, a folder, or a plain name.
fn names_of_address(address: &str, names: &mut Names) {
    match address.split_once("://") {
        Some((_, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            names.add(Kind::Host, host);
            // `abfss://container@account.…`
            if let Some((container, _)) = authority.split_once('@') {
                names.add(Kind::Name, container);
            }
            if let Some((name, _)) = host.rsplit_once(':') {
                names.add(Kind::Host, name);
            }
        }
        None if address.contains(['/', '\\']) => {
            names.add(Kind::Path, address);
            names.add(Kind::Path, address.strip_prefix("sqlite:").unwrap_or(address));
        }
        None => names.add(Kind::Name, address),
    }
}

async fn workspaces(api: &Api, report: &mut Report) {
    let specs: Result<Vec<WorkspaceSpec>> = api.local.store.workspaces().await;
    for spec in specs.iter().flatten() {
        report.names.add(Kind::Name, &spec.name);
        names_of_address(&spec.host, &mut report.names);
        for id in [spec.account_id.as_deref(), spec.workspace_id.as_deref()].into_iter().flatten() {
            report.names.add(Kind::Name, id);
        }
        for address in [&spec.ca_file, &spec.proxy].into_iter().flatten() {
            names_of_address(address, &mut report.names);
        }
    }
    let content = specs.and_then(|specs| to_value(&specs));
    report.add("workspaces.json", "saved Databricks workspaces: host, kind of sign-in", content);
}

#[derive(Serialize)]
struct LastRun<'a> {
    run: &'a str,
    plan_hash: &'a str,
    source: &'a str,
    target: &'a str,
    state: &'a str,
    started_at: &'a str,
    ended_at: Option<&'a str>,
    tables: usize,
    tables_by_state: BTreeMap<&'static str, usize>,
    errors: Vec<Value>,
    errors_left_out: usize,
}

async fn last_run(api: &Api, report: &mut Report) {
    let (path, about) = ("last-run.json", "the last run: how it ended, and the errors of its tables");
    let view = match migration::view(&api.local, "").await {
        Ok(view) => view,
        Err(error) if error.code == Code::RunNotFound => return report.add(path, about, Ok(Value::Null)),
        Err(error) => return report.add(path, about, Err(error)),
    };
    for table in &view.tables {
        report.names.add_table(&table.source);
        report.names.add_table(&table.target);
    }
    report.add(path, about, summary(&view));
    let settings = settings(api, &mut report.names).await;
    report.add("settings.json", "the settings of the last run's plan", settings);
}

fn summary(view: &RunView) -> Result<Value> {
    let mut tables_by_state = BTreeMap::new();
    for table in &view.tables {
        *tables_by_state.entry(table.state.as_str()).or_insert(0) += 1;
    }
    let failed = view.tables.iter().filter(|table| table.error.is_some());
    let errors: Vec<Value> = failed
        .clone()
        .take(MOST_ERRORS)
        .map(|table| {
            json!({
                "source": table.source, "target": table.target, "state": table.state, "mode": table.mode, "engine": table.engine,
                "error": table.error,
            })
        })
        .collect();
    to_value(&LastRun {
        run: &view.run_id,
        plan_hash: &view.plan_hash,
        source: &view.source,
        target: &view.target,
        state: view.state.as_str(),
        started_at: &view.started_at,
        ended_at: view.ended_at.as_deref(),
        tables: view.tables.len(),
        tables_by_state,
        errors_left_out: failed.count() - errors.len(),
        errors,
    })
}

async fn settings(api: &Api, names: &mut Names) -> Result<Value> {
    match api.local.store.latest_run().await? {
        Some(record) => to_value(&without_people(Plan::from_text(&record.plan_text)?.settings, names)),
        None => Ok(Value::Null),
    }
}

/// Who approves and which change it is no defect needs; how many must approve it may.
fn without_people(mut settings: Settings, names: &mut Names) -> Settings {
    for (at, approver) in settings.approval.iter_mut().flat_map(|asked| &mut asked.approvers).enumerate() {
        names.add(Kind::User, &approver.name);
        (approver.name, approver.public_key) = (format!("approver {}", at + 1), String::new());
    }
    settings.change.clear();
    settings
}

fn to_value(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal("a part of the diagnosis to JSON").with_cause(e))
}

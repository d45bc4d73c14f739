//! What the person can make happen: each asks the backend and puts the answer, or the error, into the session.
//!
//! Work goes on when its page is left: it belongs to the session and not to a component.

pub mod logs;
pub mod workspaces;

use crate::backend::{self, call};
use crate::state::{Action, Page, Session, Work};
use icebridge_model::catalog::{CatalogSpec, Role};
use icebridge_model::mapping::Mapping;
use icebridge_model::ops::{
    AcceptRequest, AuditRequest, InventoryRequest, MappingRequest, Named, Nothing, PathRequest, PlanRequest,
    PreflightRequest, Route, RunRequest, SampleRequest, SaveCatalog, SheetRequest, StartRunRequest, op,
};
use icebridge_model::run::RunId;
use icebridge_model::secret::Secret;
use icebridge_model::view::{Scope, ViewPage, ViewRequest};
use icebridge_model::{Code, Result, TableIdent};
use std::collections::BTreeMap;
use std::future::Future;
use wasm_bindgen_futures::spawn_local;
use yew::UseReducerHandle;

/// Reads the newest state whenever it is looked at, so an action may hold one across an await.
pub type Handle = UseReducerHandle<Session>;

/// Runs one piece of work unless it is under way already; its error becomes a notice.
fn begin(session: &Handle, work: Work, future: impl Future<Output = Result<()>> + 'static) {
    if session.is_busy(&work) {
        return;
    }
    session.dispatch(Action::Begin(work.clone()));
    let session = session.clone();
    spawn_local(async move {
        session.dispatch(match future.await {
            Ok(()) => Action::End(work),
            Err(error) => Action::Fail(work, error),
        });
    });
}

/// Opens the state and restores what the last session left.
pub fn open(session: &Handle) {
    let handle = session.clone();
    begin(session, Work::Open, async move {
        // A window without its preferences is still a window.
        match backend::read_preferences().await {
            Ok(prefs) => handle.dispatch(Action::Prefs(Box::new(prefs))),
            Err(error) => web_sys::console::warn_1(&error.to_string().into()),
        }
        let about = match call::<op::about>(Nothing {}).await {
            Ok(about) => about,
            Err(error) => {
                handle.dispatch(Action::OpenFailed(error));
                return Ok(());
            }
        };
        let catalogs = call::<op::catalog_list>(Nothing {}).await;
        handle.dispatch(Action::Opened(about));
        handle.dispatch(Action::Catalogs(catalogs?));
        if backend::launch().await?.sample {
            sample(&handle);
        }
        read_latest_run(&handle);
        read_plan(&handle);
        Ok(())
    });
}

/// Loads what a page shows when it is not there yet.
pub fn arrive(session: &Handle, page: Page) {
    let ready = session.has_route() && session.has_inventory();
    if !session.route().source.is_empty() && session.inventory.is_none() {
        read_inventory(session);
    }
    if ready && session.mapping.is_none() {
        read_mapping(session);
    }
    match page {
        // With settings that are not complete it would only say so.
        Page::Preflight
            if ready
                && session.settings_problem().is_none()
                && session.preflight.as_ref().is_none_or(|report| report.stale) =>
        {
            preflight(session);
        }
        Page::History => read_runs(session),
        Page::Workspaces => workspaces::read(session),
        _ => {}
    }
}

pub fn sample(session: &Handle) {
    let handle = session.clone();
    begin(session, Work::Sample, async move {
        let sample = call::<op::sample_create>(SampleRequest::default()).await?;
        handle.dispatch(Action::Catalogs(call::<op::catalog_list>(Nothing {}).await?));
        check(&handle, sample.source.name.clone());
        check(&handle, sample.target.name.clone());
        handle.dispatch(Action::Sampled(sample));
        Ok(())
    });
}

pub fn save_catalog(
    session: &Handle,
    spec: CatalogSpec,
    secrets: BTreeMap<String, Secret>,
    done: impl FnOnce() + 'static,
) {
    let handle = session.clone();
    begin(session, Work::SaveCatalog, async move {
        let saved = call::<op::catalog_save>(SaveCatalog { spec, secrets }).await?;
        done();
        handle.dispatch(Action::Catalogs(call::<op::catalog_list>(Nothing {}).await?));
        handle.dispatch(Action::Choose(saved.role, saved.name.clone()));
        check(&handle, saved.name);
        Ok(())
    });
}

pub fn remove_catalog(session: &Handle, name: String) {
    let handle = session.clone();
    begin(session, Work::RemoveCatalog(name.clone()), async move {
        call::<op::catalog_remove>(Named { name }).await?;
        handle.dispatch(Action::Catalogs(call::<op::catalog_list>(Nothing {}).await?));
        Ok(())
    });
}

pub fn check(session: &Handle, name: String) {
    let handle = session.clone();
    begin(session, Work::Check(name.clone()), async move {
        handle.dispatch(Action::Checked(call::<op::catalog_check>(Named { name }).await?));
        Ok(())
    });
}

pub fn choose(session: &Handle, role: Role, name: String) {
    session.dispatch(Action::Choose(role, name));
}

pub fn read_inventory(session: &Handle) {
    let handle = session.clone();
    let route = session.route().clone();
    begin(session, Work::ReadInventory, async move {
        let all = inventory_in_numbers(&route).await?;
        handle.dispatch(Action::Inventory(route, all));
        Ok(())
    });
}

/// Counts and sums, whatever the number of tables.
async fn inventory_in_numbers(route: &Route) -> Result<ViewPage> {
    let scope = Scope::Inventory { source: route.source.clone() };
    let facets = vec!["state".into(), "has_deletes".into()];
    call::<op::tables_view>(ViewRequest { sums: true, facets, ..ViewRequest::of(scope) }).await
}

pub fn refresh_inventory(session: &Handle) {
    let handle = session.clone();
    let route = session.route().clone();
    begin(session, Work::Inventory, async move {
        let request = InventoryRequest { source: route.source.clone(), only: Vec::new() };
        let refreshed = call::<op::inventory_refresh>(request).await;
        // What was read before somebody stopped it, or before it failed, is kept.
        let all = inventory_in_numbers(&route).await?;
        handle.dispatch(Action::Inventory(route, all));
        handle.dispatch(Action::InventoryChanged { whole: refreshed.is_ok() });
        match refreshed {
            Err(error) if error.code != Code::Cancelled => Err(error),
            _ => Ok(()),
        }
    });
}

pub fn stop_inventory(session: &Handle) {
    let handle = session.clone();
    spawn_local(async move {
        if let Err(error) = backend::abandon::<op::inventory_refresh>().await {
            handle.dispatch(Action::Fail(Work::Inventory, error));
        }
    });
}

pub fn read_mapping(session: &Handle) {
    let handle = session.clone();
    let route = session.route().clone();
    begin(session, Work::ReadMapping, async move {
        let mapping = call::<op::mapping_get>(route.clone()).await?;
        let counts = mapping_counts(&route, mapping.clone()).await?;
        handle.dispatch(Action::MappingRead(route, mapping, counts));
        Ok(())
    });
}

/// How many tables are in which state.
async fn mapping_counts(route: &Route, mapping: Mapping) -> Result<ViewPage> {
    let scope = Scope::Mapping { route: route.clone(), mapping: Some(mapping) };
    call::<op::tables_view>(ViewRequest { facets: vec!["state".into()], ..ViewRequest::of(scope) }).await
}

/// Counts the states of the draft. The page calls it when the person pauses.
pub fn count_mapping(session: &Handle, generation: u64) {
    let Some(draft) = &session.mapping else { return };
    if draft.error.is_some() || draft.generation != generation {
        return;
    }
    let (route, mapping) = (session.route().clone(), (*draft.draft).clone());
    let handle = session.clone();
    // Not through `begin`: a newer draft must be asked about while an older answer is still on its way.
    spawn_local(async move {
        match mapping_counts(&route, mapping).await {
            Ok(counts) => handle.dispatch(Action::MappingCounts(generation, counts)),
            Err(error) => handle.dispatch(Action::Fail(Work::Preview, error)),
        }
    });
}

pub fn save_mapping(session: &Handle, mapping: Mapping) {
    let handle = session.clone();
    let route = session.route().clone();
    begin(session, Work::SaveMapping, async move {
        let request = MappingRequest { route, mapping: mapping.clone() };
        call::<op::mapping_save>(request).await?;
        handle.dispatch(Action::MappingSaved(mapping));
        Ok(())
    });
}

/// The draft as a sheet.
pub fn write_sheet(session: &Handle, mapping: Mapping, done: impl FnOnce(String) + 'static) {
    let route = session.route().clone();
    begin(session, Work::TransferMapping, async move {
        done(call::<op::mapping_sheet>(MappingRequest { route, mapping }).await?.text);
        Ok(())
    });
}

/// The draft with what a sheet changes in it; nothing is saved.
pub fn read_sheet(session: &Handle, mapping: Mapping, csv: String, done: impl FnOnce(Mapping) + 'static) {
    let route = session.route().clone();
    begin(session, Work::TransferMapping, async move {
        done(call::<op::mapping_with_sheet>(SheetRequest { route, mapping, csv }).await?);
        Ok(())
    });
}

pub fn preflight(session: &Handle) {
    let handle = session.clone();
    let route = session.route().clone();
    let settings = session.settings();
    let basis = session.basis;
    begin(session, Work::Preflight, async move {
        let report = call::<op::preflight_run>(PreflightRequest { route: route.clone(), settings }).await?;
        handle.dispatch(Action::Preflight(route, basis, report));
        Ok(())
    });
}

/// No tables means all of them.
pub fn accept(session: &Handle, codes: Vec<String>, tables: Vec<TableIdent>, accepted: bool) {
    let handle = session.clone();
    let route = session.route().clone();
    let settings = session.settings();
    let basis = session.basis;
    begin(session, Work::Accept, async move {
        let request = AcceptRequest { route: route.clone(), settings, codes, tables, accepted };
        let report = call::<op::preflight_accept>(request).await?;
        handle.dispatch(Action::Preflight(route, basis, report));
        Ok(())
    });
}

pub fn make_plan(session: &Handle) {
    let handle = session.clone();
    let route = session.route().clone();
    let settings = session.settings();
    let basis = session.basis;
    begin(session, Work::Plan, async move {
        let made = call::<op::plan_make>(PlanRequest { route, settings, path: None }).await?;
        handle.dispatch(Action::Plan(basis, made));
        Ok(())
    });
}

/// The plan made last, if its file is still there and whole.
fn read_plan(session: &Handle) {
    let path = session.prefs.plan_path.clone();
    if path.is_empty() {
        return;
    }
    let handle = session.clone();
    let basis = session.basis;
    spawn_local(async move {
        // A plan that is gone is simply made again; nobody asked for it now, so no error.
        if let Ok(saved) = call::<op::plan_outline>(PathRequest { path }).await {
            handle.dispatch(Action::Plan(basis, saved));
        }
    });
}

/// What the clusters of a plan will cost. The card that shows it asks, and shows the error.
pub fn estimate_cost(session: &Handle, plan: String, path: String) {
    let handle = session.clone();
    begin(session, Work::Cost, async move {
        handle.dispatch(Action::Cost(plan, call::<op::plan_cost>(PathRequest { path }).await?));
        Ok(())
    });
}

pub fn ask_bill(session: &Handle, run: RunId) {
    let handle = session.clone();
    begin(session, Work::Bill, async move {
        handle.dispatch(Action::Bill(run.clone(), call::<op::run_bill>(RunRequest { run_id: run }).await?));
        Ok(())
    });
}

pub fn start_run(session: &Handle, plan: String) {
    let handle = session.clone();
    session.dispatch(Action::Go(Page::Run));
    begin(session, Work::Run, async move {
        handle.dispatch(Action::Run(call::<op::run_start>(StartRunRequest { plan }).await?));
        Ok(())
    });
}

pub fn resume_run(session: &Handle, run: RunId) {
    let handle = session.clone();
    begin(session, Work::Run, async move {
        handle.dispatch(Action::Run(call::<op::run_resume>(RunRequest { run_id: run }).await?));
        Ok(())
    });
}

pub fn cancel_run(session: &Handle, run: RunId) {
    let handle = session.clone();
    begin(session, Work::Cancel, async move {
        handle.dispatch(Action::Run(call::<op::run_cancel>(RunRequest { run_id: run }).await?));
        Ok(())
    });
}

pub fn read_run(session: &Handle, run: RunId) {
    let handle = session.clone();
    begin(session, Work::ReadRun, async move {
        handle.dispatch(Action::Run(call::<op::run_overview>(RunRequest { run_id: run }).await?));
        Ok(())
    });
}

/// Opens an older run and shows it.
pub fn show_run(session: &Handle, run: RunId) {
    read_run(session, run);
    session.dispatch(Action::Go(Page::Run));
}

fn read_latest_run(session: &Handle) {
    let handle = session.clone();
    begin(session, Work::ReadRun, async move {
        let runs = call::<op::run_list>(Nothing {}).await?;
        let latest = runs.iter().max_by(|a, b| a.started_at.cmp(&b.started_at)).map(|run| run.run_id.clone());
        handle.dispatch(Action::Runs(runs));
        if let Some(run) = latest {
            handle.dispatch(Action::Run(call::<op::run_overview>(RunRequest { run_id: run }).await?));
        }
        Ok(())
    });
}

pub fn read_runs(session: &Handle) {
    let handle = session.clone();
    begin(session, Work::History, async move {
        handle.dispatch(Action::Runs(call::<op::run_list>(Nothing {}).await?));
        Ok(())
    });
}

pub fn validate(session: &Handle, run: RunId) {
    let handle = session.clone();
    begin(session, Work::Validate, async move {
        handle.dispatch(Action::Run(call::<op::validate_run>(RunRequest { run_id: run }).await?));
        Ok(())
    });
}

pub fn export_bundle(session: &Handle, run: RunId, folder: String) {
    let handle = session.clone();
    begin(session, Work::Export, async move {
        let path = Some(folder).filter(|folder| !folder.is_empty());
        let bundle = call::<op::audit_export>(AuditRequest { run_id: run.clone(), path }).await?;
        handle.dispatch(Action::Bundle(run, bundle));
        Ok(())
    });
}

pub fn verify_bundle(session: &Handle, path: String) {
    let handle = session.clone();
    begin(session, Work::Verify, async move {
        handle.dispatch(Action::Verdict(call::<op::audit_verify>(PathRequest { path }).await?));
        Ok(())
    });
}

pub fn open_link(session: &Handle, url: String) {
    let page = session.prefs.page;
    begin(session, Work::Link(page), async move { backend::open_link(&url).await });
}

pub fn open_folder(session: &Handle, path: String) {
    let page = session.prefs.page;
    begin(session, Work::Link(page), async move { backend::open_folder(&path).await });
}

/// A page of ours on this machine, such as the Data Docs of a validation.
pub fn open_document(session: &Handle, path: String) {
    let page = session.prefs.page;
    begin(session, Work::Link(page), async move { backend::open_document(&path).await });
}

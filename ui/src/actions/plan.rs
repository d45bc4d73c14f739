//! Pre-flight, plan and cost.

use super::work::{Handle, ask};
use crate::backend::call;
use crate::state::{Action, Work};
use icebridge_model::TableIdent;
use icebridge_model::ids::PlanHash;
use icebridge_model::ops::{AcceptRequest, PathRequest, PlanRequest, PreflightRequest, op};
use wasm_bindgen_futures::spawn_local;

pub fn preflight(session: &Handle) {
    let route = session.route().clone();
    let settings = session.settings();
    let basis = session.basis;
    let request = PreflightRequest { route: route.clone(), settings };
    ask::<op::preflight_run>(session, Work::Preflight, request, move |report| Action::Preflight(route, basis, report));
}

/// No tables means all of them.
pub fn accept(session: &Handle, codes: Vec<String>, tables: Vec<TableIdent>, accepted: bool) {
    let route = session.route().clone();
    let settings = session.settings();
    let basis = session.basis;
    let request = AcceptRequest { route: route.clone(), settings, codes, tables, accepted };
    ask::<op::preflight_accept>(session, Work::Accept, request, move |report| Action::Preflight(route, basis, report));
}

pub fn make_plan(session: &Handle) {
    let route = session.route().clone();
    let settings = session.settings();
    let basis = session.basis;
    let request = PlanRequest { route, settings, path: None };
    ask::<op::plan_make>(session, Work::Plan, request, move |made| Action::Plan(basis, made));
}

/// The plan made last, if its file is still there and whole.
pub fn read_plan(session: &Handle) {
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
pub fn estimate_cost(session: &Handle, plan: PlanHash, path: String) {
    ask::<op::plan_cost>(session, Work::Cost, PathRequest { path }, move |cost| Action::Cost(plan, cost));
}

//! Step 6: the run, live.

mod after;
mod bill;
mod cluster;
mod detail;
mod failures;
mod overview;
mod shared;
mod tables;

use crate::actions;
use crate::components::start_panel::StartPanel;
use crate::components::{Button, Empty, Icon, Loading, PageHead};
use crate::hooks::use_session;
use crate::pages::go;
use crate::state::{Page, ShownRun, Work};
use bill::BillLine;
use failures::Failures;
use icebridge_model::ids::RunId;
use icebridge_model::run::{RunState, TableState};
use overview::Overview;
use shared::SharedRun;
use tables::Tables;
use yew::prelude::*;

#[component]
pub fn Run() -> Html {
    let session = use_session();
    let starting = session.is_busy(&Work::Run);
    let plan_hash = session.plan.as_ref().map(|plan| plan.value.plan.hash.clone());
    // The plan in hand is another one than the run in sight: it may be started from here as well.
    let other_plan = plan_hash
        .is_some_and(|hash| session.run.as_ref().is_none_or(|run| run.view.plan_hash != hash && !run.is_running()));
    let body = match &session.run {
        Some(run) => shown(run, other_plan && !starting),
        None if starting => html! { <Loading text="Starting the run…" /> },
        None if session.plan.is_some() => html! { <StartPanel /> },
        None => html! {
            <Empty icon={Icon::Play} title="No run yet" text="A run carries out exactly one plan.">
                <Button testid="run-plan" kind="primary" label="Go to Plan" onclick={go(&session, Page::Plan)} />
            </Empty>
        },
    };
    html! { <><PageHead page={Page::Run}><Actions /></PageHead>{ body }</> }
}

fn shown(run: &ShownRun, may_start: bool) -> Html {
    let run_id = &run.view.run_id;
    let shared = SharedRun(run.view.clone());
    html! {
        <>
            <Overview run={shared.clone()} />
            if run.view.counters.on_clusters > 0 && !run.is_running() { <BillLine run_id={run_id.clone()} /> }
            if run.view.counters.of(TableState::Failed) > 0 {
                <Failures key={format!("failures-{run_id}")} run={shared.clone()} version={run.version} />
            }
            <Tables key={run_id.to_string()} run={shared} version={run.version} />
            if may_start { <StartPanel /> }
        </>
    }
}

#[component]
fn Actions() -> Html {
    let session = use_session();
    let Some(run) = session.run.clone() else { return html! {} };
    let with_run = |action: fn(&actions::Handle, RunId)| {
        let (session, run_id) = (session.clone(), run.view.run_id.clone());
        Callback::from(move |()| action(&session, run_id.clone()))
    };
    if run.is_running() {
        return html! {
            <Button testid="run-cancel" kind="danger" icon={Icon::Stop} label="Cancel"
                busy={session.is_busy(&Work::Cancel)} onclick={with_run(actions::cancel_run)}
                title="Stops after the step at hand; what is migrated stays, and the run can be resumed" />
        };
    }
    let words = match run.view.state {
        RunState::Incomplete => "Try the failed tables again",
        _ => "Resume",
    };
    let next = if run.is_resumable() { "" } else { "primary" };
    html! {
        <>
            if run.is_resumable() {
                <Button testid="run-resume" kind="primary" icon={Icon::Play} label={words}
                    busy={session.is_busy(&Work::Run)} onclick={with_run(actions::resume_run)} />
            }
            if run.view.counters.of(TableState::Migrated) > 0 {
                <Button testid="run-next" kind={next} icon={Icon::Right} label="Continue to validation"
                    onclick={go(&session, Page::Validate)} />
            }
        </>
    }
}

//! The last look before anything is written: what goes where, how much, and the button.

use crate::actions;
use crate::components::{Button, Icon, chip};
use crate::hooks::use_session;
use crate::state::Work;
use crate::view::format;
use icebridge_model::plan::{EngineKind, PlanOutline};
use yew::prelude::*;

#[component]
pub fn StartPanel() -> Html {
    let session = use_session();
    let Some(made) = session.plan.clone() else { return html! {} };
    let plan = &made.value.plan;
    let running = session.is_busy(&Work::Run) || session.run.as_ref().is_some_and(|run| run.is_running());
    let run_before = session.run.as_ref().is_some_and(|run| run.view.plan_hash == plan.hash && !run.is_running());
    let start = {
        let (session, path) = (session.clone(), made.value.path.clone());
        Callback::from(move |()| actions::start_run(&session, path.clone()))
    };
    let why_not = if made.stale {
        "Something this plan rests on has changed: make it again first."
    } else if plan.tables == 0 {
        "The plan holds no table."
    } else if running {
        "A run is under way."
    } else {
        ""
    };
    html! {
        <section class="panel start" aria-label="Start the run" data-testid="start-panel">
            <div class="start-route">
                <div><span class="stat-label">{ "From, read only" }</span><strong>{ &plan.source }</strong></div>
                { Icon::Right.draw() }
                <div><span class="stat-label">{ "Into" }</span><strong>{ &plan.target }</strong></div>
            </div>
            <div class="start-facts">
                { facts(plan) }
                if run_before && why_not.is_empty() {
                    <p class="quiet-text">
                        { "This plan was run before; running it again changes nothing that is already migrated." }
                    </p>
                }
                if !why_not.is_empty() { <p class="quiet-text" data-testid="start-refusal">{ why_not }</p> }
            </div>
            <Button testid="run-start" kind="primary large" icon={Icon::Play} label="Start the run"
                disabled={!why_not.is_empty() && !running} busy={running} onclick={start} />
        </section>
    }
}

/// How much goes, and how.
fn facts(plan: &PlanOutline) -> Html {
    html! {
        <>
            <p data-testid="start-summary">
                <strong>{ format::tables(plan.tables) }</strong>{ ", " }
                <strong>{ format::bytes(plan.totals.bytes) }</strong>
                { format!(
                    " in {}, {}; about {}.",
                    format::counted(plan.totals.files, "file", "files"),
                    format::counted(plan.totals.rows, "row", "rows"),
                    format::seconds(plan.totals.seconds),
                ) }
            </p>
            <p class="line">
                { for plan.modes.iter().map(|(mode, count)| html! {
                    <span class="line">{ chip::of::mode(*mode) }{ format::tables(*count) }</span>
                }) }
                if plan.on_clusters > 0 {
                    <span class="line">
                        { chip::of::engine(EngineKind::Photon, "") }
                        { format::tables(plan.on_clusters) }
                    </span>
                }
                if plan.left_out > 0 {
                    <span class="quiet-text">{ format!("{} left out", format::tables(plan.left_out)) }</span>
                }
            </p>
        </>
    }
}

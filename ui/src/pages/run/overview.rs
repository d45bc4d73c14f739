//! The run as a whole: how far, how fast, how long still.

use super::RunProps;
use crate::components::{Meter, Stat, chip};
use crate::hooks::use_session;
use crate::view::phase::AtWork;
use crate::view::{clusters, format};
use icebridge_model::run::RunState;
use yew::prelude::*;

#[component]
pub fn Overview(props: &RunProps) -> Html {
    let session = use_session();
    let run = &props.run.0;
    let Some(shown) = session.run.clone() else { return html! {} };
    let totals = shown.totals();
    let live = shown.progress.as_ref().filter(|_| shown.is_running());
    // Registered tables move no bytes, so a run without bytes is measured in tables.
    let (done, total) = match (live, totals.bytes_total) {
        (_, 0) => (totals.ended as u64, totals.tables as u64),
        (_, bytes) if clusters::has_clusters(run) => (totals.bytes_reached, bytes),
        (Some(progress), _) => (progress.bytes_done, progress.bytes_total),
        (None, bytes) => (totals.bytes_done, bytes),
    };
    let (done, total) = match run.state {
        _ if run.migrated == totals.tables => (1, 1),
        // All bytes may be there long before the last commit and comparison: the bar is full when nothing is left to do.
        RunState::Running if total > 0 && done >= total => (99, 100),
        _ => (done, total),
    };
    let at_work = AtWork::of(&run.tables);
    let plan = session.plan.as_ref().map(|plan| &plan.value.plan).filter(|plan| plan.hash == run.plan_hash);
    let waiting = at_work.waiting(plan.map(|plan| plan.settings.max_commits_per_min));
    let tone = match run.state {
        RunState::Succeeded => "good",
        RunState::Incomplete => "bad",
        RunState::Cancelled | RunState::Interrupted => "warn",
        RunState::Running => "",
    };
    // Only a rewrite looks at rows while it copies.
    let rows = match totals.rows_done {
        0 => format::count(totals.rows_total),
        done => format!("{} of {}", format::count(done), format::count(totals.rows_total)),
    };
    html! {
        <section class="panel overview" aria-label="Progress" data-testid="run-overview">
            <div class="overview-head">
                <span data-testid="run-state">{ chip::of::run(run.state) }</span>
                <strong>{ format!("{} → {}", run.source, run.target) }</strong>
                <span class="quiet-text">{ match &run.ended_at {
                    Some(ended) => format::span(&run.started_at, ended),
                    None => format!("since {}", format::moment(&run.started_at)),
                } }</span>
                <span class="grow" />
                <code class="quiet-text" title={format!("plan {}", run.plan_hash)} data-testid="run-id">{ &run.run_id }</code>
            </div>
            <div class="overview-bar">
                <Meter label="Run" {done} {total} {tone} testid="run-progress" />
                <strong data-testid="run-progress-share">{ format!("{} %", format::per_cent(done, total)) }</strong>
            </div>
            <div class="stats inline">
                <Stat label="migrated" value={format!("{} of {}", format::count(run.migrated as u64), format::count(totals.tables as u64))}
                    tone={if run.migrated > 0 { "good" } else { "" }} testid="run-migrated" />
                <Stat label="failed" value={format::count(run.failed as u64)} tone={if run.failed > 0 { "bad" } else { "" }} testid="run-failed" />
                if totals.cancelled > 0 { <Stat label="cancelled" value={format::count(totals.cancelled as u64)} tone="warn" /> }
                <Stat label="moved" value={format!("{} of {}", format::bytes(totals.bytes_done), format::bytes(totals.bytes_total))} />
                <Stat label="rows" value={rows} />
                if let Some(progress) = live {
                    <Stat label="rate" value={if at_work.moves_bytes() { format!("{}/s", format::bytes(progress.bytes_per_second)) } else { "—".into() }} testid="run-rate" />
                    <Stat label="left" value={progress.seconds_left.filter(|_| at_work.moves_bytes()).map_or_else(|| "—".into(), format::seconds)} testid="run-left" />
                }
            </div>
            if shown.is_running() {
                <p class="line" data-testid="run-phase" role="status">
                    <span>{ format!("Now: {}.", at_work.counts()) }</span>
                    if let Some(waiting) = waiting { <span class="quiet-text">{ waiting }</span> }
                </p>
            }
        </section>
    }
}

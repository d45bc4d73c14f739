//! The run as a whole: how far, how fast, how long still.

use super::JobProps;
use crate::components::{Meter, Stat, chip};
use crate::hooks::use_session;
use crate::view::format;
use icebridge_model::run::JobState;
use yew::prelude::*;

#[component]
pub fn Overview(props: &JobProps) -> Html {
    let session = use_session();
    let job = &props.job.0;
    let Some(run) = session.run.clone() else { return html! {} };
    let totals = run.totals();
    let live = run.progress.as_ref().filter(|_| run.is_running());
    // Registered tables move no bytes, so a run without bytes is measured in tables.
    let (done, total) = match (live, totals.bytes_total) {
        (_, 0) => (totals.ended as u64, totals.tables as u64),
        (Some(progress), _) => (progress.bytes_done, progress.bytes_total),
        (None, bytes) => (totals.bytes_done, bytes),
    };
    let (done, total) = if job.migrated == totals.tables { (1, 1) } else { (done, total) };
    let tone = match job.state {
        JobState::Succeeded => "good",
        JobState::Incomplete => "bad",
        JobState::Cancelled | JobState::Interrupted => "warn",
        JobState::Running => "",
    };
    // Only a rewrite looks at rows while it copies.
    let rows = match totals.rows_done {
        0 => format::count(totals.rows_total),
        done => format!("{} of {}", format::count(done), format::count(totals.rows_total)),
    };
    html! {
        <section class="panel overview" aria-label="Progress" data-testid="run-overview">
            <div class="overview-head">
                <span data-testid="run-state">{ chip::of::job(job.state) }</span>
                <strong>{ format!("{} → {}", job.source, job.target) }</strong>
                <span class="quiet-text">{ format!("started {}", format::moment(&job.started_at)) }</span>
                if let Some(ended) = &job.ended_at { <span class="quiet-text">{ format!("ended {}", format::moment(ended)) }</span> }
                <span class="grow" />
                <code class="quiet-text" title={format!("plan {}", job.plan_hash)} data-testid="run-job">{ &job.job }</code>
            </div>
            <div class="overview-bar">
                <Meter label="Run" {done} {total} {tone} testid="run-progress" />
                <strong>{ format!("{} %", format::per_cent(done, total)) }</strong>
            </div>
            <div class="stats inline">
                <Stat label="migrated" value={format!("{} of {}", format::count(job.migrated as u64), format::count(totals.tables as u64))}
                    tone={if job.migrated > 0 { "good" } else { "" }} testid="run-migrated" />
                <Stat label="failed" value={format::count(job.failed as u64)} tone={if job.failed > 0 { "bad" } else { "" }} testid="run-failed" />
                if totals.cancelled > 0 { <Stat label="cancelled" value={format::count(totals.cancelled as u64)} tone="warn" /> }
                <Stat label="moved" value={format!("{} of {}", format::bytes(totals.bytes_done), format::bytes(totals.bytes_total))} />
                <Stat label="rows" value={rows} />
                if let Some(progress) = live {
                    <Stat label="rate" value={format!("{}/s", format::bytes(progress.bytes_per_second))} testid="run-rate" />
                    <Stat label="left" value={progress.seconds_left.map_or_else(|| "—".into(), format::seconds)} testid="run-left" />
                }
            </div>
        </section>
    }
}

//! The run as a whole: how far, how fast, how long still.

use super::shared::RunProps;
use crate::components::{Chip, Icon, Meter, Stat, Tone, chip};
use crate::hooks::use_session;
use crate::state::Work;
use crate::state::run::Rate;
use crate::view::format;
use crate::view::phase::AtWork;
use icebridge_model::run::{ParallelTables, RunCounters, RunOverview, RunState, TableState};
use yew::prelude::*;

#[component]
pub fn Overview(props: &RunProps) -> Html {
    let session = use_session();
    let run = &props.run.0;
    let Some(shown) = session.run.clone() else { return html! {} };
    let (done, total) = run.counters.progress();
    let at_work = AtWork::of(&run.counters);
    let plan = session.plan.as_ref().map(|plan| &plan.value.plan).filter(|plan| plan.hash == run.plan_hash);
    let waiting = at_work.waiting(plan.map(|plan| plan.settings.max_commits_per_min));
    let tone = match run.state {
        RunState::Succeeded => "good",
        RunState::Incomplete => "bad",
        RunState::Cancelled | RunState::Interrupted => "warn",
        RunState::Running => "",
    };
    html! {
        <section class="panel overview" aria-label="Progress" data-testid="run-overview">
            { head(run, session.is_busy(&Work::Cancel)) }
            <div class="overview-bar">
                <Meter label="Run" {done} {total} {tone} testid="run-progress" />
                <strong data-testid="run-progress-share">{ format!("{} %", format::per_cent(done, total)) }</strong>
            </div>
            <div class="stats inline">
                { counts(&run.counters) }
                if let Some(rate) = shown.rate.filter(|_| shown.is_running()) { { speed(rate, at_work) } }
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

fn head(run: &RunOverview, cancelling: bool) -> Html {
    let state = if cancelling && run.state == RunState::Running {
        html! { <Chip tone={Tone::Warn} icon={Icon::Stop} spinning=true word="cancelling" /> }
    } else {
        chip::of::run(run.state)
    };
    let when = match &run.ended_at {
        Some(ended) => format::span(&run.started_at, ended),
        None => format!("since {}", format::moment(&run.started_at)),
    };
    html! {
        <div class="overview-head">
            <span data-testid="run-state">{ state }</span>
            <strong>{ format!("{} → {}", run.source, run.target) }</strong>
            <span class="quiet-text">{ when }</span>
            <span class="grow" />
            <code class="quiet-text" title={format!("plan {}", run.plan_hash)} data-testid="run-id">
                { run.run_id.as_str() }
            </code>
        </div>
    }
}

fn counts(counters: &RunCounters) -> Html {
    let of = |state| counters.of(state) as u64;
    let (migrated, failed, cancelled) = (of(TableState::Migrated), of(TableState::Failed), of(TableState::Cancelled));
    let migrated_of = format!("{} of {}", format::count(migrated), format::count(counters.tables() as u64));
    // Only a rewrite looks at rows while it copies.
    let rows = match counters.rows_copied {
        0 => format::count(counters.rows),
        copied => format!("{} of {}", format::count(copied), format::count(counters.rows)),
    };
    let copied = format!("{} of {}", format::bytes(counters.bytes_done), format::bytes(counters.bytes_to_copy));
    html! {
        <>
            <Stat label="migrated" value={migrated_of} tone={if migrated > 0 { "good" } else { "" }}
                testid="run-migrated" />
            <Stat label="failed" value={format::count(failed)} tone={if failed > 0 { "bad" } else { "" }}
                testid="run-failed" />
            if cancelled > 0 { <Stat label="cancelled" value={format::count(cancelled)} tone="warn" /> }
            <Stat label="copied" value={copied} />
            <Stat label="rows" value={rows} />
        </>
    }
}

fn speed(rate: Rate, at_work: AtWork) -> Html {
    let dash = || "—".to_string();
    let speed = match at_work.moves_bytes() {
        true => format!("{}/s", format::bytes(rate.bytes_per_second)),
        false => dash(),
    };
    let left = rate.seconds_left.filter(|_| at_work.moves_bytes()).map_or_else(dash, format::seconds);
    html! {
        <>
            <Stat label="rate" value={speed} testid="run-rate" />
            <Stat label="left" value={left} testid="run-left" />
            if let Some(parallel) = rate.parallel { { in_parallel(parallel) } }
        </>
    }
}

/// While the number is looked for, it is tried.
fn in_parallel(parallel: ParallelTables) -> Html {
    let ParallelTables { tables, most, found } = parallel;
    let (value, title) = match found {
        false => (format!("{tables}, trying"), format!("More are tried, up to {most}, as long as they are faster.")),
        true if tables < most => (tables.to_string(), "More were no faster.".to_string()),
        true => (tables.to_string(), "The most that the plan allows.".to_string()),
    };
    html! { <span {title}><Stat label="in parallel" {value} testid="run-parallel" /></span> }
}

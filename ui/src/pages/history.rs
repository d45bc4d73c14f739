//! Every run of this state folder.

use crate::actions::{self, Handle};
use crate::components::{Button, Column, Empty, Grid, Icon, Loading, PageHead, chip};
use crate::hooks::use_session;
use crate::pages::{act, go};
use crate::state::{Page, Work};
use crate::view::format;
use icebridge_model::run::RunSummary;
use std::rc::Rc;
use yew::prelude::*;

fn columns() -> Vec<Column> {
    vec![
        Column::new("started", "Started", 176),
        Column::new("state", "State", 130),
        Column::new("route", "From and to", 150).growing(2),
        Column::new("tables", "Tables", 70).numeric(),
        Column::new("migrated", "Migrated", 84).numeric(),
        Column::new("failed", "Failed", 70).numeric(),
        Column::new("plan", "Plan", 116).yielding(1),
        Column::new("run_id", "Run", 110).growing(1).yielding(2),
        Column::new("open", "", 84),
    ]
}

#[component]
pub fn History() -> Html {
    let session = use_session();
    let body = match &session.runs {
        None if session.is_busy(&Work::History) => html! { <Loading text="Reading the runs…" /> },
        None => html! {
            <Empty icon={Icon::History} title="The runs could not be read"
                text="The error above says why; what they did is safe in the journal.">
                <Button testid="history-reload" kind="primary" icon={Icon::Refresh} label="Read them again"
                    onclick={act(&session, actions::read_runs)} />
            </Empty>
        },
        Some(runs) if runs.is_empty() => html! {
            <Empty icon={Icon::History} title="No run yet"
                text="Each run is kept here with its plan, its result and its evidence.">
                <Button testid="history-plan" kind="primary" label="Go to Plan" onclick={go(&session, Page::Plan)} />
            </Empty>
        },
        Some(runs) => listed(&session, runs),
    };
    html! {
        <>
            <PageHead page={Page::History}>
                <Button testid="history-refresh" icon={Icon::Refresh} label="Refresh"
                    busy={session.is_busy(&Work::History)} onclick={act(&session, actions::read_runs)} />
            </PageHead>
            { body }
        </>
    }
}

/// The newest first.
fn listed(session: &Handle, runs: &[RunSummary]) -> Html {
    let mut runs = runs.to_vec();
    runs.sort_by(|a, b| b.started_at.cmp(&a.started_at));
    let runs = Rc::new(runs);
    let current = session.run.as_ref().map(|run| run.view.run_id.clone());
    let selected = current.and_then(|id| runs.iter().position(|run| run.run_id == id));
    let name = {
        let runs = runs.clone();
        Callback::from(move |row: usize| runs[row].run_id.to_string())
    };
    let count = runs.len();
    let cell = {
        let session = session.clone();
        Callback::from(move |(row, column): (usize, &'static str)| cell(&session, &runs[row], column))
    };
    html! { <Grid label="Runs" testid="history-grid" columns={columns()} {count} {name} {cell} {selected} /> }
}

fn cell(session: &Handle, run: &RunSummary, column: &str) -> Html {
    match column {
        "started" => html! { { format::moment(&run.started_at) } },
        "state" => chip::of::run(run.state),
        "route" => html! { { format!("{} → {}", run.source, run.target) } },
        "tables" => html! { { format::count(run.tables as u64) } },
        "migrated" => html! { { format::count(run.migrated as u64) } },
        "failed" => html! { { format::count(run.failed as u64) } },
        "plan" => html! { <code title={run.plan_hash.to_string()}>{ format::short_hash(&run.plan_hash) }</code> },
        "run_id" => html! { <code>{ run.run_id.as_str() }</code> },
        _ => {
            let (session, run_id) = (session.clone(), run.run_id.clone());
            let onclick = Callback::from(move |()| actions::show_run(&session, run_id.clone()));
            html! { <Button testid={format!("open-run-{}", run.run_id)} kind="small" label="Open" {onclick} /> }
        }
    }
}

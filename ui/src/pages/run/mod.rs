//! Step 6: the run, live.

mod after;
mod bill;
mod cluster;
mod detail;
mod overview;

use crate::actions;
use crate::components::start_panel::StartPanel;
use crate::components::{Button, Column, Empty, ErrorCard, Grid, Icon, Loading, PageHead, chip};
use crate::hooks::{use_session, use_steady_order};
use crate::pages::{go, ident};
use crate::state::{Page, ShownRun, Work};
use crate::view::{clusters, format, order};
use bill::BillLine;
use detail::RunDetail;
use icebridge_model::TableIdent;
use icebridge_model::plan::EngineKind;
use icebridge_model::run::{RunState, RunView, TableMigration, TableState};
use overview::Overview;
use std::rc::Rc;
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
        Some(run) => html! {
            <>
                <Overview run={SharedRun(run.view.clone())} />
                if clusters::has_clusters(&run.view) && !run.is_running() { <BillLine run_id={run.view.run_id.clone()} /> }
                { failures(run) }
                <Tables key={run.view.run_id.clone()} run={SharedRun(run.view.clone())} />
                if other_plan && !starting { <StartPanel /> }
            </>
        },
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

#[component]
fn Actions() -> Html {
    let session = use_session();
    let Some(run) = session.run.clone() else { return html! {} };
    let run_id = run.view.run_id.clone();
    let cancel = {
        let (session, run_id) = (session.clone(), run_id.clone());
        Callback::from(move |()| actions::cancel_run(&session, run_id.clone()))
    };
    let resume = {
        let session = session.clone();
        Callback::from(move |()| actions::resume_run(&session, run_id.clone()))
    };
    let words = match run.view.state {
        RunState::Incomplete => "Try the failed tables again",
        _ => "Resume",
    };
    html! {
        <>
            if run.is_running() {
                <Button testid="run-cancel" kind="danger" icon={Icon::Stop} label="Cancel" busy={session.is_busy(&Work::Cancel)} onclick={cancel}
                    title="Stops after the step at hand; what is migrated stays, and the run can be resumed" />
            } else {
                if run.is_resumable() {
                    <Button testid="run-resume" kind="primary" icon={Icon::Play} label={words} busy={session.is_busy(&Work::Run)} onclick={resume} />
                }
                if run.view.migrated > 0 {
                    <Button testid="run-next" kind={if run.is_resumable() { "" } else { "primary" }} icon={Icon::Right} label="Continue to validation"
                        onclick={go(&session, Page::Validate)} />
                }
            }
        </>
    }
}

#[derive(Clone)]
pub struct SharedRun(pub Rc<RunView>);

impl PartialEq for SharedRun {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Properties, PartialEq)]
pub struct RunProps {
    pub run: SharedRun,
}

/// What went wrong, above the list, where it cannot scroll away.
fn failures(run: &ShownRun) -> Html {
    const SHOWN: usize = 3;
    let failed: Vec<&TableMigration> =
        run.view.tables.iter().filter(|table| table.state == TableState::Failed).collect();
    if failed.is_empty() {
        return html! {};
    }
    html! {
        <section class="stack" aria-label="Failed tables" data-testid="run-failures">
            { for failed.iter().take(SHOWN).filter_map(|table| {
                let error = table.error.clone()?.about(&table.source);
                let subject = table.source.to_string();
                Some(html! { <ErrorCard key={table.source.to_string()} testid={format!("failure-{}", table.source)} {error} {subject} /> })
            }) }
            if failed.len() > SHOWN {
                <p class="quiet-text">{ format!("{} more failed; they are first in the list below.", failed.len() - SHOWN) }</p>
            }
        </section>
    }
}

#[component]
fn Tables(props: &RunProps) -> Html {
    let selected = use_state_eq(|| None::<TableIdent>);
    let run = props.run.0.clone();
    let (sorted, on_reach) = use_steady_order(order::by_urgency(&run.tables));
    let row_selected =
        selected.as_ref().and_then(|ident| sorted.iter().position(|at| run.tables[*at].source == *ident));
    let name = {
        let (run, sorted) = (run.clone(), sorted.clone());
        Callback::from(move |row: usize| run.tables[sorted[row]].source.to_string())
    };
    let cell = {
        let (run, sorted) = (run.clone(), sorted.clone());
        Callback::from(move |(row, column): (usize, &'static str)| cell(&run.tables[sorted[row]], column))
    };
    let on_select = {
        let (run, sorted, selected) = (run.clone(), sorted.clone(), selected.clone());
        Callback::from(move |row: usize| selected.set(Some(run.tables[sorted[row]].source.clone())))
    };
    let close = {
        let selected = selected.clone();
        Callback::from(move |()| selected.set(None))
    };
    let clusters = clusters::has_clusters(&run);
    // Beside the detail there must be room for the clusters, too.
    let (name_width, progress_width) = if clusters { (124, 120) } else { (150, 142) };
    let mut columns = vec![
        Column::new("state", "State", 120),
        Column::new("source", "Source table", name_width).growing(1),
        Column::new("target", "Target table", name_width).growing(1),
        Column::new("mode", "Mode", 104).yielding(2),
        Column::new("progress", "Progress", progress_width),
        Column::new("bytes", "Size", 96).numeric().yielding(3),
        Column::new("rows", "Rows", if clusters { 170 } else { 110 }).numeric().yielding(4),
        Column::new("proof", "Proof", 116).yielding(1),
    ];
    if clusters {
        columns.insert(3, Column::new("cluster", "Cluster", 118));
    }
    html! {
        <div class="split">
            <Grid label="Tables of the run" testid="run-grid" {columns} count={run.tables.len()} {name} {cell} selected={row_selected} {on_select} {on_reach} />
            if let Some(row) = row_selected {
                <RunDetail table={run.tables[sorted[row]].clone()} on_close={close} />
            }
        </div>
    }
}

fn cell(table: &TableMigration, column: &str) -> Html {
    match column {
        "state" => chip::of::table(table.state),
        "source" => ident(&table.source),
        "target" => ident(&table.target),
        "mode" => chip::of::mode(table.mode),
        "cluster" => cluster::cell(table),
        "progress" => progress(table),
        "bytes" => html! { { format::bytes(table.bytes_total) } },
        "rows" => html! { { rows(table) } },
        _ => table
            .validation
            .as_ref()
            .map_or_else(|| html! {}, |validation| chip::of::proof(validation.proof, validation.passed)),
    }
}

/// While a cluster copies, how far it is.
fn rows(table: &TableMigration) -> String {
    match (table.engine, table.state) {
        (EngineKind::Photon, TableState::Copying) => {
            format!("{} of {}", format::count(table.rows_done), format::count(table.rows_total))
        }
        _ => format::count(table.rows_total),
    }
}

fn progress(table: &TableMigration) -> Html {
    use crate::components::Meter;
    // A table without bytes (registered, or empty) is copied when its state says so; the total is an estimate until then.
    let (done, total) = match table.state {
        TableState::Queued => (0, 1),
        TableState::Committing | TableState::Committed | TableState::Validating | TableState::Migrated => (1, 1),
        // A cluster counts the rows.
        _ if table.engine == EngineKind::Photon => (table.rows_done, table.rows_total.max(1)),
        _ => (table.bytes_done, table.bytes_total.max(1)),
    };
    let tone = match table.state {
        TableState::Failed => "bad",
        TableState::Cancelled => "warn",
        TableState::Migrated => "good",
        _ => "",
    };
    html! {
        <span class="cell-meter">
            <Meter label={format!("Progress of {}", table.source)} {done} {total} {tone} />
            <span>{ format!("{} %", format::per_cent(done, total)) }</span>
        </span>
    }
}

//! The tables of the run: what needs a person first.

use super::detail::RunDetail;
use super::shared::RunProps;
use crate::components::{Column, ErrorCard, Meter, PagedGrid, chip};
use crate::hooks::{use_detail, use_selected, use_session, use_sort, use_view};
use crate::pages::{Shared, name};
use crate::view::{format, phase, view_words};
use icebridge_model::TableIdent;
use icebridge_model::run::TableState;
use icebridge_model::view::{Scope, Sort, ViewRequest, ViewRow};
use std::rc::Rc;
use yew::prelude::*;

#[component]
pub fn Tables(props: &RunProps) -> Html {
    let session = use_session();
    let (selected, on_select, close) = use_selected();
    let (sort, on_sort) = use_sort();
    let scope = Scope::Run { run_id: props.run.0.run_id.clone() };
    let by = sort.clone().unwrap_or(Sort { column: "state".into(), descending: false });
    let request = ViewRequest { sort: vec![by], ..ViewRequest::of(scope.clone()) };
    let changed = session.run.as_ref().map(|run| run.changed.clone()).unwrap_or_default();
    let view = use_view(request, props.version, changed);
    let chosen = selected.as_ref().and_then(|name| TableIdent::parse(name).ok());
    let detail = use_detail(scope, chosen, props.version);
    let cell = use_callback((), |(row, column): (Rc<ViewRow>, &'static str), ()| cell(&row, column));
    html! {
        <>
            if let Some(error) = &view.error { <ErrorCard error={(**error).clone()} testid="run-error" /> }
            <div class="split">
                <PagedGrid label="Tables of the run" testid="run-grid" {view} {cell} steady=true
                    columns={columns(props.run.0.counters.on_clusters > 0)} selected={selected.clone()} {on_select}
                    sort={sort.clone()} {on_sort} />
                if let Some(name) = &selected {
                    <RunDetail name={name.clone()} detail={Shared(detail)} on_close={close} />
                }
            </div>
        </>
    }
}

/// Beside the detail there must be room for the clusters, too.
fn columns(clusters: bool) -> Vec<Column> {
    let (name_width, progress_width) = if clusters { (124, 120) } else { (150, 142) };
    let mut columns = vec![
        Column::new("state", "State", 120).sortable(),
        Column::new("name", "Source table", name_width).growing(1).sortable(),
        Column::new("target", "Target table", name_width).growing(1).sortable(),
        Column::new("mode", "Mode", 104).yielding(2).sortable(),
        Column::new("progress", "Progress", progress_width),
        Column::new("bytes_to_copy", "To copy", 96).numeric().yielding(3).sortable(),
        Column::new("rows", "Rows", if clusters { 170 } else { 110 }).numeric().yielding(4).sortable(),
        Column::new("proof", "Proof", 116).yielding(1).sortable(),
    ];
    if clusters {
        columns.insert(3, Column::new("cluster", "Cluster", 118));
    }
    columns
}

fn cell(row: &ViewRow, column: &str) -> Html {
    match column {
        "state" => view_words::state(row).map(chip::of::table).unwrap_or_default(),
        "name" | "target" => name(row.text(column)),
        "mode" => view_words::mode(row).map(chip::of::mode).unwrap_or_default(),
        "cluster" => cluster(row),
        "progress" => progress(row),
        "bytes_to_copy" => html! { { format::bytes(row.amount("bytes_to_copy")) } },
        "rows" => html! { { rows(row) } },
        _ => view_words::proof(row).map(|proof| chip::of::proof(proof, view_words::is_equal(row))).unwrap_or_default(),
    }
}

/// Its stage, and why on hover; the detail says it in full.
fn cluster(row: &ViewRow) -> Html {
    match view_words::stage(row) {
        None => chip::of::engine(view_words::engine(row), ""),
        Some(stage) => chip::of::stage(stage, row.text("stage_message")),
    }
}

/// While a cluster copies, how far it is.
fn rows(row: &ViewRow) -> String {
    let rows = format::count(row.amount("rows"));
    if row.text("engine") == "photon" && row.text("state") == TableState::Copying.as_str() {
        return format!("{} of {rows}", format::count(row.amount("rows_copied")));
    }
    rows
}

fn progress(row: &ViewRow) -> Html {
    let Some(state) = view_words::state(row) else { return html! {} };
    let (done, total) = phase::of_table(row, state);
    let tone = match state {
        TableState::Failed => "bad",
        TableState::Cancelled => "warn",
        TableState::Migrated => "good",
        _ => "",
    };
    html! {
        <span class="cell-meter">
            <Meter label={format!("Progress of {}", row.text("name"))} {done} {total} {tone} />
            <span>{ format!("{} %", format::per_cent(done, total)) }</span>
        </span>
    }
}

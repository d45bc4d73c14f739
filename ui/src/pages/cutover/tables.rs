//! How far each table is cut over.

use crate::components::{Column, ErrorCard, PagedGrid, chip};
use crate::hooks::{use_sort, use_view};
use crate::pages::name;
use crate::view::format;
use icebridge_model::ids::RunId;
use icebridge_model::view::{Scope, Sort, ViewRequest, ViewRow};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct TablesProps {
    pub run_id: RunId,
    pub version: u64,
    pub selected: Option<String>,
    pub on_select: Callback<String>,
}

#[component]
pub fn Tables(props: &TablesProps) -> Html {
    let (sort, on_sort) = use_sort();
    // What needs a person first.
    let by = sort.clone().unwrap_or(Sort { column: "cutover".into(), descending: false });
    let request = ViewRequest { sort: vec![by], ..ViewRequest::of(Scope::Run { run_id: props.run_id.clone() }) };
    let view = use_view(request, props.version, Rc::default());
    let cell = use_callback((), |(row, column): (Rc<ViewRow>, &'static str), ()| cell(&row, column));
    html! {
        <>
            if let Some(error) = &view.error { <ErrorCard error={(**error).clone()} testid="cutover-error" /> }
            <PagedGrid label="Tables and their cut-over" testid="cutover-grid" {view} {cell} columns={columns()}
                selected={props.selected.clone()} on_select={&props.on_select} sort={sort.clone()} {on_sort} />
        </>
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("cutover", "State", 140).sortable(),
        Column::new("name", "Source table", 150).growing(1).sortable(),
        Column::new("target", "Target table", 150).growing(1).yielding(4).sortable(),
        Column::new("downtime_ms", "Downtime", 104).numeric().sortable(),
        Column::new("late_snapshots", "Late at the source", 150).numeric().yielding(2).sortable(),
        Column::new("own_rows", "New rows in the target", 168).numeric().yielding(3).sortable(),
        Column::new("cutover_message", "What went wrong", 160).growing(1).yielding(1),
    ]
}

fn cell(row: &ViewRow, column: &str) -> Html {
    let none = || html! { <span class="quiet-text">{ "—" }</span> };
    let is_moved = matches!(row.text("cutover"), "on_probation" | "finished");
    match column {
        "name" | "target" => name(row.text(column)),
        "cutover" => chip::of::cutover(row.text("cutover"), row.text("cutover_message")),
        "cutover_message" => html! { <span title={row.text(column).to_string()}>{ row.text(column) }</span> },
        "downtime_ms" if row.amount(column) > 0 => html! { { format::milliseconds(row.amount(column)) } },
        "late_snapshots" if is_moved && row.amount(column) > 0 => {
            html! { { format::counted(row.amount(column), "snapshot", "snapshots") } }
        }
        "own_rows" if is_moved && row.amount("own_snapshots") > 0 => html! { { format::count(row.amount(column)) } },
        _ => none(),
    }
}

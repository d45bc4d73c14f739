//! How each table stands to its source.

use super::detail::Detail;
use crate::components::{Column, ErrorCard, PagedGrid, chip};
use crate::hooks::{use_selected, use_sort, use_view};
use crate::pages::name;
use crate::view::format;
use icebridge_model::TableIdent;
use icebridge_model::ids::RunId;
use icebridge_model::view::{Scope, Sort, ViewRequest, ViewRow};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct TablesProps {
    pub run_id: RunId,
    pub version: u64,
    pub answers: u64,
}

#[component]
pub fn Tables(props: &TablesProps) -> Html {
    let (selected, on_select, close) = use_selected();
    let (sort, on_sort) = use_sort();
    let scope = Scope::Run { run_id: props.run_id.clone() };
    // What needs a person first, then what is behind.
    let by = sort.clone().unwrap_or(Sort { column: "sync".into(), descending: false });
    let request = ViewRequest { sort: vec![by], ..ViewRequest::of(scope) };
    let view = use_view(request, props.version, Rc::default());
    let chosen = selected.as_ref().and_then(|name| TableIdent::parse(name).ok());
    let cell = use_callback((), |(row, column): (Rc<ViewRow>, &'static str), ()| cell(&row, column));
    html! {
        <>
            if let Some(error) = &view.error { <ErrorCard error={(**error).clone()} testid="sync-error" /> }
            <div class="split">
                <PagedGrid label="Tables and their sync" testid="sync-grid" {view} {cell} columns={columns()}
                    selected={selected.clone()} {on_select} sort={sort.clone()} {on_sort} />
                if let Some(table) = chosen {
                    <Detail key={table.to_string()} run_id={props.run_id.clone()} table={table.clone()}
                        version={props.answers} on_close={close} />
                }
            </div>
        </>
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("sync", "State", 140).sortable(),
        Column::new("name", "Source table", 150).growing(1).sortable(),
        Column::new("target", "Target table", 150).growing(1).yielding(1).sortable(),
        Column::new("sync_round", "Round", 84).numeric().sortable(),
        Column::new("behind_snapshots", "Snapshots behind", 150).numeric().sortable(),
        Column::new("behind_rows", "Rows behind", 116).numeric().yielding(2).sortable(),
        Column::new("behind_seconds", "Behind for", 110).numeric().yielding(3).sortable(),
    ]
}

fn cell(row: &ViewRow, column: &str) -> Html {
    let behind = row.text("sync") == "behind" || row.amount("behind_snapshots") > 0;
    match column {
        "name" | "target" => name(row.text(column)),
        "sync" => chip::of::sync(row.text("sync"), row.text("sync_message")),
        _ if matches!(row.text("sync"), "" | "not_migrated" | "cut_over") => {
            html! { <span class="quiet-text">{ "—" }</span> }
        }
        "sync_round" => html! { { format::count(row.amount("sync_round")) } },
        _ if !behind => html! { <span class="quiet-text">{ "—" }</span> },
        "behind_seconds" => html! { { format::seconds(row.amount("behind_seconds")) } },
        _ => html! { { format::count(row.amount(column)) } },
    }
}

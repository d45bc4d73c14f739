//! The plan's tables, and those it leaves out.

use crate::components::{Button, Column, ErrorCard, PagedGrid, chip};
use crate::hooks::{use_detail, use_selected, use_session, use_sort, use_view};
use crate::pages::{ident, name};
use crate::view::{clusters, format, view_words};
use icebridge_model::TableIdent;
use icebridge_model::ids::PlanHash;
use icebridge_model::ops::TableDetail;
use icebridge_model::plan::PlannedTable;
use icebridge_model::view::{Scope, Sort, ViewRequest, ViewRow};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Planned,
    LeftOut,
}

#[component]
pub fn PlanTables() -> Html {
    let session = use_session();
    let shown = use_state_eq(|| Shown::Planned);
    let Some(made) = session.plan.as_ref().map(|plan| plan.value.clone()) else { return html! {} };
    let show = |value: Shown| {
        let shown = shown.clone();
        Callback::from(move |()| shown.set(value))
    };
    let (plan_hash, has_engines) = (made.plan.hash.clone(), made.plan.has_engines);
    html! {
        <>
            <div class="toolbar">
                <div class="segments" role="group" aria-label="Show">
                    <Button testid="plan-show-tables" kind="small toggle"
                        label={format!("In the plan {}", format::count(made.plan.tables as u64))}
                        pressed={Some(*shown == Shown::Planned)} onclick={show(Shown::Planned)} />
                    <Button testid="plan-show-left-out" kind="small toggle"
                        label={format!("Left out {}", format::count(made.plan.left_out as u64))}
                        pressed={Some(*shown == Shown::LeftOut)} onclick={show(Shown::LeftOut)} />
                </div>
            </div>
            if *shown == Shown::Planned {
                <Planned key={format!("planned-{plan_hash}")} plan_hash={plan_hash.clone()} {has_engines} />
            } else {
                <LeftOut key={format!("left-out-{plan_hash}")} plan_hash={plan_hash.clone()} {has_engines} />
            }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct TablesProps {
    plan_hash: PlanHash,
    has_engines: bool,
}

fn request(plan_hash: &PlanHash, state: &str, sort: Option<&Sort>) -> ViewRequest {
    let scope = Scope::Plan { plan_hash: plan_hash.clone() };
    let filter = format!("state={state}");
    ViewRequest { filter, sort: sort.into_iter().cloned().collect(), ..ViewRequest::of(scope) }
}

#[component]
fn Planned(props: &TablesProps) -> Html {
    let (selected, on_select, _) = use_selected();
    let (sort, on_sort) = use_sort();
    let request = request(&props.plan_hash, "planned", sort.as_ref());
    let chosen = selected.as_ref().and_then(|name| TableIdent::parse(name).ok());
    let table = use_detail(request.scope.clone(), chosen, 0);
    let view = use_view(request, 0, Rc::default());
    let cell = use_callback((), |(row, column): (Rc<ViewRow>, &'static str), ()| cell(&row, column));
    let shown = match table.as_deref() {
        Some(Ok(TableDetail::Plan(table))) => detail(table),
        Some(Err(error)) => html! { <ErrorCard error={error.clone()} testid="plan-detail-error" /> },
        _ => html! {},
    };
    html! {
        <>
            if let Some(error) = &view.error { <ErrorCard error={(**error).clone()} testid="plan-error" /> }
            <PagedGrid label="Tables of the plan" testid="plan-grid" columns={columns(props.has_engines)} {view} {cell}
                selected={selected.clone()} {on_select} sort={sort.clone()} {on_sort}>
                <p class="quiet-text">{ "The plan holds no table: see what is left out, and why." }</p>
            </PagedGrid>
            { shown }
        </>
    }
}

fn columns(has_engines: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::new("name", "Source table", 130).growing(3).sortable(),
        Column::new("target", "Target table", 130).growing(3).sortable(),
        Column::new("mode", "Mode", 98).sortable(),
        Column::new("reason", "Because", 200).growing(4).yielding(3),
        Column::new("rows", "Rows", 108).numeric().sortable(),
        Column::new("bytes_to_copy", "To copy", 76).numeric().sortable(),
        Column::new("files_to_copy", "Files", 64).numeric().yielding(2).sortable(),
        Column::new("accepted", "Losses", 64).numeric().sortable(),
    ];
    if has_engines {
        columns.insert(3, Column::new("engine", "Engine", 96).sortable());
        columns.insert(4, Column::new("method", "Method", 130).yielding(1));
    }
    columns
}

fn cell(row: &ViewRow, column: &str) -> Html {
    match column {
        "name" | "target" => name(row.text(column)),
        "mode" => view_words::mode(row).map(chip::of::mode).unwrap_or_default(),
        "reason" => {
            let reason = row.text("reason").to_string();
            html! { <span class="quiet-text" title={reason.clone()}>{ reason }</span> }
        }
        "engine" => chip::of::engine(view_words::engine(row), ""),
        "method" => {
            let method = view_words::method(row).map_or("—", clusters::method);
            html! { <span class="quiet-text">{ method }</span> }
        }
        "bytes_to_copy" => html! { { format::bytes(row.amount("bytes_to_copy")) } },
        column => html! { { format::count(row.amount(column)) } },
    }
}

/// The selected table in a few lines: the grid has no room for whole sentences.
fn detail(table: &PlannedTable) -> Html {
    let snapshot = table.snapshot_id.map_or_else(|| "no snapshot".into(), |id| format!("snapshot {id}"));
    let pinned =
        format!("Pinned to {snapshot} of format version {}, {}", table.format_version, table.metadata_location);
    html! {
        <section class="panel strip" aria-label="Table of the plan" data-testid="plan-detail">
            <p class="line">
                { ident(&table.source) }{ chip::of::mode(table.mode) }<span>{ &table.mode_reason }</span>
            </p>
            if table.cluster.is_some() || !table.engine_reason.is_empty() { { engine(table) } }
            <p class="quiet-text wrap">{ pinned }</p>
            { for table.conversions.iter().map(|conversion| html! {
                <p class="line" data-testid="plan-conversion"><strong>{ "Converts" }</strong>
                    <span>{ conversion.to_string() }</span>
                </p>
            }) }
            { for table.findings.iter().map(|finding| html! {
                <p class="line">
                    { chip::of::verdict(finding.verdict) }<code>{ finding.code.as_ref() }</code>
                    <span>{ format!("{}: {}", finding.title, finding.reason) }</span>
                </p>
            }) }
        </section>
    }
}

fn engine(table: &PlannedTable) -> Html {
    let method = table.cluster.as_ref().map(|cluster| clusters::method(cluster.method));
    html! {
        <p class="line top" data-testid="plan-engine">
            { chip::of::engine(table.engine(), &table.engine_reason) }
            if let Some(method) = method { <strong class="nowrap">{ method }</strong> }
            <span>{ &table.engine_reason }</span>
        </p>
    }
}

#[component]
fn LeftOut(props: &TablesProps) -> Html {
    let view = use_view(request(&props.plan_hash, "left_out", None), 0, Rc::default());
    let columns = vec![
        Column::new("name", "Source table", 150).growing(1),
        Column::new("codes", "Because of", 120),
        Column::new("reason", "Reason", 200).growing(3),
    ];
    let cell = use_callback((), |(row, column): (Rc<ViewRow>, &'static str), ()| {
        let text = row.text(column).to_string();
        match column {
            "name" => name(&text),
            "codes" => html! { <code>{ text }</code> },
            _ => html! { <span title={text.clone()}>{ text }</span> },
        }
    });
    html! {
        <PagedGrid label="Tables left out" testid="left-out-grid" {columns} {view} {cell}>
            <p class="quiet-text">{ "No table is left out." }</p>
        </PagedGrid>
    }
}

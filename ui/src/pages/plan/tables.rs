//! The plan's tables, and those it leaves out.

use crate::components::{Button, Column, Grid, chip};
use crate::hooks::use_session;
use crate::pages::ident;
use crate::view::{clusters, format};
use icebridge_model::ops::PlanMade;
use icebridge_model::plan::PlannedTable;
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
    let selected = use_state_eq(|| None::<usize>);
    let Some(made) = session.plan.as_ref().map(|plan| plan.value.clone()) else { return html! {} };
    let show = |value: Shown| {
        let shown = shown.clone();
        Callback::from(move |()| shown.set(value))
    };
    let on_select = {
        let selected = selected.clone();
        Callback::from(move |row| selected.set(Some(row)))
    };
    html! {
        <>
            <div class="toolbar">
                <div class="segments" role="group" aria-label="Show">
                    <Button testid="plan-show-tables" kind="small toggle" label={format!("In the plan {}", format::count(made.plan.tables.len() as u64))}
                        pressed={Some(*shown == Shown::Planned)} onclick={show(Shown::Planned)} />
                    <Button testid="plan-show-left-out" kind="small toggle" label={format!("Left out {}", format::count(made.plan.left_out.len() as u64))}
                        pressed={Some(*shown == Shown::LeftOut)} onclick={show(Shown::LeftOut)} />
                </div>
            </div>
            if *shown == Shown::Planned {
                { planned(&made, *selected, on_select) }
                if let Some(table) = selected.and_then(|row| made.plan.tables.get(row)) { { detail(table) } }
            } else {
                { left_out(&made) }
            }
        </>
    }
}

fn planned(made: &Rc<PlanMade>, selected: Option<usize>, on_select: Callback<usize>) -> Html {
    let mut columns = vec![
        Column::new("source", "Source table", 130).growing(3),
        Column::new("target", "Target table", 130).growing(3),
        Column::new("mode", "Mode", 98),
        Column::new("reason", "Because", 200).growing(4).yielding(3),
        Column::new("rows", "Rows", 108).numeric(),
        Column::new("bytes", "Size", 76).numeric(),
        Column::new("files", "Files", 64).numeric().yielding(2),
        Column::new("lost", "Losses", 64).numeric(),
    ];
    if made.plan.tables.iter().any(has_engines) {
        columns.insert(3, Column::new("engine", "Engine", 96));
        columns.insert(4, Column::new("method", "Method", 130).yielding(1));
    }
    let name = {
        let made = made.clone();
        Callback::from(move |row: usize| made.plan.tables[row].source.to_string())
    };
    let cell = {
        let made = made.clone();
        Callback::from(move |(row, column): (usize, &'static str)| {
            let table = &made.plan.tables[row];
            match column {
                "source" => ident(&table.source),
                "target" => ident(&table.target),
                "mode" => chip::of::mode(table.mode),
                "reason" => {
                    html! { <span class="quiet-text" title={table.mode_reason.clone()}>{ &table.mode_reason }</span> }
                }
                "engine" => chip::of::engine(table.engine(), &table.engine_reason),
                "method" => html! { <span class="quiet-text">{ method(table) }</span> },
                "rows" => html! { { format::count(table.estimate.rows) } },
                "bytes" => html! { { format::bytes(table.estimate.bytes) } },
                "files" => html! { { format::count(table.estimate.files) } },
                _ => html! { { format::count(losses(table).len() as u64) } },
            }
        })
    };
    html! {
        <Grid key="planned" label="Tables of the plan" testid="plan-grid" {columns} count={made.plan.tables.len()} {name} {cell} {selected} {on_select}>
            <p class="quiet-text">{ "The plan holds no table: see what is left out, and why." }</p>
        </Grid>
    }
}

/// Whether there was an engine to choose.
fn has_engines(table: &PlannedTable) -> bool {
    table.cluster.is_some() || !table.engine_reason.is_empty()
}

fn method(table: &PlannedTable) -> &'static str {
    table.cluster.as_ref().map_or("—", |cluster| clusters::method(cluster.method))
}

fn losses(table: &PlannedTable) -> Vec<&str> {
    let lost = table.findings.iter().filter(|finding| finding.accepted);
    lost.map(|finding| finding.code.as_str()).collect()
}

/// The selected table in a few lines: the grid has no room for whole sentences.
fn detail(table: &PlannedTable) -> Html {
    let snapshot = table.snapshot_id.map_or_else(|| "no snapshot".into(), |id| format!("snapshot {id}"));
    html! {
        <section class="panel strip" aria-label="Table of the plan" data-testid="plan-detail">
            <p class="line">{ ident(&table.source) }{ chip::of::mode(table.mode) }<span>{ &table.mode_reason }</span></p>
            if has_engines(table) {
                <p class="line top" data-testid="plan-engine">
                    { chip::of::engine(table.engine(), &table.engine_reason) }
                    if table.cluster.is_some() { <strong class="nowrap">{ method(table) }</strong> }
                    <span>{ &table.engine_reason }</span>
                </p>
            }
            <p class="quiet-text wrap">{ format!("Pinned to {snapshot} of format version {}, {}", table.format_version, table.metadata_location) }</p>
            { for table.findings.iter().map(|finding| html! {
                <p class="line">{ chip::of::verdict(finding.verdict) }<code>{ &finding.code }</code><span>{ format!("{}: {}", finding.title, finding.reason) }</span></p>
            }) }
        </section>
    }
}

fn left_out(made: &Rc<PlanMade>) -> Html {
    let columns = vec![
        Column::new("source", "Source table", 150).growing(1),
        Column::new("codes", "Because of", 120),
        Column::new("reason", "Reason", 200).growing(3),
    ];
    let name = {
        let made = made.clone();
        Callback::from(move |row: usize| made.plan.left_out[row].source.to_string())
    };
    let cell = {
        let made = made.clone();
        Callback::from(move |(row, column): (usize, &'static str)| {
            let table = &made.plan.left_out[row];
            match column {
                "source" => ident(&table.source),
                "codes" => html! { <code>{ table.codes.join(" ") }</code> },
                _ => html! { <span title={table.reason.clone()}>{ &table.reason }</span> },
            }
        })
    };
    html! {
        <Grid key="left-out" label="Tables left out" testid="left-out-grid" {columns} count={made.plan.left_out.len()} {name} {cell}>
            <p class="quiet-text">{ "No table is left out." }</p>
        </Grid>
    }
}

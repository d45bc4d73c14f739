//! Step 2: what the source holds.

mod columns;
mod detail;

use crate::actions;
use crate::components::grid::shown;
use crate::components::{Button, Empty, ErrorCard, Icon, Loading, Meter, PageHead, PagedGrid, SearchField, Stat};
use crate::hooks::{use_detail, use_selected, use_session, use_view};
use crate::pages::{Shared, act, go, heading};
use crate::state::{Action, Page, Work};
use crate::view::format;
use detail::TableDetail;
use icebridge_model::facts::InventoryOutcome;
use icebridge_model::view::{Scope, ScopeKind, Sort, ViewRequest, ViewRow};
use icebridge_model::{TableIdent, ops};
use std::rc::Rc;
use yew::prelude::*;

#[component]
pub fn Inventory() -> Html {
    let session = use_session();
    let busy = session.is_busy(&Work::Inventory);
    let known = session.has_inventory();
    let body = match &session.inventory {
        _ if session.route().source.is_empty() => html! {
            <Empty icon={Icon::Link} title="No source chosen" text="Choose the catalog to read from first.">
                <Button testid="inventory-connect" kind="primary" label="Go to Connect"
                    onclick={go(&session, Page::Connect)} />
            </Empty>
        },
        Some(_) if known => html! { <Tables key={session.route().source.clone()} /> },
        None if session.is_busy(&Work::ReadInventory) && !busy => html! { <Loading text="Loading the inventory…" /> },
        _ if busy => html! {},
        _ if session.source_is_empty => html! {
            <Empty icon={Icon::Search} title="The source holds no table" testid="inventory-empty"
                text="It answered, and listed none. A REST catalog may show each user only what they may read; a folder holds tables when they have a metadata folder.">
                <Button testid="inventory-read" kind="primary" icon={Icon::Refresh} label="Read it again"
                    onclick={act(&session, actions::refresh_inventory)} />
                <Button testid="inventory-connect" label="Go to Connect" onclick={go(&session, Page::Connect)} />
            </Empty>
        },
        _ => html! {
            <Empty icon={Icon::Search} title="Nothing read yet" testid="inventory-empty"
                text="Reading takes the metadata and manifests of every table, never its rows, and changes nothing at the source.">
                <Button testid="inventory-read" kind="primary" icon={Icon::Refresh} label="Read the inventory"
                    onclick={act(&session, actions::refresh_inventory)} />
            </Empty>
        },
    };
    html! {
        <>
            <PageHead page={Page::Inventory}>
                if known {
                    <Button testid="inventory-refresh" icon={Icon::Refresh} label="Refresh" {busy}
                        onclick={act(&session, actions::refresh_inventory)} />
                    <Button testid="inventory-next" kind="primary" icon={Icon::Right} label="Continue to mapping"
                        disabled={!session.has_route()}
                        title={(!session.has_route()).then_some("Choose a target first")}
                        onclick={go(&session, Page::Mapping)} />
                }
            </PageHead>
            if busy { <Progress /> }
            { body }
        </>
    }
}

#[component]
fn Progress() -> Html {
    let session = use_session();
    let (done, total, words) = match &session.scan {
        Some(scan) => (scan.done, scan.total, format!("{} of {} · {}", scan.done, scan.total, scan.table)),
        None => (0, 0, "Listing namespaces and tables…".into()),
    };
    html! {
        <div class="panel progress-panel" role="status" data-testid="inventory-progress">
            <Meter label="Inventory" done={done as u64} total={total as u64} />
            <span class="quiet-text grow ellipsis">{ words }</span>
            <Button testid="inventory-cancel" kind="small" icon={Icon::Stop} label="Stop"
                title="What has been read so far is kept" onclick={act(&session, actions::stop_inventory)} />
        </div>
    }
}

#[component]
fn Tables() -> Html {
    let session = use_session();
    let filter = use_state_eq(String::new);
    let (selected, on_select, close) = use_selected();
    let sort = session.prefs.inventory_sort.clone().filter(|sort| ScopeKind::Inventory.column(&sort.column).is_ok());
    let scope = Scope::Inventory { source: session.route().source.clone() };
    let request = ViewRequest {
        search: (*filter).clone(),
        sort: sort.iter().cloned().collect(),
        ..ViewRequest::of(scope.clone())
    };
    let view = use_view(request, session.inventory_version, Rc::default());
    let chosen = selected.as_ref().and_then(|name| TableIdent::parse(name).ok());
    let detail = use_detail(scope, chosen, session.inventory_version);
    let cell = use_callback((), |(row, column): (Rc<ViewRow>, &'static str), ()| columns::cell(&row, column));
    let on_sort = use_callback(session.clone(), |column: &'static str, session| {
        session.dispatch(Action::InventorySort(Sort::clicked(session.prefs.inventory_sort.as_ref(), column)));
    });
    let set_filter = {
        let filter = filter.clone();
        Callback::from(move |text| filter.set(text))
    };
    html! {
        <>
            <Totals />
            <Toolbar filter={(*filter).clone()} on_filter={set_filter} matching={view.head().matching}
                total={view.head().total} />
            if let Some(error) = &view.error { <ErrorCard error={(**error).clone()} testid="inventory-error" /> }
            <div class="split">
                <PagedGrid label="Tables of the source" testid="inventory-grid" {view} {cell}
                    columns={shown(&columns::COLUMNS, &session.prefs.hidden_columns)}
                    selected={selected.clone()} {on_select} {sort} {on_sort}>
                    <p class="quiet-text">{ "No table has all these words in its name." }</p>
                </PagedGrid>
                if let Some(name) = &selected {
                    <Detail name={name.clone()} detail={Shared(detail)} on_close={close} />
                }
            </div>
        </>
    }
}

/// The whole inventory in numbers, whatever the filter leaves.
#[component]
fn Totals() -> Html {
    let session = use_session();
    let Some(all) = &session.inventory else { return html! {} };
    let problems = all.count("state", "unreadable");
    let with_deletes = all.count("has_deletes", "yes");
    let count = |number: usize| format::count(number as u64);
    html! {
        <div class="stats">
            <Stat label="tables" value={count(all.total)} testid="inventory-tables" />
            <Stat label="rows" value={format::count(all.sum("rows"))} />
            <Stat label="in live files" value={format::bytes(all.sum("bytes"))} />
            <Stat label="live files" value={format::count(all.sum("files"))} />
            <Stat label="with delete files" value={count(with_deletes)} />
            <Stat label="cannot be read" value={count(problems)} tone={if problems > 0 { "bad" } else { "" }}
                testid="inventory-problems" />
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct ToolbarProps {
    filter: String,
    on_filter: Callback<String>,
    matching: usize,
    total: usize,
}

#[component]
fn Toolbar(props: &ToolbarProps) -> Html {
    let words = match props.filter.is_empty() {
        true => String::new(),
        false => format!("{} of {}", format::count(props.matching as u64), format::tables(props.total)),
    };
    html! {
        <div class="toolbar">
            <SearchField testid="inventory-filter" label="Filter tables" value={props.filter.clone()}
                placeholder="Filter by name" oninput={props.on_filter.clone()} />
            <span class="quiet-text grow" role="status">{ words }</span>
            <ColumnChoice />
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct DetailProps {
    name: String,
    detail: Shared,
    on_close: Callback<()>,
}

#[component]
fn Detail(props: &DetailProps) -> Html {
    let body = match props.detail.0.as_deref() {
        None => html! { <Loading text="Loading the table…" /> },
        Some(Ok(ops::TableDetail::Inventory(row))) => match &row.outcome {
            InventoryOutcome::Facts(facts) => html! {
                <TableDetail facts={(**facts).clone()} captured_at={row.captured_at.clone()} />
            },
            InventoryOutcome::Problem(error) => html! {
                <ErrorCard error={error.clone()} testid="detail-problem" />
            },
        },
        Some(Ok(_)) => html! {},
        Some(Err(error)) => html! { <ErrorCard error={error.clone()} testid="detail-problem" /> },
    };
    html! {
        <aside class="detail panel" aria-label="Table" data-testid="table-detail">
            <header class="panel-head">
                { heading(&props.name) }
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close"
                    onclick={props.on_close.clone()} />
            </header>
            <div class="panel-body">{ body }</div>
        </aside>
    }
}

/// Which columns are shown: kept in the preferences.
#[component]
fn ColumnChoice() -> Html {
    let session = use_session();
    let choices = columns::COLUMNS.iter().filter(|column| column.id != "name").map(|column| {
        let toggle = {
            let session = session.clone();
            Callback::from(move |_| session.dispatch(Action::ToggleColumn(column.id.into())))
        };
        let checked = !session.prefs.hidden_columns.iter().any(|id| id == column.id);
        html! {
            <crate::components::Check testid={format!("column-{}", column.id)} label={column.label} {checked}
                onchange={toggle} />
        }
    });
    html! {
        <details class="menu">
            <summary class="btn" data-testid="columns">{ Icon::Columns.draw() }<span>{ "Columns" }</span></summary>
            <div class="menu-body">{ for choices }</div>
        </details>
    }
}

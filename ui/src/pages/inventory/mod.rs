//! Step 2: what the source holds.

mod columns;
mod detail;

use crate::actions;
use crate::components::grid::shown;
use crate::components::{Button, Empty, ErrorCard, Field, Grid, Icon, Loading, Meter, PageHead, Stat};
use crate::hooks::use_session;
use crate::pages::{act, go};
use crate::state::{Action, Page, Work};
use crate::view::order::Sort;
use crate::view::{format, order};
use detail::TableDetail;
use icebridge_model::TableIdent;
use icebridge_model::facts::{InventoryOutcome, InventoryRow};
use std::rc::Rc;
use yew::prelude::*;

#[component]
pub fn Inventory() -> Html {
    let session = use_session();
    let busy = session.is_busy(&Work::Inventory);
    let known = session.inventory.as_ref().is_some_and(|rows| !rows.is_empty());
    let body = match &session.inventory {
        _ if session.route().source.is_empty() => html! {
            <Empty icon={Icon::Link} title="No source chosen" text="Choose the catalog to read from first.">
                <Button testid="inventory-connect" kind="primary" label="Go to Connect" onclick={go(&session, Page::Connect)} />
            </Empty>
        },
        Some(rows) if !rows.is_empty() => html! { <Tables rows={Rows(rows.clone())} /> },
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
                    <Button testid="inventory-refresh" icon={Icon::Refresh} label="Refresh" {busy} onclick={act(&session, actions::refresh_inventory)} />
                    <Button testid="inventory-next" kind="primary" icon={Icon::Right} label="Continue to mapping" disabled={!session.has_route()}
                        title={(!session.has_route()).then_some("Choose a target first")} onclick={go(&session, Page::Mapping)} />
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
            <Button testid="inventory-cancel" kind="small" icon={Icon::Stop} label="Stop" title="What has been read so far is kept"
                onclick={act(&session, actions::stop_inventory)} />
        </div>
    }
}

/// Compared by address: the list is replaced as a whole.
#[derive(Clone)]
struct Rows(Rc<Vec<InventoryRow>>);

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Properties, PartialEq)]
struct TablesProps {
    rows: Rows,
}

#[component]
fn Tables(props: &TablesProps) -> Html {
    let session = use_session();
    let filter = use_state_eq(String::new);
    let selected = use_state_eq(|| None::<TableIdent>);
    let rows = props.rows.clone();
    let order =
        use_memo((rows.clone(), (*filter).clone(), session.prefs.inventory_sort.clone()), |(rows, filter, sort)| {
            order::inventory(&rows.0, filter, sort.as_ref())
        });
    let totals = use_memo(rows.clone(), |rows| Totals::of(&rows.0));
    let at = |row: usize| order.get(row).and_then(|at| rows.0.get(*at));
    let row_selected = selected.as_ref().and_then(|ident| order.iter().position(|at| rows.0[*at].ident == *ident));
    let name = {
        let (rows, order) = (rows.clone(), order.clone());
        Callback::from(move |row: usize| rows.0[order[row]].ident.to_string())
    };
    let cell = {
        let (rows, order) = (rows.clone(), order.clone());
        Callback::from(move |(row, column): (usize, &'static str)| columns::cell(&rows.0[order[row]], column))
    };
    let on_select = {
        let (rows, order, selected) = (rows.clone(), order.clone(), selected.clone());
        Callback::from(move |row: usize| selected.set(Some(rows.0[order[row]].ident.clone())))
    };
    let on_sort = {
        let session = session.clone();
        Callback::from(move |column: &'static str| {
            session.dispatch(Action::InventorySort(Sort::clicked(session.prefs.inventory_sort.as_ref(), column)));
        })
    };
    let set_filter = {
        let filter = filter.clone();
        Callback::from(move |text| filter.set(text))
    };
    let close = {
        let selected = selected.clone();
        Callback::from(move |()| selected.set(None))
    };
    html! {
        <>
            <div class="stats">
                <Stat label="tables" value={format::count(totals.tables)} testid="inventory-tables" />
                <Stat label="rows before deletes" value={format::count(totals.rows)} />
                <Stat label="in data files" value={format::bytes(totals.bytes)} />
                <Stat label="data files" value={format::count(totals.files)} />
                <Stat label="with delete files" value={format::count(totals.with_deletes)} />
                <Stat label="cannot be read" value={format::count(totals.problems)} tone={if totals.problems > 0 { "bad" } else { "" }} testid="inventory-problems" />
            </div>
            <div class="toolbar">
                <div class="search">
                    { Icon::Search.draw() }
                    <Field testid="inventory-filter" kind="search" label="Filter tables" bare=true value={(*filter).clone()}
                        placeholder="Filter by name" oninput={set_filter} />
                </div>
                <span class="quiet-text grow" role="status">
                    { if filter.is_empty() { String::new() } else { format!("{} of {}", format::count(order.len() as u64), format::tables(rows.0.len())) } }
                </span>
                <ColumnChoice />
            </div>
            <div class="split">
                <Grid label="Tables of the source" testid="inventory-grid" columns={shown(&columns::COLUMNS, &session.prefs.hidden_columns)}
                    count={order.len()} {name} {cell} selected={row_selected} {on_select} sort={session.prefs.inventory_sort.clone()} {on_sort}>
                    <p class="quiet-text">{ "No table has all these words in its name." }</p>
                </Grid>
                if let Some(row) = row_selected.and_then(at) {
                    <aside class="detail panel" aria-label="Table" data-testid="table-detail">
                        <header class="panel-head">
                            <h2 class="grow ellipsis" title={row.ident.to_string()}>{ row.ident.to_string() }</h2>
                            <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close" onclick={close} />
                        </header>
                        <div class="panel-body">
                            {
                                match &row.outcome {
                                    InventoryOutcome::Facts(facts) => html! {
                                        <TableDetail facts={(**facts).clone()} captured_at={row.captured_at.clone()} />
                                    },
                                    InventoryOutcome::Problem(error) => html! { <ErrorCard error={error.clone()} testid="detail-problem" /> },
                                }
                            }
                        </div>
                    </aside>
                }
            </div>
        </>
    }
}

/// Which columns are shown: kept in the preferences.
#[component]
fn ColumnChoice() -> Html {
    let session = use_session();
    let choices = columns::COLUMNS.iter().filter(|column| column.id != "table").map(|column| {
        let toggle = {
            let session = session.clone();
            Callback::from(move |_| session.dispatch(Action::ToggleColumn(column.id.into())))
        };
        let checked = !session.prefs.hidden_columns.iter().any(|id| id == column.id);
        html! {
            <crate::components::Check testid={format!("column-{}", column.id)} label={column.label} {checked} onchange={toggle} />
        }
    });
    html! {
        <details class="menu">
            <summary class="btn" data-testid="columns">{ Icon::Columns.draw() }<span>{ "Columns" }</span></summary>
            <div class="menu-body">{ for choices }</div>
        </details>
    }
}

struct Totals {
    tables: u64,
    rows: u64,
    bytes: u64,
    files: u64,
    with_deletes: u64,
    problems: u64,
}

impl Totals {
    fn of(rows: &[InventoryRow]) -> Self {
        let mut totals = Self { tables: rows.len() as u64, rows: 0, bytes: 0, files: 0, with_deletes: 0, problems: 0 };
        for row in rows {
            match row.facts() {
                Some(facts) => {
                    totals.rows += facts.files.data_records;
                    totals.bytes += facts.files.data_bytes;
                    totals.files += facts.files.data_files;
                    totals.with_deletes += u64::from(facts.files.delete_files() > 0);
                }
                None => totals.problems += 1,
            }
        }
        totals
    }
}

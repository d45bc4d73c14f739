//! The tables of one workspace's Unity Catalog: read by a refresh, listed page by page as they are looked at.

use super::columns::{COLUMNS, cell};
use super::detail::UnityDetail;
use crate::actions::workspaces;
use crate::components::{Button, Empty, Grid, Icon, Loading, Meter, SearchField};
use crate::hooks::use_session;
use crate::pages::heading;
use crate::state::Work;
use crate::state::workspaces::Question;
use crate::view::{format, workspaces as words};
use gloo_timers::callback::Timeout;
use icebridge_model::databricks::TableKind;
use std::ops::Range;
use yew::prelude::*;

/// How long the typing pauses before a search begins.
const PAUSE_MS: u32 = 200;

#[derive(Properties, PartialEq)]
pub struct UnityTablesProps {
    pub workspace: AttrValue,
}

#[component]
pub fn UnityTables(props: &UnityTablesProps) -> Html {
    let session = use_session();
    let name = props.workspace.to_string();
    let held = session.workspaces.tables.clone().filter(|held| held.question.workspace == name);
    let asked = held.as_ref().map(|held| held.question.clone()).unwrap_or_default();
    let search = use_state_eq(|| asked.search.clone());
    use_question(&name, &search);
    let busy = session.is_busy(&Work::Unity(name.clone()));
    let refresh = {
        let (session, name) = (session.clone(), name.clone());
        Callback::from(move |()| workspaces::refresh_unity(&session, name.clone()))
    };
    let total = held.as_ref().and_then(|held| held.total);
    let everything = asked.kind.is_none() && asked.search.is_empty();
    let untouched = everything && total == Some(0) && held.as_ref().is_none_or(|held| held.refreshed_at.is_none());
    if untouched && !busy {
        return not_read(refresh);
    }
    let Some(total) = total else { return html! { <Loading text="Loading the tables…" /> } };
    let refreshed = match held.as_ref().and_then(|held| held.refreshed_at.as_ref()) {
        Some(moment) => format!("read {}", format::moment(moment)),
        None => "not read to the end".to_string(),
    };
    let set_search = {
        let search = search.clone();
        Callback::from(move |text| search.set(text))
    };
    html! {
        <>
            if busy { <Progress workspace={props.workspace.clone()} /> }
            <Kinds workspace={props.workspace.clone()} />
            <div class="toolbar">
                <SearchField testid="unity-search" label="Search tables" value={(*search).clone()}
                    placeholder="Name, comment or owner" oninput={set_search} />
                <span class="quiet-text" role="status" data-testid="unity-total">{ format::tables(total) }</span>
                <span class="quiet-text grow">{ refreshed }</span>
                <Button testid="unity-refresh" icon={Icon::Refresh} label="Refresh" {busy} onclick={refresh} />
            </div>
            <Listed workspace={props.workspace.clone()} />
        </>
    }
}

/// Asks for the tables that fit what is typed, once the typing pauses.
#[hook]
fn use_question(workspace: &str, search: &str) {
    let (session, name) = (use_session(), workspace.to_string());
    let first = use_mut_ref(|| true);
    use_effect_with(search.to_string(), move |search| {
        let search = search.trim().to_string();
        let pause = if first.replace(false) { 0 } else { PAUSE_MS };
        let waiting = Timeout::new(pause, move || {
            // The kind may have been chosen while we waited.
            let held = session.workspaces.tables.as_ref().filter(|held| held.question.workspace == name);
            let kind = held.and_then(|held| held.question.kind);
            workspaces::ask(&session, Question { workspace: name, kind, search });
        });
        move || drop(waiting)
    });
}

fn not_read(refresh: Callback<()>) -> Html {
    const TEXT: &str = "Reading lists every catalog, schema and table you may see, with owners, comments and \
                        properties, and the grants and tags of foreign Iceberg tables. It changes nothing.";
    html! {
        <Empty icon={Icon::Search} title="Unity Catalog has not been read yet" testid="unity-empty" text={TEXT}>
            <Button testid="unity-read" kind="primary" icon={Icon::Refresh} label="Read Unity Catalog"
                onclick={refresh} />
        </Empty>
    }
}

/// The rows that were asked for, and the chosen one in full.
#[component]
fn Listed(props: &UnityTablesProps) -> Html {
    let session = use_session();
    let selected = use_state_eq(|| None::<String>);
    let name = props.workspace.to_string();
    let held = session.workspaces.tables.clone().filter(|held| held.question.workspace == name).unwrap_or_default();
    let total = held.total.unwrap_or_default();
    let row_selected = selected.as_ref().and_then(|_| session_row(&held, selected.as_deref(), total));
    let row_name = {
        let held = held.clone();
        Callback::from(move |at: usize| held.row(at).map_or_else(|| format!("#{at}"), |row| row.full_name.clone()))
    };
    let draw = {
        let held = held.clone();
        Callback::from(move |(at, column): (usize, &'static str)| cell(held.row(at), column))
    };
    let on_select = {
        let (held, selected) = (held.clone(), selected.clone());
        Callback::from(move |at: usize| selected.set(held.row(at).map(|row| row.full_name.clone())))
    };
    let on_sight = {
        let session = session.clone();
        Callback::from(move |rows: Range<usize>| workspaces::read_rows(&session, rows))
    };
    let close = Callback::from(move |()| selected.set(None));
    let none = if session.is_busy(&Work::Unity(name)) {
        "The first tables appear when the reading has ended."
    } else {
        "No table matches."
    };
    html! {
        <div class="split">
            <Grid label="Tables of Unity Catalog" testid="unity-grid" columns={COLUMNS.to_vec()} count={total}
                name={row_name} cell={draw} selected={row_selected} {on_select} on_sight={Some(on_sight)}>
                <p class="quiet-text">{ none }</p>
            </Grid>
            if let Some(row) = row_selected.and_then(|at| held.row(at)) {
                <aside class="detail panel" aria-label="Table" data-testid="unity-detail">
                    <header class="panel-head">
                        { heading(&row.full_name) }
                        <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true
                            label="Close" onclick={close} />
                    </header>
                    <div class="panel-body"><UnityDetail row={row.clone()} /></div>
                </aside>
            }
        </div>
    }
}

/// Where the chosen table is in the list, if it is among the rows that are held.
fn session_row(held: &crate::state::workspaces::Tables, name: Option<&str>, total: usize) -> Option<usize> {
    held.held_rows(total).find(|at| held.row(*at).map(|row| row.full_name.as_str()) == name)
}

#[component]
fn Progress(props: &UnityTablesProps) -> Html {
    let session = use_session();
    let name = props.workspace.to_string();
    let listing = session.workspaces.listings.get(&name).cloned().unwrap_or_default();
    let words = match (listing.tables, listing.schemas) {
        (0, 0) => "Listing catalogs and schemas…".to_string(),
        (tables, schemas) => format!(
            "{} in {} · {}",
            format::tables(tables),
            format::counted(schemas as u64, "schema", "schemas"),
            listing.last
        ),
    };
    let stop = {
        let session = session.clone();
        Callback::from(move |()| workspaces::stop_unity(&session, name.clone()))
    };
    html! {
        <div class="panel progress-panel" role="status" data-testid="unity-progress">
            <Meter label="Unity Catalog" done=0 total=0 />
            <span class="quiet-text grow ellipsis">{ words }</span>
            <Button testid="unity-stop" kind="small" icon={Icon::Stop} label="Stop"
                title="What has been read so far is kept" onclick={stop} />
        </div>
    }
}

/// The kinds that are there, each with its count: a click lists only that one.
#[component]
fn Kinds(props: &UnityTablesProps) -> Html {
    let session = use_session();
    let Some(held) = session.workspaces.tables.clone() else { return html! {} };
    let choose = |kind: Option<TableKind>| {
        let (session, question) = (session.clone(), Question { kind, ..held.question.clone() });
        Callback::from(move |()| workspaces::ask(&session, question.clone()))
    };
    let all = held.counted().map_or_else(|| "All".to_string(), |count| format!("All {}", format::count(count as u64)));
    let kinds = TableKind::ALL.iter().filter_map(|kind| {
        let count = held.counts.get(kind).copied().unwrap_or_default();
        // A chosen kind stays in sight when its last table is gone.
        (count > 0 || held.question.kind == Some(*kind)).then_some((*kind, count))
    });
    html! {
        <div class="line" role="group" aria-label="Kinds of tables" data-workspace={props.workspace.clone()}>
            <Button testid="kind-all" kind="toggle small" label={all} pressed={held.question.kind.is_none()}
                onclick={choose(None)} />
            { for kinds.map(|(kind, count)| html! {
                <Button key={kind.as_str()} testid={format!("kind-{}", kind.as_str())} kind="toggle small"
                    title={words::kind(kind).1}
                    label={format!("{} {}", words::capital(kind.text()), format::count(count as u64))}
                    pressed={held.question.kind == Some(kind)} onclick={choose(Some(kind))} />
            }) }
        </div>
    }
}

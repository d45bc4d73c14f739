//! Step 3: which table goes where.

mod draft;
mod override_panel;
mod rules;
mod sheet;

use crate::actions::{self};
use crate::components::{Button, Column, Empty, ErrorCard, Icon, Loading, PageHead, PagedGrid, SearchField, chip};
use crate::hooks::{View, use_session, use_view};
use crate::pages::{go, name};
use crate::state::{Action, Page, Work};
use crate::view::{format, view_words};
use draft::Draft;
use gloo_timers::callback::Timeout;
use icebridge_model::mapping::MappingState;
use icebridge_model::view::rows::mapping_state;
use icebridge_model::view::{Scope, Sort, ViewPage, ViewRequest, ViewRow};
use override_panel::OverridePanel;
use rules::Rules;
use sheet::Sheet;
use std::rc::Rc;
use yew::prelude::*;

/// The person has paused: time to count.
const PAUSE_MS: u32 = 350;

#[component]
pub fn Mapping() -> Html {
    let session = use_session();
    let generation = session.mapping.as_ref().map_or(0, |draft| draft.generation);
    {
        let session = session.clone();
        use_effect_with(generation, move |generation| {
            let generation = *generation;
            let waiting =
                (generation > 0).then(|| Timeout::new(PAUSE_MS, move || actions::count_mapping(&session, generation)));
            move || drop(waiting)
        });
    }
    let body = match &session.mapping {
        Some(_) => html! { <Editor /> },
        None if session.awaits_inventory() => html! { <Loading text="Loading the inventory…" /> },
        None if !session.has_inventory() || !session.has_route() => html! {
            <Empty icon={Icon::Swap} title="Nothing to map yet"
                text="Mapping needs a source, a target and an inventory.">
                <Button testid="mapping-back" kind="primary" label="Go to Inventory"
                    onclick={go(&session, Page::Inventory)} />
            </Empty>
        },
        None if session.is_busy(&Work::ReadMapping) => html! { <Loading text="Loading the mapping…" /> },
        None => html! {
            <Empty icon={Icon::Swap} title="The mapping could not be loaded" text="The error above says why.">
                <Button testid="mapping-reload" kind="primary" icon={Icon::Refresh} label="Load it again"
                    onclick={super::act(&session, actions::read_mapping)} />
            </Empty>
        },
    };
    html! { <><PageHead page={Page::Mapping}><Actions /></PageHead>{ body }</> }
}

#[component]
fn Actions() -> Html {
    let session = use_session();
    let Some(draft) = session.mapping.clone() else { return html! {} };
    let changed = draft.is_changed();
    let save = {
        let (session, mapping) = (session.clone(), draft.draft.clone());
        Callback::from(move |()| actions::save_mapping(&session, (*mapping).clone()))
    };
    let revert = {
        let (session, saved) = (session.clone(), draft.saved.clone());
        Callback::from(move |()| session.dispatch(Action::MappingEdit((*saved).clone())))
    };
    html! {
        <>
            if changed {
                <span class="unsaved" data-testid="mapping-unsaved">{ "Not saved" }</span>
                <Button testid="mapping-revert" label="Undo changes" onclick={revert} />
            }
            <Button testid="mapping-save" kind={if changed { "primary" } else { "" }} icon={Icon::Check}
                label="Save mapping" disabled={draft.error.is_some()} busy={session.is_busy(&Work::SaveMapping)}
                onclick={save} />
            if !changed {
                <Button testid="mapping-next" kind="primary" icon={Icon::Right} label="Continue to pre-flight"
                    onclick={go(&session, Page::Preflight)} />
            }
        </>
    }
}

#[component]
fn Editor() -> Html {
    let session = use_session();
    let filter = use_state_eq(String::new);
    let only = use_state_eq(|| None::<MappingState>);
    let selected = use_state_eq(|| None::<Rc<ViewRow>>);
    let sheet_open = use_state_eq(|| false);
    let shown = session.mapping.as_ref().map(|draft| (*draft.shown).clone());
    let scope = Scope::Mapping { route: session.route().clone(), mapping: shown };
    let request = ViewRequest {
        search: (*filter).clone(),
        filter: only.map(|state| format!("state={}", mapping_state(state))).unwrap_or_default(),
        // Conflicts first.
        sort: vec![Sort { column: "state".into(), descending: false }],
        facets: vec!["state".into()],
        ..ViewRequest::of(scope)
    };
    let view = use_view(request, session.inventory_version, Rc::default());
    let Some(draft) = session.mapping.clone() else { return html! {} };
    // As the draft makes it now, if it is in sight.
    let row = selected.as_ref().map(|row| {
        let at = view.position(row.text("name"));
        at.and_then(|at| view.row(at)).cloned().unwrap_or_else(|| row.clone())
    });
    let toggle_sheet = {
        let sheet_open = sheet_open.clone();
        Callback::from(move |()| sheet_open.set(!*sheet_open))
    };
    let error = draft.error.clone().or_else(|| view.error.as_deref().cloned());
    html! {
        <>
            <Rules draft={Draft(draft.clone())} on_sheet={toggle_sheet.clone()} />
            if let Some(error) = error { <ErrorCard {error} testid="mapping-error" /> }
            if *sheet_open { <Sheet draft={Draft(draft.clone())} on_close={toggle_sheet} /> }
            { toolbar(&view, &filter, &only) }
            <div class="split">
                { grid(&view, &selected) }
                if let Some(row) = row {
                    <OverridePanel key={row.text("name").to_string()} row={row.clone()} draft={Draft(draft)}
                        on_close={close(&selected)} />
                }
            </div>
        </>
    }
}

fn close(selected: &UseStateHandle<Option<Rc<ViewRow>>>) -> Callback<()> {
    let selected = selected.clone();
    Callback::from(move |()| selected.set(None))
}

fn toolbar(view: &View, filter: &UseStateHandle<String>, only: &UseStateHandle<Option<MappingState>>) -> Html {
    let set_filter = {
        let filter = filter.clone();
        Callback::from(move |text| filter.set(text))
    };
    html! {
        <div class="toolbar">
            <SearchField testid="mapping-filter" label="Filter tables" value={(**filter).clone()}
                placeholder="Filter by source or target" oninput={set_filter} />
            { for filters(view.head(), only) }
            <span class="grow" />
        </div>
    }
}

fn grid(view: &View, selected: &UseStateHandle<Option<Rc<ViewRow>>>) -> Html {
    let columns = vec![
        Column::new("name", "Source table", 170).growing(1),
        Column::new("target", "Target table", 170).growing(1),
        Column::new("state", "State", 108),
        Column::new("because", "Because", 130).yielding(1),
        Column::new("problem", "Problem", 120).growing(1),
    ];
    let on_select = {
        let (view, selected) = (view.clone(), selected.clone());
        Callback::from(move |name: String| {
            selected.set(view.position(&name).and_then(|at| view.row(at)).cloned());
        })
    };
    let cell = Callback::from(|(row, column): (Rc<ViewRow>, &'static str)| cell(&row, column));
    let chosen = selected.as_ref().map(|row| row.text("name").to_string());
    html! {
        <PagedGrid label="Preview of the mapping" testid="mapping-grid" {columns} view={view.clone()} {cell}
            selected={chosen} {on_select}>
            <p class="quiet-text">{ "No table matches the filter." }</p>
        </PagedGrid>
    }
}

/// Buttons that count the states and show one of them alone.
fn filters(counts: &ViewPage, only: &UseStateHandle<Option<MappingState>>) -> Vec<Html> {
    let button = |id: &'static str, label: &str, state: Option<MappingState>| {
        let count = state.map_or(counts.total, |state| counts.count("state", mapping_state(state)));
        let onclick = {
            let only = only.clone();
            Callback::from(move |()| only.set(state))
        };
        html! {
            <Button testid={format!("mapping-only-{id}")} kind="small toggle" {onclick}
                label={format!("{label} {}", format::count(count as u64))} pressed={Some(**only == state)} />
        }
    };
    vec![
        button("all", "All", None),
        button("create", "Create", Some(MappingState::Create)),
        button("exists", "Exists", Some(MappingState::Exists)),
        button("migrated", "Migrated", Some(MappingState::Migrated)),
        button("excluded", "Excluded", Some(MappingState::Excluded)),
        button("conflict", "Conflict", Some(MappingState::Conflict)),
    ]
}

fn cell(row: &ViewRow, column: &str) -> Html {
    match column {
        "name" => name(row.text("name")),
        "target" if row.text("target").is_empty() => html! { <span class="quiet-text">{ "left out" }</span> },
        "target" => name(row.text("target")),
        "state" => view_words::mapping(row).map(chip::of::mapping).unwrap_or_default(),
        "because" => html! { <span class="quiet-text">{ row.text("reason").to_string() }</span> },
        _ => {
            let problem = row.text("message").to_string();
            html! { <span class="bad-text" title={problem.clone()}>{ problem }</span> }
        }
    }
}

//! Step 3: which table goes where.

mod override_panel;
mod rules;
mod sheet;

use crate::actions::{self, Handle};
use crate::components::{Button, Column, Empty, ErrorCard, Field, Grid, Icon, Loading, PageHead, chip};
use crate::hooks::use_session;
use crate::pages::{go, ident};
use crate::state::{Action, MappingDraft, Page, Work};
use crate::view::{format, order};
use gloo_timers::callback::Timeout;
use icebridge_model::TableIdent;
use icebridge_model::mapping::{self, MappingRow, MappingState};
use override_panel::OverridePanel;
use rules::Rules;
use sheet::Sheet;
use yew::prelude::*;

/// The person has paused: time to ask the backend which targets exist.
const PAUSE_MS: u32 = 350;

#[component]
pub fn Mapping() -> Html {
    let session = use_session();
    let generation = session.mapping.as_ref().map_or(0, |draft| draft.generation);
    {
        let session = session.clone();
        use_effect_with(generation, move |generation| {
            let generation = *generation;
            let waiting = (generation > 0)
                .then(|| Timeout::new(PAUSE_MS, move || actions::preview_mapping(&session, generation)));
            move || drop(waiting)
        });
    }
    let body = match &session.mapping {
        Some(_) => html! { <Editor /> },
        None if session.awaits_inventory() => html! { <Loading text="Loading the inventory…" /> },
        None if session.inventory.as_ref().is_none_or(|rows| rows.is_empty()) || !session.has_route() => html! {
            <Empty icon={Icon::Swap} title="Nothing to map yet" text="Mapping needs a source, a target and an inventory.">
                <Button testid="mapping-back" kind="primary" label="Go to Inventory" onclick={go(&session, Page::Inventory)} />
            </Empty>
        },
        None if session.is_busy(&Work::ReadMapping) => html! { <Loading text="Loading the mapping…" /> },
        None => html! {
            <Empty icon={Icon::Swap} title="The mapping could not be loaded" text="The error above says why.">
                <Button testid="mapping-reload" kind="primary" icon={Icon::Refresh} label="Load it again" onclick={super::act(&session, actions::read_mapping)} />
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
            <Button testid="mapping-save" kind={if changed { "primary" } else { "" }} icon={Icon::Check} label="Save mapping"
                disabled={draft.error.is_some()} busy={session.is_busy(&Work::SaveMapping)} onclick={save} />
            if !changed {
                <Button testid="mapping-next" kind="primary" icon={Icon::Right} label="Continue to pre-flight" onclick={go(&session, Page::Preflight)} />
            }
        </>
    }
}

#[component]
fn Editor() -> Html {
    let session = use_session();
    let filter = use_state_eq(String::new);
    let only = use_state_eq(|| None::<MappingState>);
    let selected = use_state_eq(|| None::<TableIdent>);
    let sheet_open = use_state_eq(|| false);
    let Some(draft) = session.mapping.clone() else { return html! {} };
    let preview = draft.preview.clone();
    let kept: Vec<usize> = (0..preview.rows.len())
        .filter(|at| {
            let row = &preview.rows[*at];
            let target = row.target.as_ref().map(ToString::to_string).unwrap_or_default();
            only.is_none_or(|state| row.state == state) && order::matches(&filter, &format!("{} {target}", row.source))
        })
        .collect();
    let row_selected =
        selected.as_ref().and_then(|ident| kept.iter().position(|at| preview.rows[*at].source == *ident));
    let detail = selected.as_ref().and_then(|ident| preview.rows.iter().find(|row| row.source == *ident)).cloned();
    let name = {
        let (preview, kept) = (preview.clone(), kept.clone());
        Callback::from(move |row: usize| preview.rows[kept[row]].source.to_string())
    };
    let cell = {
        let (preview, kept) = (preview.clone(), kept.clone());
        Callback::from(move |(row, column): (usize, &'static str)| cell(&preview.rows[kept[row]], column))
    };
    let on_select = {
        let (preview, kept, selected) = (preview.clone(), kept.clone(), selected.clone());
        Callback::from(move |row: usize| selected.set(Some(preview.rows[kept[row]].source.clone())))
    };
    let set_filter = {
        let filter = filter.clone();
        Callback::from(move |text| filter.set(text))
    };
    let close = {
        let selected = selected.clone();
        Callback::from(move |()| selected.set(None))
    };
    let toggle_sheet = {
        let sheet_open = sheet_open.clone();
        Callback::from(move |()| sheet_open.set(!*sheet_open))
    };
    let columns = vec![
        Column::new("source", "Source table", 170).growing(1),
        Column::new("target", "Target table", 170).growing(1),
        Column::new("state", "State", 108),
        Column::new("because", "Because", 130).yielding(1),
        Column::new("problem", "Problem", 120).growing(1),
    ];
    html! {
        <>
            <Rules draft={Draft(draft.clone())} on_sheet={toggle_sheet.clone()} />
            if let Some(error) = &draft.error { <ErrorCard error={error.clone()} testid="mapping-error" /> }
            if *sheet_open { <Sheet draft={Draft(draft.clone())} on_close={toggle_sheet} /> }
            <div class="toolbar">
                <div class="search">
                    { Icon::Search.draw() }
                    <Field testid="mapping-filter" kind="search" label="Filter tables" bare=true value={(*filter).clone()}
                        placeholder="Filter by source or target" oninput={set_filter} />
                </div>
                { for filters(&draft, &only) }
                <span class="grow" />
            </div>
            <div class="split">
                <Grid label="Preview of the mapping" testid="mapping-grid" {columns} count={kept.len()} {name} {cell} selected={row_selected} {on_select}>
                    <p class="quiet-text">{ "No table matches the filter." }</p>
                </Grid>
                if let Some(row) = detail {
                    <OverridePanel key={row.source.to_string()} row={row.clone()} draft={Draft(draft)} on_close={close} />
                }
            </div>
        </>
    }
}

/// Buttons that count the states and show one of them alone.
fn filters(draft: &MappingDraft, only: &UseStateHandle<Option<MappingState>>) -> Vec<Html> {
    let rows = &draft.preview.rows;
    let button = |id: &'static str, label: &str, state: Option<MappingState>| {
        let count = state.map_or(rows.len(), |state| rows.iter().filter(|row| row.state == state).count());
        let onclick = {
            let only = only.clone();
            Callback::from(move |()| only.set(state))
        };
        html! {
            <Button testid={format!("mapping-only-{id}")} kind="small toggle" label={format!("{label} {}", format::count(count as u64))}
                pressed={Some(**only == state)} {onclick} />
        }
    };
    vec![
        button("all", "All", None),
        button("create", "Create", Some(MappingState::Create)),
        button("exists", "Exists", Some(MappingState::Exists)),
        button("excluded", "Excluded", Some(MappingState::Excluded)),
        button("conflict", "Conflict", Some(MappingState::Conflict)),
    ]
}

fn cell(row: &MappingRow, column: &str) -> Html {
    match column {
        "source" => ident(&row.source),
        "target" => match &row.target {
            Some(target) => ident(target),
            None => html! { <span class="quiet-text">{ "left out" }</span> },
        },
        "state" => chip::of::mapping(row.state),
        "because" => html! { <span class="quiet-text">{ &row.because }</span> },
        "problem" => html! { <span class="bad-text" title={row.problem.clone()}>{ &row.problem }</span> },
        _ => html! {},
    }
}

/// A draft as a property: the generation and the preview's address say whether it changed.
#[derive(Clone)]
pub struct Draft(pub MappingDraft);

impl PartialEq for Draft {
    fn eq(&self, other: &Self) -> bool {
        self.0.generation == other.0.generation
            && std::rc::Rc::ptr_eq(&self.0.preview, &other.0.preview)
            && std::rc::Rc::ptr_eq(&self.0.draft, &other.0.draft)
            && std::rc::Rc::ptr_eq(&self.0.saved, &other.0.saved)
    }
}

fn edit(session: &Handle, mapping: mapping::Mapping) {
    session.dispatch(Action::MappingEdit(mapping));
}

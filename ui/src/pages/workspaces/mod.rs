//! Where foreign tables are seen and managed ones will live: sign in, open the gate, look at Unity Catalog.

mod columns;
mod detail;
mod form;
mod gate;
mod row;
mod tables;
mod unmet;

use crate::actions::{Handle, workspaces};
use crate::components::{Button, Empty, Icon, Loading, PageHead};
use crate::hooks::use_session;
use crate::pages::{act, no_keychain};
use crate::state::prefs::WorkspaceTab;
use crate::state::workspaces::is_ended_sandbox;
use crate::state::{Action, Page, Work};
use form::WorkspaceForm;
use gate::GatePanel;
use icebridge_model::databricks::WorkspaceSpec;
use row::WorkspaceRow;
use tables::UnityTables;
use yew::prelude::*;

#[derive(Clone, PartialEq)]
enum Editing {
    Nothing,
    New,
    Existing(WorkspaceSpec),
}

#[component]
pub fn Workspaces() -> Html {
    const NO_KEYCHAIN: &str =
        "A sign-in through the browser lasts until the app closes; tokens and client secrets cannot be stored.";
    let session = use_session();
    let editing = use_state_eq(|| Editing::Nothing);
    let specs = session.workspaces.specs.clone();
    let none = specs.as_ref().is_some_and(|specs| specs.is_empty()) && *editing == Editing::Nothing;
    let form = match &*editing {
        Editing::Nothing => html! {},
        Editing::New => html! { <WorkspaceForm key="new" on_close={set(&editing, Editing::Nothing)} /> },
        Editing::Existing(spec) => html! {
            <WorkspaceForm key={spec.name.clone()} spec={Some(spec.clone())}
                on_close={set(&editing, Editing::Nothing)} />
        },
    };
    html! {
        <>
            <PageHead page={Page::Workspaces}>
                if !none {
                    { try_sandbox(&session, "") }
                    if *editing == Editing::Nothing { { add(&editing) } }
                }
            </PageHead>
            { no_keychain(&session, NO_KEYCHAIN) }
            { form }
            {
                match specs {
                    None => html! { <Loading text="Reading the workspaces…" /> },
                    Some(_) if none => empty(&session, &editing),
                    Some(specs) if specs.is_empty() => html! {},
                    Some(specs) => listed(&session, &specs, &editing),
                }
            }
        </>
    }
}

fn set(editing: &UseStateHandle<Editing>, value: Editing) -> Callback<()> {
    let editing = editing.clone();
    Callback::from(move |()| editing.set(value.clone()))
}

fn add(editing: &UseStateHandle<Editing>) -> Html {
    let onclick = set(editing, Editing::New);
    html! { <Button testid="add-workspace" icon={Icon::Plus} label="Add workspace" {onclick} /> }
}

fn try_sandbox(session: &Handle, kind: &'static str) -> Html {
    html! {
        <Button testid="try-sandbox" {kind} icon={Icon::Spark} busy={session.is_busy(&Work::Sandbox)}
            label="Try it without a workspace"
            title="Starts a sandbox on this machine: a workspace to try things with, gone when the app is closed"
            onclick={act(session, workspaces::try_sandbox)} />
    }
}

fn empty(session: &Handle, editing: &UseStateHandle<Editing>) -> Html {
    const TEXT: &str = "Add the Databricks workspace whose Unity Catalog shows your foreign tables. Without one at \
                        hand, a sandbox on this machine behaves like it and ends with the app.";
    html! {
        <Empty icon={Icon::Cloud} title="No workspace yet" testid="workspaces-empty" text={TEXT}>
            { add(editing) }
            { try_sandbox(session, "primary") }
        </Empty>
    }
}

fn listed(session: &Handle, specs: &[WorkspaceSpec], editing: &UseStateHandle<Editing>) -> Html {
    let rows = specs.iter().map(|spec| {
        html! {
            <WorkspaceRow key={spec.name.clone()} spec={spec.clone()} chosen={spec.name == session.prefs.workspace}
                on_edit={set(editing, Editing::Existing(spec.clone()))} />
        }
    });
    html! {
        <>
            <section class="panel workspaces" role="radiogroup" aria-label="Workspaces">{ for rows }</section>
            if **editing == Editing::Nothing { <InSight /> }
        </>
    }
}

/// The gate or the tables of the chosen workspace.
#[component]
fn InSight() -> Html {
    let session = use_session();
    let name = session.prefs.workspace.clone();
    let tab = session.prefs.workspace_tab;
    let turn = |to: WorkspaceTab| {
        let session = session.clone();
        Callback::from(move |()| session.dispatch(Action::WorkspaceTab(to)))
    };
    if name.is_empty() {
        return html! {};
    }
    if !session.workspaces.is_signed_in(&name) {
        let all = &session.workspaces;
        let spec = all.specs.iter().flat_map(|specs| specs.iter()).find(|spec| spec.name == name);
        if spec.is_some_and(|spec| is_ended_sandbox(spec, all.sandbox.as_deref())) {
            return html! {};
        }
        let text = if session.is_busy(&Work::CheckWorkspace(name.clone())) {
            "Asking the workspace who you are…"
        } else {
            "The governance gate and the tables of Unity Catalog are shown here after sign-in."
        };
        return html! { <p class="quiet-text" data-testid="workspace-not-signed-in">{ text }</p> };
    }
    html! {
        <>
            <div class="line">
                <div class="segments" role="group" aria-label="What to look at">
                    <Button testid="tab-gate" kind="toggle" icon={Icon::Shield} label="Governance gate"
                        pressed={tab == WorkspaceTab::Gate} onclick={turn(WorkspaceTab::Gate)} />
                    <Button testid="tab-tables" kind="toggle" icon={Icon::Columns} label="Tables of Unity Catalog"
                        pressed={tab == WorkspaceTab::Tables} onclick={turn(WorkspaceTab::Tables)} />
                </div>
                <span class="quiet-text">{ format!("of {name}") }</span>
            </div>
            {
                match tab {
                    WorkspaceTab::Gate => html! { <GatePanel key={name.clone()} workspace={name.clone()} /> },
                    WorkspaceTab::Tables => html! { <UnityTables key={name.clone()} workspace={name.clone()} /> },
                }
            }
        </>
    }
}

//! The governance gate of one workspace: what is asked of which schemas, what is missing, and a look again every few seconds.

use super::unmet::UnmetPiece;
use crate::actions::workspaces;
use crate::components::{Button, Chip, Field, Icon, Tone};
use crate::hooks::use_session;
use crate::state::prefs::GateDraft;
use crate::state::workspaces::GateSeen;
use crate::state::{Action, Work};
use crate::view::{format, workspaces as words};
use gloo_timers::callback::Interval;
use yew::prelude::*;

/// Somebody else opens it, elsewhere: often enough to be seen at once, and a few small requests each time.
const AGAIN_MS: u32 = 4_000;

#[derive(Properties, PartialEq)]
pub struct GatePanelProps {
    pub workspace: AttrValue,
}

#[component]
pub fn GatePanel(props: &GatePanelProps) -> Html {
    let session = use_session();
    let name = props.workspace.to_string();
    let draft = session.prefs.gates.get(&name).cloned().unwrap_or_default();
    let targets = words::targets(&draft.catalog, &draft.schemas);
    let work = Work::Gate(name.clone());
    let seen = session.workspaces.gates.get(&name).filter(|seen| seen.targets == targets).cloned();
    // After an error a person decides: asking on would only say it again and again.
    let failed = session.notices.iter().any(|notice| notice.work == work);
    let watched = (seen.as_ref().is_some_and(|seen| !seen.gate.is_open()) && !failed).then(|| targets.clone());
    {
        let (session, name) = (session.clone(), name.clone());
        use_effect_with(watched, move |watched| {
            let watching = watched.clone().map(|targets| {
                Interval::new(AGAIN_MS, move || workspaces::check_gate(&session, name.clone(), targets.clone()))
            });
            move || drop(watching)
        });
    }
    let check = {
        let (session, name, targets) = (session.clone(), name.clone(), targets.clone());
        Callback::from(move |()| workspaces::check_gate(&session, name.clone(), targets.clone()))
    };
    let onsubmit = {
        let (check, ready) = (check.clone(), !targets.is_empty());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if ready {
                check.emit(());
            }
        })
    };
    let edit = |change: fn(&mut GateDraft, String)| {
        let (session, draft) = (session.clone(), draft.clone());
        Callback::from(move |text: String| {
            let mut next = draft.clone();
            change(&mut next, text);
            session.dispatch(Action::GateDraft(next));
        })
    };
    html! {
        <section class="panel gate" aria-label="Governance gate" data-testid="gate-panel">
            <form class="gate-ask" {onsubmit}>
                <Field testid="gate-catalog" label="Target catalog" value={draft.catalog.clone()} placeholder="main"
                    oninput={edit(|draft, text| draft.catalog = text)} />
                <div class="grow">
                    <Field testid="gate-schemas" label="Target schemas" value={draft.schemas.clone()}
                        placeholder="bronze, silver" oninput={edit(|draft, text| draft.schemas = text)} />
                </div>
                <Button testid="gate-check" kind="primary" icon={Icon::Shield}
                    label={if seen.is_some() { "Check again" } else { "Check the gate" }}
                    disabled={targets.is_empty()} busy={session.is_busy(&work) && seen.is_none()} submit=true />
            </form>
            { seen.map_or_else(unasked, |seen| verdict(&seen)) }
        </section>
    }
}

fn unasked() -> Html {
    html! {
        <div class="panel-body quiet-text" data-testid="gate-unasked">
            <p>
                { "Unity Catalog lets nothing outside Databricks write to its tables until it is allowed. Two things must be in place: external data access, switched on in the metastore, and EXTERNAL USE SCHEMA, granted on each target schema." }
            </p>
            <p>
                { "Name the schemas your tables shall go to. The check reads settings and grants, and changes none." }
            </p>
        </div>
    }
}

fn verdict(seen: &GateSeen) -> Html {
    let gate = &seen.gate;
    let met = html! {
        <ul class="met" data-testid="gate-met">
            { for gate.met.iter().map(|met| html! {
                <li class="line top">{ Icon::Check.draw() }<span>{ words::capital(met) }</span></li>
            }) }
        </ul>
    };
    if gate.is_open() {
        return html! {
            <div class="panel-body stack" role="status">
                <div class="line">
                    <span data-testid="gate-verdict">
                        <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="open" />
                    </span>
                    <strong>{ format!("The gate is open for {}, because:", gate.principal) }</strong>
                </div>
                { met }
            </div>
        };
    }
    let missing = format::counted(gate.unmet.len() as u64, "piece is missing", "pieces are missing");
    html! {
        <div class="panel-body stack">
            <div class="line" role="status">
                <span data-testid="gate-verdict"><Chip tone={Tone::Warn} icon={Icon::Warning} word="closed" /></span>
                <strong>{ format!("{missing} for {}", gate.principal) }</strong>
                <span class="quiet-text">{ "This looks again by itself every few seconds." }</span>
            </div>
            { for gate.unmet.iter().enumerate().map(|(at, unmet)| html! {
                <UnmetPiece key={format!("{:?} {}", unmet.requirement, unmet.object)} number={at + 1}
                    unmet={unmet.clone()} />
            }) }
            if !gate.met.is_empty() {
                <h3>{ "In place already" }</h3>
                { met }
            }
        </div>
    }
}

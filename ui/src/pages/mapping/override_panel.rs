//! One table, named by hand.

use super::draft::{Draft, edit};
use crate::components::{Button, Field, Icon, chip};
use crate::hooks::use_session;
use crate::pages::heading;
use crate::state::mapping::overridden;
use crate::view::view_words;
use icebridge_model::TableIdent;
use icebridge_model::view::ViewRow;
use std::rc::Rc;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct OverridePanelProps {
    pub row: Rc<ViewRow>,
    pub draft: Draft,
    pub on_close: Callback<()>,
}

#[component]
pub fn OverridePanel(props: &OverridePanelProps) -> Html {
    let session = use_session();
    let row = &props.row;
    let text = use_state_eq(|| row.text("target").to_string());
    let parsed = TableIdent::parse(text.trim());
    let invalid = match &parsed {
        _ if text.trim().is_empty() => String::new(),
        Err(error) => error.message.clone(),
        Ok(_) => String::new(),
    };
    let source = TableIdent::parse(row.text("name")).ok();
    let overrides = &props.draft.0.draft.overrides;
    let is_override = overrides.iter().any(|entry| Some(&entry.source) == source.as_ref());
    let set = |target: Option<Option<TableIdent>>| {
        let (session, mapping, source) = (session.clone(), props.draft.0.draft.clone(), source.clone());
        Callback::from(move |()| {
            if let Some(source) = &source {
                edit(&session, overridden(&mapping, source, target.clone()));
            }
        })
    };
    let oninput = {
        let text = text.clone();
        Callback::from(move |value| text.set(value))
    };
    let apply = set(Some(parsed.clone().ok()));
    let onsubmit = {
        let (apply, ok) = (apply.clone(), parsed.is_ok());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if ok {
                apply.emit(());
            }
        })
    };
    let name = row.text("name").to_string();
    html! {
        <aside class="detail panel" aria-label="Override" data-testid="mapping-detail">
            <header class="panel-head">
                { heading(&name) }
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close"
                    onclick={&props.on_close} />
            </header>
            <form class="panel-body stack" {onsubmit}>
                { state(row) }
                <Field testid="override-target" label="Target table" value={(*text).clone()} {oninput} {invalid}
                    placeholder="namespace.table" hint="Beats every rule, for this table alone." />
                <div class="actions">
                    <Button testid="override-apply" kind="primary" label="Use this name" disabled={parsed.is_err()}
                        onclick={apply} />
                    <Button testid="override-exclude" label="Leave out" onclick={set(Some(None))} />
                    if is_override {
                        <Button testid="override-clear" label="Back to the rules" onclick={set(None)} />
                    }
                </div>
            </form>
        </aside>
    }
}

/// What the draft makes of the table, and what is wrong with that.
fn state(row: &ViewRow) -> Html {
    let problem = row.text("message").to_string();
    html! {
        <>
            <div class="line">
                { view_words::mapping(row).map(chip::of::mapping).unwrap_or_default() }
                <span class="quiet-text">{ row.text("reason").to_string() }</span>
            </div>
            if !problem.is_empty() { <p class="bad-text">{ problem }</p> }
        </>
    }
}

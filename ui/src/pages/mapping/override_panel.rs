//! One table, named by hand.

use super::{Draft, edit};
use crate::components::{Button, Field, Icon, chip};
use crate::hooks::use_session;
use crate::state::mapping::overridden;
use icebridge_model::TableIdent;
use icebridge_model::mapping::MappingRow;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct OverridePanelProps {
    pub row: MappingRow,
    pub draft: Draft,
    pub on_close: Callback<()>,
}

#[component]
pub fn OverridePanel(props: &OverridePanelProps) -> Html {
    let session = use_session();
    let row = &props.row;
    let text = use_state_eq(|| row.target.as_ref().map(ToString::to_string).unwrap_or_default());
    let parsed = TableIdent::parse(text.trim());
    let invalid = match &parsed {
        _ if text.trim().is_empty() => String::new(),
        Err(error) => error.message.clone(),
        Ok(_) => String::new(),
    };
    let is_override = props.draft.0.draft.overrides.iter().any(|entry| entry.source == row.source);
    let set = |target: Option<Option<TableIdent>>| {
        let (session, mapping, source) = (session.clone(), props.draft.0.draft.clone(), row.source.clone());
        Callback::from(move |()| edit(&session, overridden(&mapping, &source, target.clone())))
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
    html! {
        <aside class="detail panel" aria-label="Override" data-testid="mapping-detail">
            <header class="panel-head">
                <h2 class="grow ellipsis" title={row.source.to_string()}>{ row.source.to_string() }</h2>
                <Button testid="detail-close" kind="quiet small" icon={Icon::Cross} icon_only=true label="Close" onclick={&props.on_close} />
            </header>
            <form class="panel-body stack" {onsubmit}>
                <div class="line">{ chip::of::mapping(row.state) }<span class="quiet-text">{ &row.because }</span></div>
                if !row.problem.is_empty() { <p class="bad-text">{ &row.problem }</p> }
                <Field testid="override-target" label="Target table" value={(*text).clone()} {oninput} {invalid} placeholder="namespace.table"
                    hint="Beats every rule, for this table alone." />
                <div class="actions">
                    <Button testid="override-apply" kind="primary" label="Use this name" disabled={parsed.is_err()} onclick={apply} />
                    <Button testid="override-exclude" label="Leave out" onclick={set(Some(None))} />
                    if is_override {
                        <Button testid="override-clear" label="Back to the rules" onclick={set(None)} />
                    }
                </div>
            </form>
        </aside>
    }
}

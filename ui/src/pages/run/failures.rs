//! What went wrong, above the list, where it cannot scroll away.

use super::shared::RunProps;
use crate::components::ErrorCard;
use crate::hooks::{use_detail, use_view};
use icebridge_model::TableIdent;
use icebridge_model::ids::RunId;
use icebridge_model::ops::TableDetail;
use icebridge_model::view::{Scope, ViewRequest};
use std::rc::Rc;
use yew::prelude::*;

const SHOWN: usize = 3;

#[component]
pub fn Failures(props: &RunProps) -> Html {
    let run_id = props.run.0.run_id.clone();
    let scope = Scope::Run { run_id: run_id.clone() };
    let request = ViewRequest { filter: "state=failed".into(), ..ViewRequest::of(scope) };
    let failed = use_view(request, props.version, Rc::default());
    let names = (0..SHOWN).filter_map(|at| failed.row(at)).map(|row| row.text("name").to_string());
    let more = failed.head().matching.saturating_sub(SHOWN);
    html! {
        <section class="stack" aria-label="Failed tables" data-testid="run-failures">
            { for names.map(|name| html! {
                <Failure key={name.clone()} name={name.clone()} run_id={run_id.clone()} version={props.version} />
            }) }
            if more > 0 {
                <p class="quiet-text">{ format!("{more} more failed; they are first in the list below.") }</p>
            }
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct FailureProps {
    name: String,
    run_id: RunId,
    version: u64,
}

/// The error in full: what to do, and its causes.
#[component]
fn Failure(props: &FailureProps) -> Html {
    let scope = Scope::Run { run_id: props.run_id.clone() };
    let detail = use_detail(scope, TableIdent::parse(&props.name).ok(), props.version);
    let error = match detail.as_deref() {
        Some(Ok(TableDetail::Run(table))) => table.error.clone(),
        Some(Err(error)) => Some(error.clone()),
        _ => None,
    };
    let Some(error) = error else { return html! {} };
    let subject = props.name.clone();
    html! {
        <ErrorCard testid={format!("failure-{}", props.name)} error={error.about(&props.name)} {subject} />
    }
}

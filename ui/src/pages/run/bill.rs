//! What the run's clusters did cost. The workspace writes its bill hours later, so it is asked for and not waited for.

use crate::actions;
use crate::components::{Button, ErrorCard, Icon, Tone};
use crate::hooks::use_session;
use crate::state::Work;
use crate::view::clusters;
use icebridge_model::photon::Bill;
use icebridge_model::run::RunId;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct BillLineProps {
    pub run_id: RunId,
}

#[component]
pub fn BillLine(props: &BillLineProps) -> Html {
    let session = use_session();
    let busy = session.is_busy(&Work::Bill);
    let known = session.bill.as_ref().filter(|(run_id, _)| *run_id == props.run_id).map(|(_, bill)| bill.clone());
    let failed = session.notices.iter().find(|notice| notice.work == Work::Bill);
    let ask = {
        let (session, run_id) = (session.clone(), props.run_id.clone());
        Callback::from(move |()| actions::ask_bill(&session, run_id.clone()))
    };
    let label = if known.is_some() || failed.is_some() { "Ask again" } else { "Ask for the bill" };
    html! {
        <section class="panel bill" aria-label="Bill" data-testid="run-bill">
            <div class="line">
                <strong>{ "Bill" }</strong>
                <span class="grow" role="status">{ match &known {
                    Some(bill) => words(bill),
                    None => html! {
                        <span class="quiet-text">
                            { "What the clusters of this run cost, by the workspace’s own books." }
                        </span>
                    },
                } }</span>
                <Button testid="run-bill-ask" kind="small" icon={Icon::Refresh} {label} {busy} onclick={ask} />
            </div>
            if let Some(Bill::Known { runs, .. }) = known.as_deref() {
                if runs.len() > 1 {
                    <details>
                        <summary>{ "By run" }</summary>
                        <dl class="facts">{ for runs.iter().map(|run| html! {
                            <>
                                <dt><code>{ &run.job_run_id }</code></dt>
                                <dd>
                                    { clusters::dollars(run.cost.cents) }
                                    { ", " }
                                    { clusters::dbu(run.cost.milli_dbu) }
                                </dd>
                            </>
                        }) }</dl>
                    </details>
                }
            }
            if let Some(notice) = failed { <ErrorCard error={notice.error.clone()} testid="run-bill-error" /> }
        </section>
    }
}

fn words(bill: &Bill) -> Html {
    let (words, tone) = clusters::bill(bill);
    let class = match tone {
        Tone::Warn => "warn-text",
        Tone::Plain => "quiet-text",
        _ => "",
    };
    html! { <span {class} data-testid="run-bill-words">{ words }</span> }
}

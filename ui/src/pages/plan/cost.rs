//! What the plan's clusters will cost, as far as that is known before.

use crate::actions;
use crate::components::{Button, ErrorCard, Icon, Stat};
use crate::hooks::use_session;
use crate::state::Work;
use crate::view::{clusters, format};
use icebridge_model::photon::CostEstimate;
use yew::prelude::*;

#[component]
pub fn CostCard() -> Html {
    let session = use_session();
    let made = session.plan.as_ref().map(|plan| plan.value.clone());
    // Asked once for each plan that has clusters; prices and machines are looked up in the workspace.
    let question =
        made.filter(|made| made.plan.on_clusters > 0).map(|made| (made.plan.hash.clone(), made.path.clone()));
    let known = session.cost.as_ref().filter(|(plan, _)| question.as_ref().is_some_and(|(hash, _)| hash == plan));
    let busy = session.is_busy(&Work::Cost);
    {
        let session = session.clone();
        let unasked = question.clone().filter(|_| known.is_none() && !busy);
        // Not again after an error: the question has not changed then, and the person asks when it may be answered.
        use_effect_with((question.clone(), unasked.is_some() && !has_failed(&session)), move |_| {
            if let Some((plan, path)) = unasked.filter(|_| !has_failed(&session)) {
                actions::estimate_cost(&session, plan, path);
            }
        });
    }
    let Some((plan, path)) = question else { return html! {} };
    let again = {
        let session = session.clone();
        Callback::from(move |()| actions::estimate_cost(&session, plan.clone(), path.clone()))
    };
    let failed = session.notices.iter().find(|notice| notice.work == Work::Cost);
    if let (None, Some(notice)) = (known, failed) {
        return html! {
            <ErrorCard error={notice.error.clone()} testid="plan-cost-error" subject="Cost of the clusters">
                <div class="actions">
                    <Button testid="plan-cost-again" kind="small" icon={Icon::Refresh} label="Ask again" {busy}
                        onclick={again} />
                </div>
            </ErrorCard>
        };
    }
    html! {
        <section class="panel cost" aria-label="Cost of the clusters" data-testid="plan-cost">
            if let Some((_, estimate)) = known {
                { range(estimate) }
            } else {
                <p class="line quiet-text" role="status">
                    <span class="spinner" aria-hidden="true" />
                    { "Asking the workspace what the clusters will cost…" }
                </p>
            }
        </section>
    }
}

fn has_failed(session: &actions::Handle) -> bool {
    session.notices.iter().any(|notice| notice.work == Work::Cost)
}

fn range(estimate: &CostEstimate) -> Html {
    let range = clusters::range(estimate);
    html! {
        <>
            <div class="stats inline">
                <Stat label="copying will cost about" value={range.dollars} testid="plan-cost-dollars" />
                <Stat label="units that Databricks bills" value={range.dbu} testid="plan-cost-dbu" />
                <Stat label="job runs" value={format::count(estimate.clusters as u64)} testid="plan-cost-clusters" />
            </div>
            <p class="quiet-text cost-basis" data-testid="plan-cost-basis">
                { format!("{}.", format::sentence(&estimate.basis)) }
                if estimate.guessed {
                    <strong class="warn-text" data-testid="plan-cost-guessed">
                        { " A rate is guessed: the table of prices does not know a machine." }
                    </strong>
                }
            </p>
        </>
    }
}

//! Step 5: the plan.

mod cost;
mod settings;
mod tables;

use crate::actions;
use crate::components::start_panel::StartPanel;
use crate::components::unset::Unset;
use crate::components::{Button, Empty, Icon, Loading, PageHead, Stale, Stat};
use crate::hooks::use_session;
use crate::pages::{act, go};
use crate::state::{Page, Work};
use crate::view::format;
use cost::CostCard;
use icebridge_model::ops::PlanSaved;
use settings::SettingsForm;
use tables::PlanTables;
use yew::prelude::*;

#[component]
pub fn Plan() -> Html {
    let session = use_session();
    let busy = session.is_busy(&Work::Plan);
    let make = act(&session, actions::make_plan);
    let has_inventory = session.has_route() && session.has_inventory();
    let wrong = has_inventory && session.settings_problem().is_some();
    let body = match &session.plan {
        Some(made) => html! {
            <>
                if made.stale && !wrong {
                    <Stale testid="plan-stale"
                        text="The inventory, the mapping, an acceptance or a setting changed after this plan was made."
                        action="Rebuild plan" onclick={make.clone()} {busy} />
                }
                { summary(&made.value) }
                <CostCard />
                <PlanTables />
                <StartPanel />
            </>
        },
        None if busy => html! { <Loading text="Making the plan…" /> },
        None if session.awaits_inventory() => html! { <Loading text="Loading the inventory…" /> },
        None if !has_inventory => html! {
            <Empty icon={Icon::File} title="Nothing to plan yet"
                text="A plan needs a source, a target and an inventory.">
                <Button testid="plan-back" kind="primary" label="Go to Inventory"
                    onclick={go(&session, Page::Inventory)} />
            </Empty>
        },
        None => html! {
            <Empty icon={Icon::File} title="No plan yet"
                text="The same inventory, mapping and settings always give the same plan, byte for byte. Nothing is written but the plan file.">
                <Button testid="plan-first" kind="primary" icon={Icon::File} label="Make the plan" disabled={wrong}
                    onclick={make.clone()} />
            </Empty>
        },
    };
    let current = session.plan.as_ref().is_some_and(|plan| !plan.stale);
    html! {
        <>
            <PageHead page={Page::Plan}>
                if session.plan.is_some() {
                    <Button testid="plan-make" kind={if current { "" } else { "primary" }} icon={Icon::File} {busy}
                        disabled={!has_inventory || wrong} label="Rebuild plan" onclick={make} />
                }
            </PageHead>
            <div class="plan-columns">
                <SettingsForm />
                <div class="plan-main">
                    if wrong { <Unset /> }
                    { body }
                </div>
            </div>
        </>
    }
}

fn summary(made: &PlanSaved) -> Html {
    let totals = &made.plan.totals;
    html! {
        <>
            <div class="stats">
                <Stat label="tables" value={format::count(made.plan.tables as u64)} testid="plan-tables" />
                <Stat label="left out" value={format::count(made.plan.left_out as u64)}
                    tone={if made.plan.left_out == 0 { "" } else { "warn" }} testid="plan-left-out" />
                <Stat label="to copy" value={format::bytes(totals.bytes)} />
                <Stat label="rows" value={format::count(totals.rows)} />
                <Stat label="files" value={format::count(totals.files)} />
                <Stat label="about" value={format::seconds(totals.seconds)} />
            </div>
            <dl class="facts wide">
                <dt>{ "Plan file" }</dt><dd><code data-testid="plan-path">{ &made.path }</code></dd>
                <dt>{ "SHA-256" }</dt><dd><code data-testid="plan-hash">{ made.plan.hash.as_str() }</code></dd>
            </dl>
        </>
    }
}

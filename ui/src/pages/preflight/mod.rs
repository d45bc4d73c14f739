//! Step 4: what would be lost and what stands in the way.

mod by_code;
mod by_table;
mod report;

use crate::actions;
use crate::components::unset::Unset;
use crate::components::{Button, Empty, Icon, Loading, PageHead, Stale, Stat};
use crate::hooks::use_session;
use crate::pages::{act, go};
use crate::state::prefs::FindingsBy;
use crate::state::{Action, Page, Work};
use crate::view::format;
use by_code::ByCode;
use by_table::ByTable;
use report::{Report, ReportProps};
use yew::prelude::*;

#[component]
pub fn Preflight() -> Html {
    let session = use_session();
    let busy = session.is_busy(&Work::Preflight);
    let has_inventory = session.has_route() && session.has_inventory();
    let run = act(&session, actions::preflight);
    let wrong = has_inventory && session.settings_problem().is_some();
    let body = match &session.preflight {
        Some(report) => html! {
            <>
                if report.stale && !wrong {
                    <Stale testid="preflight-stale"
                        text="The inventory, the mapping or the settings changed after this check."
                        action="Check again" onclick={run.clone()} {busy} />
                }
                <Findings report={Report(report.value.clone())} />
            </>
        },
        None if wrong => html! {
            <Unset whole=true>
                <Button testid="preflight-settings" kind="primary" label="Go to the settings" icon={Icon::Right}
                    onclick={go(&session, Page::Plan)} />
            </Unset>
        },
        None if busy => html! { <Loading text="Checking every mapped table against the rules…" /> },
        None if session.awaits_inventory() => html! { <Loading text="Loading the inventory…" /> },
        None if !has_inventory => html! {
            <Empty icon={Icon::Shield} title="Nothing to check yet"
                text="Pre-flight needs a source, a target and an inventory.">
                <Button testid="preflight-back" kind="primary" label="Go to Inventory"
                    onclick={go(&session, Page::Inventory)} />
            </Empty>
        },
        None => html! {
            <Empty icon={Icon::Shield} title="Not checked yet"
                text="Every mapped table is checked against the rule table; nothing is written.">
                <Button testid="preflight-run" kind="primary" icon={Icon::Play} label="Check now"
                    onclick={run.clone()} />
            </Empty>
        },
    };
    html! {
        <>
            <PageHead page={Page::Preflight}>
                if session.preflight.is_some() {
                    <Button testid="preflight-again" icon={Icon::Refresh} label="Check again" {busy} disabled={wrong}
                        onclick={run} />
                    <Button testid="preflight-next" kind="primary" icon={Icon::Right} label="Continue to plan"
                        onclick={go(&session, Page::Plan)} />
                }
            </PageHead>
            if wrong && session.preflight.is_some() {
                <Unset>
                    <Button testid="preflight-settings" label="Go to the settings" icon={Icon::Right}
                        onclick={go(&session, Page::Plan)} />
                </Unset>
            }
            { body }
        </>
    }
}

#[component]
fn Findings(props: &ReportProps) -> Html {
    let session = use_session();
    let report = &props.report.0;
    let by = session.prefs.findings_by;
    let count = |number: usize| format::count(number as u64);
    html! {
        <>
            <div class="stats">
                <Stat label="tables ready" value={count(report.ready)} tone="good" testid="preflight-ready" />
                <Stat label="with losses to accept" value={count(report.needs_acceptance)}
                    tone={if report.needs_acceptance > 0 { "warn" } else { "" }} testid="preflight-needs-acceptance" />
                <Stat label="blocked, left out" value={count(report.blocked)}
                    tone={if report.blocked > 0 { "bad" } else { "" }} testid="preflight-blocked" />
                if report.migrated > 0 {
                    <Stat label="migrated by earlier runs" value={count(report.migrated)} testid="preflight-migrated" />
                }
            </div>
            <Toolbar report={props.report.clone()} />
            if by == FindingsBy::Code {
                <ByCode report={props.report.clone()} />
            } else {
                <ByTable report={props.report.clone()} />
            }
        </>
    }
}

#[component]
fn Toolbar(props: &ReportProps) -> Html {
    let session = use_session();
    let by = session.prefs.findings_by;
    let open = props.report.0.open_codes();
    let accept_all = {
        let (session, codes) = (session.clone(), open.clone());
        Callback::from(move |()| actions::accept(&session, codes.clone(), Vec::new(), true))
    };
    let show = |by: FindingsBy| {
        let session = session.clone();
        Callback::from(move |()| session.dispatch(Action::FindingsBy(by)))
    };
    let kinds = format::counted(open.len() as u64, "kind of loss", "kinds of loss");
    html! {
        <div class="toolbar">
            <div class="segments" role="group" aria-label="Group the findings">
                <Button testid="preflight-by-code" kind="small toggle" label="By code"
                    pressed={Some(by == FindingsBy::Code)} onclick={show(FindingsBy::Code)} />
                <Button testid="preflight-by-table" kind="small toggle" label="By table"
                    pressed={Some(by == FindingsBy::Table)} onclick={show(FindingsBy::Table)} />
            </div>
            <span class="grow" />
            if open.is_empty() {
                <span class="quiet-text" data-testid="preflight-nothing-open">{ "Nothing left to accept." }</span>
            } else {
                <span class="quiet-text">{ format!("Open: {}", open.join(", ")) }</span>
                <Button testid="preflight-accept-all" icon={Icon::Check} busy={session.is_busy(&Work::Accept)}
                    onclick={accept_all} label={format!("Accept {kinds}")} />
            }
        </div>
    }
}

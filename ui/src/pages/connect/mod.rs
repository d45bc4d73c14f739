//! Step 1: where tables come from and where they go.

mod card;
mod form;

use crate::actions;
use crate::components::{Button, Empty, Icon, Loading, PageHead};
use crate::hooks::use_session;
use crate::pages::{act, go, no_keychain};
use crate::state::{Page, Work};
use card::CatalogCard;
use form::CatalogForm;
use icebridge_model::catalog::{CatalogSpec, Role};
use yew::prelude::*;

#[component]
pub fn Connect() -> Html {
    let session = use_session();
    let route = session.route().clone();
    let nothing_yet = session.catalogs.as_ref().is_some_and(|specs| specs.is_empty());
    let sample_busy = session.is_busy(&Work::Sample);
    let sample = html! {
        <Button testid="connect-sample" kind={if nothing_yet { "primary" } else { "" }} icon={Icon::Spark}
            label={if sample_busy { "Making the sample lakehouse…" } else { "Try it with the sample lakehouse" }}
            busy={sample_busy} onclick={act(&session, actions::sample)} />
    };
    html! {
        <>
            <PageHead page={Page::Connect}>
                { sample }
                if session.has_route() {
                    <Button testid="connect-next" kind="primary" icon={Icon::Right} label="Continue to inventory"
                        onclick={go(&session, Page::Inventory)} />
                }
            </PageHead>
            { no_keychain(&session, "Catalogs without secrets work; secrets cannot be stored.") }
            <div class="route-line">
                <span class={classes!("route-end", route.source.is_empty().then_some("missing"))}
                    data-testid="route-source">
                    { if route.source.is_empty() { "no source chosen" } else { &route.source } }
                </span>
                { Icon::Right.draw() }
                <span class={classes!("route-end", route.target.is_empty().then_some("missing"))}
                    data-testid="route-target">
                    { if route.target.is_empty() { "no target chosen" } else { &route.target } }
                </span>
            </div>
            if session.catalogs.is_none() {
                <Loading text="Reading the connections…" />
            } else {
                <div class="two-columns">
                    <Side role={Role::Source} />
                    <Side role={Role::Target} />
                </div>
            }
        </>
    }
}

#[derive(Clone, PartialEq)]
enum Editing {
    Nothing,
    New,
    Existing(CatalogSpec),
}

#[derive(Properties, PartialEq)]
struct SideProps {
    role: Role,
}

#[component]
fn Side(props: &SideProps) -> Html {
    let session = use_session();
    let editing = use_state_eq(|| Editing::Nothing);
    let role = props.role;
    let (id, title, text, chosen) = match role {
        Role::Source => ("source", "Source", "Read only, always.", &session.route().source),
        Role::Target => ("target", "Target", "Where managed tables are created.", &session.route().target),
    };
    let specs: Vec<CatalogSpec> =
        session.catalogs.iter().flat_map(|all| all.iter()).filter(|spec| spec.role == role).cloned().collect();
    let set = |value: Editing| {
        let editing = editing.clone();
        Callback::from(move |()| editing.set(value.clone()))
    };
    let close = set(Editing::Nothing);
    let empty = match role {
        Role::Source => {
            "Add the catalog your tables are in: an Iceberg REST catalog, a SQL catalog, or a plain folder of tables."
        }
        Role::Target => {
            "Add the catalog that will own the tables: a local managed lakehouse or an Iceberg REST catalog."
        }
    };
    html! {
        <section class="panel" aria-label={title} data-testid={format!("side-{id}")}>
            <header class="panel-head">
                <h2>{ title }</h2>
                <span class="quiet-text grow">{ text }</span>
                if *editing == Editing::Nothing {
                    <Button testid={format!("add-{id}")} icon={Icon::Plus} label={format!("Add {id}")}
                        onclick={set(Editing::New)} />
                }
            </header>
            <div class="panel-body stack">
                if specs.is_empty() && *editing == Editing::Nothing {
                    <Empty icon={Icon::Link} title={format!("No {id} yet")} text={empty}
                        testid={format!("empty-{id}")} />
                }
                <div class="stack" role="radiogroup" aria-label={title}>
                    { for specs.iter().map(|spec| html! {
                        <CatalogCard key={spec.name.clone()} spec={spec.clone()} chosen={spec.name == *chosen}
                            on_edit={set(Editing::Existing(spec.clone()))} />
                    }) }
                </div>
                {
                    match &*editing {
                        Editing::Nothing => html! {},
                        Editing::New => html! { <CatalogForm key="new" {role} on_close={close} /> },
                        Editing::Existing(spec) => html! {
                            <CatalogForm key={spec.name.clone()} {role} spec={Some(spec.clone())} on_close={close} />
                        },
                    }
                }
            </div>
        </section>
    }
}

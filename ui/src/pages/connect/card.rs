//! One connection: choose it, check it, change it, remove it.

use crate::actions::{self, Handle};
use crate::components::{Button, Chip, ErrorCard, Icon, Tone};
use crate::hooks::use_session;
use crate::state::Work;
use crate::view::{catalogs, format};
use icebridge_model::catalog::{CatalogCheck, CatalogSpec};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct CatalogCardProps {
    pub spec: CatalogSpec,
    pub chosen: bool,
    pub on_edit: Callback<()>,
}

#[component]
pub fn CatalogCard(props: &CatalogCardProps) -> Html {
    let session = use_session();
    let removing = use_state_eq(|| false);
    let spec = &props.spec;
    let name = spec.name.clone();
    let choose = {
        let (session, name, role) = (session.clone(), name.clone(), spec.role);
        Callback::from(move |_: Event| actions::choose(&session, role, name.clone()))
    };
    let check = {
        let (session, name) = (session.clone(), name.clone());
        Callback::from(move |()| actions::check(&session, name.clone()))
    };
    let ask = |value: bool| {
        let removing = removing.clone();
        Callback::from(move |()| removing.set(value))
    };
    let checking = session.is_busy(&Work::Check(name.clone()));
    let group = format!("{:?}", spec.role).to_lowercase();
    html! {
        <article class={classes!("card", props.chosen.then_some("chosen"))} data-testid={format!("catalog-{name}")}>
            <div class="card-top">
                <label class="card-choice">
                    <input type="radio" name={group} checked={props.chosen} onchange={choose}
                        data-testid={format!("choose-{name}")} />
                    <span class="card-name">{ &name }</span>
                </label>
                <span class="quiet-text card-kind">{ catalogs::words(spec.kind).label }</span>
                <span class="grow" />
                <span class="card-buttons">
                    <Button testid={format!("edit-{name}")} kind="quiet small" icon={Icon::Pencil} icon_only=true
                        label={format!("Change {name}")} onclick={&props.on_edit} />
                    <Button testid={format!("remove-{name}")} kind="quiet small" icon={Icon::Trash} icon_only=true
                        label={format!("Remove {name}")} onclick={ask(true)} />
                </span>
            </div>
            <code class="card-uri" title={spec.uri.clone()}>{ &spec.uri }</code>
            <div class="card-facts">
                if !spec.warehouse.is_empty() { <span>{ format!("warehouse {}", spec.warehouse) }</span> }
                if !spec.secrets.is_empty() { <span>{ format!("in the keychain: {}", spec.secrets.join(", ")) }</span> }
            </div>
            if *removing { { confirm_removal(&session, &name, ask(false)) } }
            <div class="card-check">
                <Button testid={format!("check-{name}")} kind="small" icon={Icon::Refresh} label="Check connection"
                    busy={checking} onclick={check} />
                if let Some(check) = session.checks.get(&name) { { reached(&name, check) } }
            </div>
            if let Some(error) = session.checks.get(&name).and_then(|check| check.error.clone()) {
                <ErrorCard {error} testid={format!("check-error-{name}")} />
            }
        </article>
    }
}

fn confirm_removal(session: &Handle, name: &str, keep: Callback<()>) -> Html {
    let remove = {
        let (session, name) = (session.clone(), name.to_string());
        Callback::from(move |()| actions::remove_catalog(&session, name.clone()))
    };
    html! {
        <div class="banner warn">
            <span class="grow">
                { format!("Remove the connection {name} and its secrets? Tables and past runs stay.") }
            </span>
            <Button testid={format!("remove-confirm-{name}")} kind="danger small" label="Remove" onclick={remove}
                busy={session.is_busy(&Work::RemoveCatalog(name.to_string()))} />
            <Button testid={format!("remove-keep-{name}")} kind="small" label="Keep" onclick={keep} />
        </div>
    }
}

fn reached(name: &str, check: &CatalogCheck) -> Html {
    if check.error.is_some() || !check.reachable {
        return html! { <Chip tone={Tone::Bad} icon={Icon::CrossCircle} word="not reachable" /> };
    }
    let holds = format!(
        "{} in {}",
        format::tables(check.tables),
        format::counted(check.namespaces as u64, "namespace", "namespaces"),
    );
    html! {
        <span class="line" data-testid={format!("check-result-{name}")}>
            <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="reachable" title={check.abilities.join(", ")} />
            <span>{ holds }</span>
        </span>
    }
}

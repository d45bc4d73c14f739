//! The form of one connection. Secrets are typed here, sent once, and never come back.

use crate::actions;
use crate::components::{Button, Field, Icon, Select};
use crate::hooks::use_session;
use crate::state::Work;
use crate::view::catalogs::{self, KindWords};
use icebridge_model::catalog::{CatalogKind, CatalogSpec, Role};
use icebridge_model::databricks::WorkspaceSpec;
use icebridge_model::secret::Secret;
use std::collections::BTreeMap;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct CatalogFormProps {
    pub role: Role,
    #[prop_or_default]
    pub spec: Option<CatalogSpec>,
    pub on_close: Callback<()>,
}

#[derive(Clone, PartialEq)]
struct Draft {
    spec: CatalogSpec,
    properties: String,
    /// Only what was touched: an empty text removes the secret.
    secrets: BTreeMap<String, Secret>,
}

impl Draft {
    fn new(props: &CatalogFormProps) -> Self {
        let spec = props.spec.clone().unwrap_or_else(|| CatalogSpec {
            name: String::new(),
            role: props.role,
            kind: catalogs::kinds_for(props.role).first().map_or(catalogs::KINDS[0].kind, |words| words.kind),
            uri: String::new(),
            warehouse: String::new(),
            properties: BTreeMap::new(),
            secrets: Vec::new(),
        });
        Self { properties: catalogs::properties_text(&spec.properties), spec, secrets: BTreeMap::new() }
    }
}

#[component]
pub fn CatalogForm(props: &CatalogFormProps) -> Html {
    let session = use_session();
    let draft = use_state(|| Draft::new(props));
    let is_new = props.spec.is_none();
    let id = match props.role {
        Role::Source => "source",
        Role::Target => "target",
    };
    let words = catalogs::words(draft.spec.kind);
    let parsed = catalogs::parse_properties(&draft.properties);
    let name_taken = is_new && session.catalog(draft.spec.name.trim()).is_some();
    let complete =
        !draft.spec.name.trim().is_empty() && !draft.spec.uri.trim().is_empty() && parsed.is_ok() && !name_taken;

    let save = {
        let (session, draft, on_close) = (session.clone(), draft.clone(), props.on_close.clone());
        let properties = parsed.clone().unwrap_or_default();
        Callback::from(move |()| {
            let mut spec = draft.spec.clone();
            spec.name = spec.name.trim().to_string();
            spec.uri = spec.uri.trim().to_string();
            spec.properties.clone_from(&properties);
            let on_close = on_close.clone();
            actions::save_catalog(&session, spec, draft.secrets.clone(), move || on_close.emit(()));
        })
    };
    let onsubmit = submitted(complete, save);
    let workspaces = match (draft.spec.kind, &session.workspaces.specs) {
        (CatalogKind::Unity, Some(saved)) => known(saved, &draft.spec.uri),
        _ => Vec::new(),
    };
    html! {
        <form class="form" {onsubmit} data-testid={format!("{id}-form")}>
            <h3>{ if is_new { format!("New {id}") } else { format!("Change {}", draft.spec.name) } }</h3>
            <div class="form-grid">
                { identity(id, &draft, is_new, name_taken) }
                { place(id, &draft, workspaces) }
            </div>
            if words.secrets().next().is_some() { { secrets(id, words, &draft) } }
            <details open={!draft.spec.properties.is_empty()}>
                <summary>{ "More properties" }</summary>
                <Field testid={format!("{id}-properties")} label="Properties, one a line" lines=4
                    value={draft.properties.clone()}
                    placeholder={"s3.endpoint = https://minio.example.com\ns3.region = eu-west-1"}
                    hint="The names that PyIceberg and Java use. Secrets have their own fields above."
                    invalid={parsed.err().unwrap_or_default()}
                    oninput={edit(&draft, |draft, text| draft.properties = text)} />
            </details>
            <div class="actions">
                <Button testid={format!("{id}-save")} kind="primary" icon={Icon::Check} label="Save and check"
                    disabled={!complete} busy={session.is_busy(&Work::SaveCatalog)} submit=true />
                <Button testid={format!("{id}-cancel")} label="Cancel" onclick={&props.on_close} />
            </div>
        </form>
    }
}

fn submitted(complete: bool, save: Callback<()>) -> Callback<SubmitEvent> {
    Callback::from(move |event: SubmitEvent| {
        event.prevent_default();
        if complete {
            save.emit(());
        }
    })
}

fn edit(draft: &UseStateHandle<Draft>, change: fn(&mut Draft, String)) -> Callback<String> {
    let draft = draft.clone();
    Callback::from(move |text: String| {
        let mut next = (*draft).clone();
        change(&mut next, text);
        draft.set(next);
    })
}

fn identity(id: &str, draft: &UseStateHandle<Draft>, is_new: bool, name_taken: bool) -> Html {
    let words = catalogs::words(draft.spec.kind);
    let kinds = catalogs::kinds_for(draft.spec.role)
        .iter()
        .map(|words| (words.id.into(), words.label.into()))
        .collect::<Vec<(AttrValue, AttrValue)>>();
    let set_kind = edit(draft, |draft, id| {
        if let Some(kind) = catalogs::by_id(&id) {
            draft.spec.kind = kind;
            draft.secrets.clear();
        }
    });
    html! {
        <>
            <Select testid={format!("{id}-kind")} label="Kind" value={words.id} options={kinds} disabled={!is_new}
                hint={words.about} onchange={set_kind} />
            <Field testid={format!("{id}-name")} label="Name" value={draft.spec.name.clone()} disabled={!is_new}
                placeholder="lake-prod" hint="What you call it here; runs and bundles carry this name."
                invalid={if name_taken { "This name is already used." } else { "" }}
                oninput={edit(draft, |draft, text| draft.spec.name = text)} />
        </>
    }
}

fn place(id: &str, draft: &UseStateHandle<Draft>, workspaces: Vec<(AttrValue, AttrValue)>) -> Html {
    let words = catalogs::words(draft.spec.kind);
    let set_uri = edit(draft, |draft, text| draft.spec.uri = text);
    html! {
        <>
            <div class="span-2">
                if workspaces.is_empty() {
                    <Field testid={format!("{id}-uri")} label={words.uri_label} value={draft.spec.uri.clone()}
                        placeholder={words.uri_example} oninput={set_uri} />
                } else {
                    <Select testid={format!("{id}-uri")} label={words.uri_label} value={draft.spec.uri.clone()}
                        options={workspaces} onchange={set_uri} />
                }
            </div>
            if let Some((label, hint)) = words.warehouse {
                <div class="span-2">
                    <Field testid={format!("{id}-warehouse")} {label} {hint} value={draft.spec.warehouse.clone()}
                        oninput={edit(draft, |draft, text| draft.spec.warehouse = text)} />
                </div>
            }
        </>
    }
}

/// The saved workspaces to choose from, and first what stands there now if it is none of them. Empty if there are none.
fn known(saved: &[WorkspaceSpec], now: &str) -> Vec<(AttrValue, AttrValue)> {
    if saved.is_empty() {
        return Vec::new();
    }
    let strange = saved.iter().all(|spec| spec.name != now);
    let other = strange.then(|| (now.to_string(), if now.is_empty() { "Choose a workspace" } else { now }.to_string()));
    let names = saved.iter().map(|spec| (spec.name.clone(), spec.name.clone()));
    other.into_iter().chain(names).map(|(value, label)| (value.into(), label.into())).collect()
}

fn secrets(id: &str, words: &KindWords, draft: &UseStateHandle<Draft>) -> Html {
    let fields = words.secrets().map(|(key, label)| {
        let stored = draft.spec.secrets.iter().any(|name| name == key);
        let forgotten = draft.secrets.get(key).is_some_and(Secret::is_empty);
        let hint = match (stored, forgotten) {
            (true, true) => "Will be removed from the keychain.",
            (true, false) => "Stored. Leave empty to keep it.",
            (false, _) => "",
        };
        let set = {
            let draft = draft.clone();
            move |text: String, keep_empty: bool| {
                let mut next = (*draft).clone();
                if text.is_empty() && !keep_empty {
                    next.secrets.remove(key);
                } else {
                    next.secrets.insert(key.to_string(), Secret::new(text));
                }
                draft.set(next);
            }
        };
        let forget = {
            let set = set.clone();
            Callback::from(move |()| set(String::new(), true))
        };
        let value = draft.secrets.get(key).map(|secret| secret.expose().to_string()).unwrap_or_default();
        html! {
            <div class="secret" key={key}>
                <Field testid={format!("{id}-secret-{key}")} kind="password" label={label} {hint} {value}
                    oninput={Callback::from(move |text| set(text, false))} />
                if stored && !forgotten {
                    <Button testid={format!("{id}-forget-{key}")} kind="quiet small" icon={Icon::Trash} icon_only=true
                        label={format!("Remove {label} from the keychain")} onclick={forget} />
                }
            </div>
        }
    });
    // Not by what is typed: it must not close under somebody's hands.
    let open = matches!(words.kind, CatalogKind::Rest | CatalogKind::Sql) || !draft.spec.secrets.is_empty();
    html! {
        <details open={open}>
            <summary>{ "Secrets" }</summary>
            <p class="quiet-text">
                { "They go to the system’s keychain and nowhere else: not into the plan, the log or the bundle." }
            </p>
            <div class="form-grid">{ for fields }</div>
        </details>
    }
}

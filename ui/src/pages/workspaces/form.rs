//! The form of one workspace. What is secret in it goes to the backend with the save, and is gone from here then, whether
//! or not the save succeeds.

use crate::actions::workspaces;
use crate::components::{Button, Field, Icon, Select};
use crate::hooks::use_session;
use crate::state::Work;
use crate::view::workspaces as words;
use icebridge_model::databricks::{SignInMethod, WorkspaceSpec};
use icebridge_model::secret::Secret;
use std::collections::BTreeMap;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct WorkspaceFormProps {
    #[prop_or_default]
    pub spec: Option<WorkspaceSpec>,
    pub on_close: Callback<()>,
}

/// What is typed, whatever the way: changing the way to and fro loses nothing.
#[derive(Clone, Default, PartialEq)]
struct Draft {
    name: String,
    host: String,
    way: String,
    client_id: String,
    principal: String,
    profile: String,
    account_id: String,
    workspace_id: String,
    ca_file: String,
    proxy: String,
    secrets: BTreeMap<String, Secret>,
}

impl Draft {
    fn of(spec: &WorkspaceSpec) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let mut draft = Self {
            name: spec.name.clone(),
            host: spec.host.clone(),
            way: spec.sign_in.as_str().into(),
            account_id: text(&spec.account_id),
            workspace_id: text(&spec.workspace_id),
            ca_file: text(&spec.ca_file),
            proxy: text(&spec.proxy),
            ..Self::default()
        };
        match &spec.sign_in {
            SignInMethod::Browser { client_id } => draft.client_id = text(client_id),
            SignInMethod::Machine { client_id } => draft.principal.clone_from(client_id),
            SignInMethod::Profile { name } => draft.profile.clone_from(name),
            SignInMethod::Token | SignInMethod::Environment => {}
        }
        draft
    }

    fn needs_host(&self) -> bool {
        !matches!(&*self.way, "profile" | "environment")
    }

    fn has_advanced(&self) -> bool {
        [&self.client_id, &self.account_id, &self.workspace_id, &self.ca_file, &self.proxy]
            .iter()
            .any(|text| !text.is_empty())
    }

    fn method(&self) -> SignInMethod {
        match &*self.way {
            "token" => SignInMethod::Token,
            "machine" => SignInMethod::Machine { client_id: self.principal.trim().into() },
            "profile" => SignInMethod::Profile { name: self.profile.clone() },
            "environment" => SignInMethod::Environment,
            _ => SignInMethod::Browser { client_id: some(&self.client_id) },
        }
    }

    fn spec(&self, host: String, secrets: Vec<String>) -> WorkspaceSpec {
        WorkspaceSpec {
            name: self.name.trim().into(),
            host: if self.needs_host() { host } else { String::new() },
            account_id: some(&self.account_id),
            workspace_id: some(&self.workspace_id),
            sign_in: self.method(),
            ca_file: some(&self.ca_file),
            proxy: some(&self.proxy),
            secrets,
        }
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.trim().to_string()).filter(|text| !text.is_empty())
}

#[component]
pub fn WorkspaceForm(props: &WorkspaceFormProps) -> Html {
    let session = use_session();
    let draft = use_state(|| match &props.spec {
        Some(spec) => Draft::of(spec),
        None => Draft { way: words::WAYS[0].id.into(), ..Draft::default() },
    });
    // The name follows the address until somebody gives one.
    let named = use_state_eq(|| props.spec.is_some());
    {
        let session = session.clone();
        use_effect_with((), move |()| workspaces::read_profiles(&session));
    }
    let is_new = props.spec.is_none();
    let stored = props.spec.as_ref().map(|spec| spec.secrets.clone()).unwrap_or_default();
    let address = words::address(&draft.host);
    let name_taken = is_new && session.workspaces.spec(draft.name.trim()).is_some();
    let profiles = session.workspaces.profiles.clone();
    let has = |key: &str| draft.secrets.contains_key(key) || stored.iter().any(|name| name == key);
    let method_is_whole = match &*draft.way {
        "token" => has("token"),
        "machine" => !draft.principal.trim().is_empty() && has("client_secret"),
        "profile" => !draft.profile.is_empty(),
        _ => true,
    };
    let host_is_whole = !draft.needs_host() || address.as_ref().is_ok_and(|address| !address.is_empty());
    let complete =
        !draft.name.trim().is_empty() && !name_taken && host_is_whole && method_is_whole && !draft.proxy.contains('@');

    let edit = |change: fn(&mut Draft, String)| {
        let draft = draft.clone();
        Callback::from(move |text: String| {
            let mut next = (*draft).clone();
            change(&mut next, text);
            draft.set(next);
        })
    };
    let edit_host = {
        let (draft, named) = (draft.clone(), *named);
        Callback::from(move |text: String| {
            let mut next = (*draft).clone();
            if !named {
                next.name = words::suggested_name(&text);
            }
            next.host = text;
            draft.set(next);
        })
    };
    let edit_name = {
        let (draft, named) = (draft.clone(), named.clone());
        Callback::from(move |text: String| {
            named.set(true);
            draft.set(Draft { name: text, ..(*draft).clone() });
        })
    };
    let secret = |key: &'static str, label: &'static str| {
        let is_stored = stored.iter().any(|name| name == key);
        let value = draft.secrets.get(key).map(|secret| secret.expose().to_string()).unwrap_or_default();
        let set = {
            let draft = draft.clone();
            Callback::from(move |text: String| {
                let mut next = (*draft).clone();
                if text.is_empty() {
                    next.secrets.remove(key);
                } else {
                    next.secrets.insert(key.into(), Secret::new(text));
                }
                draft.set(next);
            })
        };
        html! {
            <Field testid={format!("workspace-secret-{key}")} kind="password" {label} {value} oninput={set}
                hint={if is_stored { "Stored in the keychain. Leave empty to keep it." } else { "Goes to the system’s keychain and nowhere else." }} />
        }
    };
    let onsubmit = {
        let (session, draft, on_close) = (session.clone(), draft.clone(), props.on_close.clone());
        let (host, stored) = (address.clone().unwrap_or_default(), stored.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if complete {
                let (spec, on_close) = (draft.spec(host.clone(), stored.clone()), on_close.clone());
                let mut bare = (*draft).clone();
                let secrets = std::mem::take(&mut bare.secrets);
                draft.set(bare);
                workspaces::save(&session, spec, secrets, move || on_close.emit(()));
            }
        })
    };
    let ways: Vec<(AttrValue, AttrValue)> = words::WAYS.iter().map(|way| (way.id.into(), way.label.into())).collect();
    let by_browser = draft.way == "browser";
    html! {
        <form class="form" {onsubmit} data-testid="workspace-form">
            <h3>{ if is_new { "New workspace".to_string() } else { format!("Change {}", draft.name) } }</h3>
            <div class="form-grid three">
                if draft.needs_host() {
                    <Field testid="workspace-host" label="Address" value={draft.host.clone()}
                        placeholder="https://dbc-a1b2c3d4.cloud.databricks.com"
                        hint="As in the browser’s address bar, up to the first slash."
                        invalid={address.err().unwrap_or_default()} oninput={edit_host} />
                }
                <Field testid="workspace-name" label="Name" value={draft.name.clone()} disabled={!is_new}
                    placeholder="prod" hint="What you call it here."
                    invalid={if name_taken { "there is a workspace of this name already" } else { "" }}
                    oninput={edit_name} />
                <Select testid="workspace-way" label="Sign in" value={draft.way.clone()} options={ways}
                    hint={words::way(&draft.way).about}
                    onchange={edit(|draft, way| { draft.way = way; draft.secrets.clear(); })} />
                {
                    match &*draft.way {
                        "token" => secret("token", "Token"),
                        "machine" => html! {
                            <>
                                <Field testid="workspace-principal" label="Application id"
                                    value={draft.principal.clone()}
                                    placeholder="5f0c6c1e-7d1b-4f6e-9a51-0a3c1f5e2b77"
                                    oninput={edit(|draft, text| draft.principal = text)} />
                                { secret("client_secret", "OAuth secret") }
                            </>
                        },
                        "profile" => profile(&draft, profiles.as_deref().map(Vec::as_slice), edit(|draft, text| draft.profile = text)),
                        _ => html! {},
                    }
                }
            </div>
            <details open={props.spec.as_ref().is_some_and(|spec| Draft::of(spec).has_advanced())}>
                <summary data-testid="workspace-advanced">{ "Advanced" }</summary>
                <div class="form-grid three">
                    if by_browser {
                        <Field testid="workspace-client-id" label="OAuth client id" value={draft.client_id.clone()}
                            placeholder="databricks-cli"
                            hint="Your company’s own application, where the built-in one is switched off."
                            oninput={edit(|draft, text| draft.client_id = text)} />
                    }
                    <Field testid="workspace-account-id" label="Account id" value={draft.account_id.clone()}
                        hint="At hosts that serve a whole account."
                        oninput={edit(|draft, text| draft.account_id = text)} />
                    <Field testid="workspace-workspace-id" label="Workspace id" value={draft.workspace_id.clone()}
                        hint="At hosts that serve several workspaces."
                        oninput={edit(|draft, text| draft.workspace_id = text)} />
                    <Field testid="workspace-ca-file" label="CA file" value={draft.ca_file.clone()}
                        placeholder="/etc/ssl/company.pem" hint="A PEM file with your company’s own authorities."
                        oninput={edit(|draft, text| draft.ca_file = text)} />
                    <Field testid="workspace-proxy" label="Proxy" value={draft.proxy.clone()}
                        placeholder="http://proxy.example.com:3128" hint="Empty: as the system says."
                        invalid={if draft.proxy.contains('@') { "with a password it is a secret: use the field beside" } else { "" }}
                        oninput={edit(|draft, text| draft.proxy = text)} />
                    { secret("proxy", "Proxy with user and password") }
                </div>
            </details>
            <div class="actions">
                <Button testid="workspace-save" kind="primary" icon={Icon::Check}
                    label={if by_browser && session.has_keychain() { "Save and sign in" } else if by_browser { "Save and sign in until the app closes" } else { "Save and check" }}
                    disabled={!complete} busy={session.is_busy(&Work::SaveWorkspace)} submit=true />
                <Button testid="workspace-cancel" label="Cancel" onclick={&props.on_close} />
            </div>
        </form>
    }
}

fn profile(
    draft: &Draft,
    profiles: Option<&[icebridge_model::databricks::ProfileName]>,
    onchange: Callback<String>,
) -> Html {
    let Some(profiles) = profiles else { return html! { <p class="quiet-text">{ "Reading the profiles…" }</p> } };
    if profiles.is_empty() {
        return html! { <p class="quiet-text" data-testid="no-profiles">{ "There is no profile in ~/.databrickscfg. `databricks auth login` makes one." }</p> };
    }
    let choose = (AttrValue::from(""), AttrValue::from("Choose one…"));
    let options: Vec<(AttrValue, AttrValue)> = std::iter::once(choose)
        .chain(profiles.iter().map(|profile| {
            let label = format!("{} · {} ({})", profile.name, profile.host, profile.way);
            (profile.name.clone().into(), label.into())
        }))
        .collect();
    html! { <Select testid="workspace-profile" label="Profile" value={draft.profile.clone()} {options} {onchange} /> }
}

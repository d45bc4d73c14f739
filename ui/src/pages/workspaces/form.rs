//! The form of one workspace. What is secret in it goes to the backend with the save, and is gone from here then, whether
//! or not the save succeeds.

use crate::actions::{Handle, workspaces};
use crate::components::{Button, Field, Icon, Select};
use crate::hooks::use_session;
use crate::state::Work;
use crate::view::workspaces::{self as words, Way};
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
    way: Way,
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
            way: Way::of(&spec.sign_in),
            account_id: text(&spec.account_id),
            workspace_id: spec.workspace_id.as_ref().map(ToString::to_string).unwrap_or_default(),
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
        !matches!(self.way, Way::Profile | Way::Environment)
    }

    fn has_advanced(&self) -> bool {
        [&self.client_id, &self.account_id, &self.workspace_id, &self.ca_file, &self.proxy]
            .iter()
            .any(|text| !text.is_empty())
    }

    fn method(&self) -> SignInMethod {
        match self.way {
            Way::Browser => SignInMethod::Browser { client_id: some(&self.client_id) },
            Way::Token => SignInMethod::Token,
            Way::Machine => SignInMethod::Machine { client_id: self.principal.trim().into() },
            Way::Profile => SignInMethod::Profile { name: self.profile.clone() },
            Way::Environment => SignInMethod::Environment,
        }
    }

    fn spec(&self, host: String, secrets: Vec<String>) -> WorkspaceSpec {
        WorkspaceSpec {
            name: self.name.trim().into(),
            host: if self.needs_host() { host } else { String::new() },
            account_id: some(&self.account_id),
            workspace_id: some(&self.workspace_id).map(Into::into),
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

/// What is typed, beside what is saved already.
#[derive(Clone)]
struct Form {
    draft: UseStateHandle<Draft>,
    /// None: a new workspace.
    saved: Option<WorkspaceSpec>,
}

impl Form {
    fn edit(&self, change: fn(&mut Draft, String)) -> Callback<String> {
        let draft = self.draft.clone();
        Callback::from(move |text: String| {
            let mut next = (*draft).clone();
            change(&mut next, text);
            draft.set(next);
        })
    }

    fn is_stored(&self, key: &str) -> bool {
        self.saved.iter().flat_map(|spec| &spec.secrets).any(|name| name == key)
    }

    fn has(&self, key: &str) -> bool {
        self.draft.secrets.contains_key(key) || self.is_stored(key)
    }

    fn method_is_whole(&self) -> bool {
        match self.draft.way {
            Way::Token => self.has("token"),
            Way::Machine => !self.draft.principal.trim().is_empty() && self.has("client_secret"),
            Way::Profile => !self.draft.profile.is_empty(),
            Way::Browser | Way::Environment => true,
        }
    }

    fn is_complete(&self, name_taken: bool) -> bool {
        let draft = &self.draft;
        let host = words::address(&draft.host);
        let host_is_whole = !draft.needs_host() || host.is_ok_and(|address| !address.is_empty());
        let named = !draft.name.trim().is_empty() && !name_taken;
        named && host_is_whole && self.method_is_whole() && !draft.proxy.contains('@')
    }

    fn secret(&self, key: &'static str, label: &'static str) -> Html {
        let value = self.draft.secrets.get(key).map(|secret| secret.expose().to_string()).unwrap_or_default();
        let set = {
            let draft = self.draft.clone();
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
        let hint = if self.is_stored(key) {
            "Stored in the keychain. Leave empty to keep it."
        } else {
            "Goes to the system’s keychain and nowhere else."
        };
        html! {
            <Field testid={format!("workspace-secret-{key}")} kind="password" {label} {value} oninput={set} {hint} />
        }
    }

    /// The secrets leave the page with the save, whether or not it succeeds.
    fn save(&self, session: &Handle, on_close: Callback<()>) {
        let stored = self.saved.as_ref().map(|spec| spec.secrets.clone()).unwrap_or_default();
        let spec = self.draft.spec(words::address(&self.draft.host).unwrap_or_default(), stored);
        let mut bare = (*self.draft).clone();
        let secrets = std::mem::take(&mut bare.secrets);
        self.draft.set(bare);
        workspaces::save(session, spec, secrets, move || on_close.emit(()));
    }
}

#[component]
pub fn WorkspaceForm(props: &WorkspaceFormProps) -> Html {
    let session = use_session();
    let draft = use_state(|| props.spec.as_ref().map(Draft::of).unwrap_or_default());
    let form = Form { draft: draft.clone(), saved: props.spec.clone() };
    {
        let session = session.clone();
        use_effect_with((), move |()| workspaces::read_profiles(&session));
    }
    let is_new = props.spec.is_none();
    let name_taken = is_new && session.workspaces.spec(draft.name.trim()).is_some();
    let complete = form.is_complete(name_taken);
    let onsubmit = {
        let (session, form, on_close) = (session.clone(), form.clone(), props.on_close.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if complete {
                form.save(&session, on_close.clone());
            }
        })
    };
    let save = match (draft.way, session.has_keychain()) {
        (Way::Browser, true) => "Save and sign in",
        (Way::Browser, false) => "Save and sign in until the app closes",
        _ => "Save and check",
    };
    html! {
        <form class="form" {onsubmit} data-testid="workspace-form">
            <h3>{ if is_new { "New workspace".to_string() } else { format!("Change {}", draft.name) } }</h3>
            <div class="form-grid three">
                <Identity form={form.clone()} {name_taken} />
                { sign_in(&session, &form) }
            </div>
            <details open={props.spec.as_ref().is_some_and(|spec| Draft::of(spec).has_advanced())}>
                <summary data-testid="workspace-advanced">{ "Advanced" }</summary>
                <div class="form-grid three">{ advanced(&form) }</div>
            </details>
            <div class="actions">
                <Button testid="workspace-save" kind="primary" icon={Icon::Check} label={save} disabled={!complete}
                    busy={session.is_busy(&Work::SaveWorkspace)} submit=true />
                <Button testid="workspace-cancel" label="Cancel" onclick={&props.on_close} />
            </div>
        </form>
    }
}

#[derive(Properties)]
struct IdentityProps {
    form: Form,
    name_taken: bool,
}

impl PartialEq for IdentityProps {
    fn eq(&self, other: &Self) -> bool {
        self.form.draft == other.form.draft && self.name_taken == other.name_taken
    }
}

/// Address and name. The name follows the address until one is given.
#[component]
fn Identity(props: &IdentityProps) -> Html {
    let (draft, is_new) = (&props.form.draft, props.form.saved.is_none());
    let named = use_state_eq(|| !is_new);
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
    html! {
        <>
            if draft.needs_host() {
                <Field testid="workspace-host" label="Address" value={draft.host.clone()}
                    placeholder="https://dbc-a1b2c3d4.cloud.databricks.com"
                    hint="As in the browser’s address bar, up to the first slash."
                    invalid={words::address(&draft.host).err().unwrap_or_default()} oninput={edit_host} />
            }
            <Field testid="workspace-name" label="Name" value={draft.name.clone()} disabled={!is_new}
                placeholder="prod" hint="What you call it here." oninput={edit_name}
                invalid={if props.name_taken { "This name is already used." } else { "" }} />
        </>
    }
}

fn sign_in(session: &Handle, form: &Form) -> Html {
    let draft = &form.draft;
    let ways: Vec<(AttrValue, AttrValue)> = Way::ALL.iter().map(|way| (way.id().into(), way.label().into())).collect();
    let set_way = form.edit(|draft, id| {
        draft.way = Way::by_id(&id).unwrap_or_default();
        draft.secrets.clear();
    });
    let fields = match draft.way {
        Way::Browser | Way::Environment => html! {},
        Way::Token => form.secret("token", "Token"),
        Way::Machine => html! {
            <>
                <Field testid="workspace-principal" label="Application id" value={draft.principal.clone()}
                    placeholder="5f0c6c1e-7d1b-4f6e-9a51-0a3c1f5e2b77"
                    oninput={form.edit(|draft, text| draft.principal = text)} />
                { form.secret("client_secret", "OAuth secret") }
            </>
        },
        Way::Profile => {
            let profiles = session.workspaces.profiles.as_deref().map(Vec::as_slice);
            profile(draft, profiles, form.edit(|draft, text| draft.profile = text))
        }
    };
    html! {
        <>
            <Select testid="workspace-way" label="Sign in" value={draft.way.id()} options={ways}
                hint={draft.way.about()} onchange={set_way} />
            { fields }
        </>
    }
}

fn advanced(form: &Form) -> Html {
    let draft = &form.draft;
    let proxy_problem =
        if draft.proxy.contains('@') { "with a password it is a secret: use the field beside" } else { "" };
    html! {
        <>
            if draft.way == Way::Browser {
                <Field testid="workspace-client-id" label="OAuth client id" value={draft.client_id.clone()}
                    placeholder="databricks-cli"
                    hint="Your company’s own application, where the built-in one is switched off."
                    oninput={form.edit(|draft, text| draft.client_id = text)} />
            }
            <Field testid="workspace-account-id" label="Account id" value={draft.account_id.clone()}
                hint="At hosts that serve a whole account."
                oninput={form.edit(|draft, text| draft.account_id = text)} />
            <Field testid="workspace-workspace-id" label="Workspace id" value={draft.workspace_id.clone()}
                hint="At hosts that serve several workspaces."
                oninput={form.edit(|draft, text| draft.workspace_id = text)} />
            <Field testid="workspace-ca-file" label="CA file" value={draft.ca_file.clone()}
                placeholder="/etc/ssl/company.pem" hint="A PEM file with your company’s own authorities."
                oninput={form.edit(|draft, text| draft.ca_file = text)} />
            <Field testid="workspace-proxy" label="Proxy" value={draft.proxy.clone()}
                placeholder="http://proxy.example.com:3128" hint="Empty: as the system says."
                invalid={proxy_problem} oninput={form.edit(|draft, text| draft.proxy = text)} />
            { form.secret("proxy", "Proxy with user and password") }
        </>
    }
}

fn profile(
    draft: &Draft,
    profiles: Option<&[icebridge_model::databricks::ProfileName]>,
    onchange: Callback<String>,
) -> Html {
    let Some(profiles) = profiles else { return html! { <p class="quiet-text">{ "Reading the profiles…" }</p> } };
    if profiles.is_empty() {
        return html! {
            <p class="quiet-text" data-testid="no-profiles">
                { "There is no profile in ~/.databrickscfg. `databricks auth login` makes one." }
            </p>
        };
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

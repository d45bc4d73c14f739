//! One workspace: who is signed in there, and what can be done about it.

use crate::actions::{self, Handle, workspaces};
use crate::components::{Button, Chip, CodeBox, ErrorCard, Icon, Tone};
use crate::hooks::use_session;
use crate::state::workspaces::is_ended_sandbox;
use crate::state::{Action, Work};
use crate::view::workspaces as words;
use icebridge_model::Code;
use icebridge_model::databricks::{SignInMethod, SignedOut, WorkspaceSpec, WorkspaceStatus};
use std::rc::Rc;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct WorkspaceRowProps {
    pub spec: WorkspaceSpec,
    pub chosen: bool,
    pub on_edit: Callback<()>,
}

/// What the row shows, taken together once.
struct Shown<'a> {
    session: &'a Handle,
    spec: &'a WorkspaceSpec,
    status: Option<Rc<WorkspaceStatus>>,
    by_browser: bool,
    signed_in: bool,
    signing_in: bool,
    /// A sandbox that has ended with the app.
    ended: bool,
}

impl<'a> Shown<'a> {
    fn of(session: &'a Handle, spec: &'a WorkspaceSpec) -> Self {
        let status = session.workspaces.statuses.get(&spec.name).cloned();
        Self {
            session,
            spec,
            by_browser: matches!(spec.sign_in, SignInMethod::Browser { .. }),
            signed_in: status.as_ref().is_some_and(|status| status.signed_in),
            signing_in: session.is_busy(&Work::SignIn(spec.name.clone())),
            ended: is_ended_sandbox(spec, session.workspaces.sandbox.as_deref()),
            status,
        }
    }

    fn act(&self, action: fn(&Handle, String)) -> Callback<()> {
        let (session, name) = (self.session.clone(), self.spec.name.clone());
        Callback::from(move |()| action(&session, name.clone()))
    }

    fn host(&self) -> &str {
        match &self.status {
            Some(status) if !status.host.is_empty() => &status.host,
            _ => &self.spec.host,
        }
    }

    /// Without a sign-in nothing is wrong yet: the button says what is next.
    fn error(&self) -> Option<icebridge_model::Error> {
        let error = self.status.as_ref()?.error.clone()?;
        let expected = self.by_browser && error.code == Code::CredentialsMissing;
        (!self.ended && !expected).then_some(error)
    }
}

#[component]
pub fn WorkspaceRow(props: &WorkspaceRowProps) -> Html {
    let session = use_session();
    let removing = use_state_eq(|| false);
    let shown = Shown::of(&session, &props.spec);
    let name = &props.spec.name;
    let ask = |value: bool| {
        let removing = removing.clone();
        Callback::from(move |()| removing.set(value))
    };
    html! {
        <article class={classes!("workspace", props.chosen.then_some("chosen"))}
            data-testid={format!("workspace-{name}")}>
            <div class="workspace-line">
                { choice(&shown, props.chosen) }
                { principal(&shown) }
                <span class="workspace-state" data-testid={format!("gate-of-{name}")}>{ state(&shown) }</span>
                <span class="actions tight workspace-actions">
                    { sign_in_or_out(&shown) }
                    { changes(&shown, &props.on_edit, ask(true)) }
                </span>
            </div>
            if shown.signing_in { { waiting(&session, name, shown.act(workspaces::cancel_sign_in)) } }
            if *removing { { confirm_removal(&shown, ask(false)) } }
            if let Some(outcome) = session.workspaces.signed_out.get(name) { { signed_out(name, outcome) } }
            { sandbox(&shown) }
            if let Some(error) = shown.error() { <ErrorCard {error} testid={format!("workspace-error-{name}")} /> }
        </article>
    }
}

fn choice(shown: &Shown, chosen: bool) -> Html {
    let (name, host) = (&shown.spec.name, shown.host());
    let choose = {
        let (session, name) = (shown.session.clone(), name.clone());
        Callback::from(move |_: Event| session.dispatch(Action::Workspace(name.clone())))
    };
    html! {
        <label class="card-choice workspace-name">
            <input type="radio" name="workspace" checked={chosen} onchange={choose}
                data-testid={format!("choose-workspace-{name}")} />
            <span class="two-lines">
                <span class="card-name ellipsis" title={name.clone()}>{ name }</span>
                <code class="card-uri" title={host.to_string()}>
                    { if host.is_empty() { words::Way::of(&shown.spec.sign_in).label() } else { host } }
                </code>
            </span>
        </label>
    }
}

fn principal(shown: &Shown) -> Html {
    let name = &shown.spec.name;
    let principal = shown.status.as_ref().filter(|_| shown.signed_in).and_then(|status| status.principal.clone());
    let without = match () {
        () if shown.ended => "not there any more",
        () if shown.session.is_busy(&Work::CheckWorkspace(name.clone())) => "Asking…",
        () => "Not signed in",
    };
    html! {
        <span class="two-lines workspace-who" data-testid={format!("principal-{name}")}>
            if let Some(principal) = principal {
                <span class="ellipsis" title={principal.clone()}>{ principal }</span>
                <span class="quiet-text ellipsis">{ metastore(shown.status.as_deref()) }</span>
            } else {
                <span class="quiet-text">{ without }</span>
            }
        </span>
    }
}

fn sign_in_or_out(shown: &Shown) -> Html {
    let (session, name) = (shown.session, &shown.spec.name);
    if shown.ended {
        return html! {
            <Button testid={format!("restart-{name}")} kind="primary small" icon={Icon::Spark} label="Start it again"
                busy={session.is_busy(&Work::Sandbox)} onclick={crate::pages::act(session, workspaces::try_sandbox)} />
        };
    }
    if !shown.by_browser {
        return html! {};
    }
    if shown.signed_in {
        return html! {
            <Button testid={format!("sign-out-{name}")} kind="small" label="Sign out"
                busy={session.is_busy(&Work::SignOut(name.clone()))} onclick={shown.act(workspaces::sign_out)} />
        };
    }
    html! {
        <Button testid={format!("sign-in-{name}")} kind="primary small" icon={Icon::External}
            label={if session.has_keychain() { "Sign in" } else { "Sign in until the app closes" }}
            busy={shown.signing_in} onclick={shown.act(workspaces::sign_in)} />
    }
}

fn changes(shown: &Shown, on_edit: &Callback<()>, remove: Callback<()>) -> Html {
    let name = &shown.spec.name;
    html! {
        <>
            if !shown.ended {
                <Button testid={format!("check-workspace-{name}")} kind="quiet small" icon={Icon::Refresh}
                    icon_only=true label={format!("Ask {name} again")}
                    busy={shown.session.is_busy(&Work::CheckWorkspace(name.clone()))}
                    onclick={shown.act(workspaces::check)} />
            }
            <Button testid={format!("edit-workspace-{name}")} kind="quiet small" icon={Icon::Pencil} icon_only=true
                label={format!("Change {name}")} onclick={on_edit} />
            <Button testid={format!("remove-workspace-{name}")} kind="quiet small" icon={Icon::Trash} icon_only=true
                label={format!("Remove {name}")} onclick={remove} />
        </>
    }
}

fn confirm_removal(shown: &Shown, keep: Callback<()>) -> Html {
    let name = &shown.spec.name;
    let remove = {
        let (session, spec) = (shown.session.clone(), shown.spec.clone());
        Callback::from(move |()| workspaces::remove(&session, spec.clone()))
    };
    let question = format!(
        "Remove {name}? Its tokens are revoked where that is offered, its secrets leave the keychain. Nothing changes \
         in the workspace."
    );
    html! {
        <div class="banner warn">
            <span class="grow">{ question }</span>
            <Button testid={format!("remove-workspace-confirm-{name}")} kind="danger small" label="Remove"
                onclick={remove} busy={shown.session.is_busy(&Work::RemoveWorkspace(name.clone()))} />
            <Button testid={format!("remove-workspace-keep-{name}")} kind="small" label="Keep" onclick={keep} />
        </div>
    }
}

/// What is said of a sandbox that this app runs or ran.
fn sandbox(shown: &Shown) -> Html {
    if shown.ended {
        return html! {
            <p class="quiet-text" data-testid={format!("sandbox-ended-{}", shown.spec.name)}>
                { "This sandbox ended with the app that had started it, and nothing of it is left." }
            </p>
        };
    }
    if shown.session.workspaces.sandbox.as_deref() != Some(&*shown.spec.host) {
        return html! {};
    }
    let page = {
        let (session, url) = (shown.session.clone(), format!("{}/", shown.spec.host));
        Callback::from(move |()| actions::open_link(&session, url.clone()))
    };
    html! {
        <div class="line">
            <span class="quiet-text">
                { "Runs in this app until it is closed, with no passwords and no data." }
                { " Its page opens and closes the gate." }
            </span>
            <Button testid="sandbox-page" kind="quiet small" icon={Icon::External} label="Open its page"
                onclick={page} />
        </div>
    }
}

fn metastore(status: Option<&WorkspaceStatus>) -> String {
    let Some(status) = status else { return String::new() };
    let metastore =
        status.metastore.as_deref().map_or_else(|| "no metastore".into(), |name| format!("metastore {name}"));
    match &status.cloud {
        Some(cloud) => format!("{metastore} · {cloud}"),
        None => metastore,
    }
}

/// The gate in a word; before it was checked, the half of it that the workspace tells by itself.
fn state(shown: &Shown) -> Html {
    if shown.signing_in {
        return html! { <Chip tone={Tone::Accent} icon={Icon::Clock} spinning=true word="waiting for the browser" /> };
    }
    if shown.ended {
        return html! { <Chip tone={Tone::Plain} icon={Icon::Circle} word="ended" /> };
    }
    let Some(status) = &shown.status else { return html! {} };
    if !status.signed_in {
        let unreachable = status.error.as_ref().is_some_and(|error| error.code == Code::WorkspaceUnreachable);
        return html! {
            if unreachable { <Chip tone={Tone::Bad} icon={Icon::CrossCircle} word="not reachable" /> }
        };
    }
    match (shown.session.workspaces.gates.get(&shown.spec.name), status.external_access) {
        (Some(seen), _) if seen.gate.is_open() => {
            html! { <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="gate open" /> }
        }
        (Some(seen), _) => {
            let word = format!("gate closed: {} to do", seen.gate.unmet.len());
            html! { <Chip tone={Tone::Warn} icon={Icon::Warning} {word} /> }
        }
        (None, Some(false)) => {
            let title = "External data access is off in the metastore";
            html! { <Chip tone={Tone::Warn} icon={Icon::Warning} word="gate closed" {title} /> }
        }
        (None, _) => html! { <Chip tone={Tone::Plain} icon={Icon::Circle} word="gate not checked" /> },
    }
}

fn waiting(session: &Handle, name: &str, cancel: Callback<()>) -> Html {
    let waiting = session.workspaces.waiting.get(name);
    let text = match waiting {
        None => "Asking the workspace where to sign in…",
        Some(waiting) if waiting.opened => {
            "Finish signing in in your browser; this page goes on by itself. If no browser came up, open this address on this machine:"
        }
        Some(_) => {
            "No browser could be started. Open this address in a browser on this machine; this page goes on by itself:"
        }
    };
    html! {
        <div class="browser-wait" role="status" data-testid={format!("waiting-{name}")}>
            <div class="line">
                <span class="grow">{ text }</span>
                <Button testid={format!("cancel-sign-in-{name}")} kind="small" label="Cancel" onclick={cancel} />
            </div>
            if let Some(waiting) = waiting {
                <CodeBox testid={format!("address-{name}")} label="Sign-in address" text={waiting.address.clone()} />
            }
        </div>
    }
}

fn signed_out(name: &str, outcome: &SignedOut) -> Html {
    let (tone, text) = words::signed_out(outcome);
    html! {
        <>
            <p class={classes!("line", (tone == Tone::Bad).then_some("bad-text"))} role="status"
                data-testid={format!("signed-out-{name}")}>
                { if tone == Tone::Good { Icon::CheckCircle.draw() } else { Icon::Note.draw() } }<span>{ text }</span>
            </p>
            if let SignedOut::Failed { error } = outcome { <ErrorCard error={error.clone()} /> }
        </>
    }
}

//! One workspace: who is signed in there, and what can be done about it.

use crate::actions::{self, workspaces};
use crate::components::{Button, Chip, CodeBox, ErrorCard, Icon, Tone};
use crate::hooks::use_session;
use crate::state::{Action, Work};
use crate::view::workspaces as words;
use icebridge_model::databricks::{SignInMethod, SignedOut, WorkspaceSpec};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct WorkspaceRowProps {
    pub spec: WorkspaceSpec,
    pub chosen: bool,
    pub on_edit: Callback<()>,
}

#[component]
pub fn WorkspaceRow(props: &WorkspaceRowProps) -> Html {
    let session = use_session();
    let removing = use_state_eq(|| false);
    let spec = &props.spec;
    let name = spec.name.clone();
    let all = &session.workspaces;
    let status = all.statuses.get(&name).cloned();
    let act = |action: fn(&actions::Handle, String)| {
        let (session, name) = (session.clone(), name.clone());
        Callback::from(move |()| action(&session, name.clone()))
    };
    let choose = {
        let (session, name) = (session.clone(), name.clone());
        Callback::from(move |_: Event| session.dispatch(Action::Workspace(name.clone())))
    };
    let remove = {
        let (session, spec) = (session.clone(), spec.clone());
        Callback::from(move |()| workspaces::remove(&session, spec.clone()))
    };
    let ask = |value: bool| {
        let removing = removing.clone();
        Callback::from(move |()| removing.set(value))
    };
    let by_browser = matches!(spec.sign_in, SignInMethod::Browser { .. });
    let signed_in = status.as_ref().is_some_and(|status| status.signed_in);
    let signing_in = session.is_busy(&Work::SignIn(name.clone()));
    let ended = words::is_ended_sandbox(spec, all.sandbox.as_deref());
    let runs_here = all.sandbox.as_deref() == Some(&*spec.host);
    let host = status
        .as_ref()
        .map(|status| status.host.clone())
        .filter(|host| !host.is_empty())
        .unwrap_or_else(|| spec.host.clone());
    // Who is not signed in yet has done nothing wrong: the button says what is next.
    let error = status
        .as_ref()
        .and_then(|status| status.error.clone())
        .filter(|error| !(ended || by_browser && error.code == icebridge_model::Code::CredentialsMissing));
    let page = {
        let (session, url) = (session.clone(), format!("{}/", spec.host));
        Callback::from(move |()| actions::open_link(&session, url.clone()))
    };
    html! {
        <article class={classes!("workspace", props.chosen.then_some("chosen"))}
            data-testid={format!("workspace-{name}")}>
            <div class="workspace-line">
                <label class="card-choice workspace-name">
                    <input type="radio" name="workspace" checked={props.chosen} onchange={choose}
                        data-testid={format!("choose-workspace-{name}")} />
                    <span class="two-lines">
                        <span class="card-name ellipsis" title={name.clone()}>{ &name }</span>
                        <code class="card-uri" title={host.clone()}>
                            { if host.is_empty() { words::way(spec.sign_in.as_str()).label } else { &host } }
                        </code>
                    </span>
                </label>
                <span class="two-lines workspace-who" data-testid={format!("principal-{name}")}>
                    if let Some(principal) = status.as_ref().and_then(|status| status.principal.clone()).filter(|_| signed_in) {
                        <span class="ellipsis" title={principal.clone()}>{ principal }</span>
                        <span class="quiet-text ellipsis">{ metastore(status.as_deref()) }</span>
                    } else {
                        <span class="quiet-text">
                            { if ended { "not there any more" } else if session.is_busy(&Work::CheckWorkspace(name.clone())) { "asking…" } else { "nobody is signed in" } }
                        </span>
                    }
                </span>
                <span class="workspace-state" data-testid={format!("gate-of-{name}")}>
                    { state(&session, &name, status.as_deref(), signing_in, ended) }
                </span>
                <span class="actions tight workspace-actions">
                    if ended {
                        <Button testid={format!("restart-{name}")} kind="primary small" icon={Icon::Spark}
                            label="Start it again" busy={session.is_busy(&Work::Sandbox)}
                            onclick={crate::pages::act(&session, workspaces::try_sandbox)} />
                    } else if by_browser && signed_in {
                        <Button testid={format!("sign-out-{name}")} kind="small" label="Sign out"
                            busy={session.is_busy(&Work::SignOut(name.clone()))} onclick={act(workspaces::sign_out)} />
                    } else if by_browser {
                        <Button testid={format!("sign-in-{name}")} kind="primary small" icon={Icon::External}
                            label={if session.has_keychain() { "Sign in" } else { "Sign in until the app closes" }}
                            busy={signing_in} onclick={act(workspaces::sign_in)} />
                    }
                    if !ended {
                        <Button testid={format!("check-workspace-{name}")} kind="quiet small" icon={Icon::Refresh}
                            icon_only=true label={format!("Ask {name} again")}
                            busy={session.is_busy(&Work::CheckWorkspace(name.clone()))}
                            onclick={act(workspaces::check)} />
                    }
                    <Button testid={format!("edit-workspace-{name}")} kind="quiet small" icon={Icon::Pencil}
                        icon_only=true label={format!("Change {name}")} onclick={&props.on_edit} />
                    <Button testid={format!("remove-workspace-{name}")} kind="quiet small" icon={Icon::Trash}
                        icon_only=true label={format!("Remove {name}")} onclick={ask(true)} />
                </span>
            </div>
            if signing_in { { waiting(&session, &name, act(workspaces::cancel_sign_in)) } }
            if *removing {
                <div class="banner warn">
                    <span class="grow">
                        { format!("Remove {name}? Its tokens are revoked where that is offered, its secrets leave the keychain. Nothing changes in the workspace.") }
                    </span>
                    <Button testid={format!("remove-workspace-confirm-{name}")} kind="danger small" label="Remove"
                        onclick={remove} busy={session.is_busy(&Work::RemoveWorkspace(name.clone()))} />
                    <Button testid={format!("remove-workspace-keep-{name}")} kind="small" label="Keep"
                        onclick={ask(false)} />
                </div>
            }
            if let Some(outcome) = all.signed_out.get(&name) { { signed_out(&name, outcome) } }
            if ended {
                <p class="quiet-text" data-testid={format!("sandbox-ended-{name}")}>
                    { "This sandbox ended with the app that had started it, and nothing of it is left." }
                </p>
            } else if runs_here {
                <div class="line">
                    <span class="quiet-text">
                        { "Runs in this app until it is closed, with no passwords and no data. Its page opens and closes the gate." }
                    </span>
                    <Button testid="sandbox-page" kind="quiet small" icon={Icon::External} label="Open its page"
                        onclick={page} />
                </div>
            }
            if let Some(error) = error { <ErrorCard {error} testid={format!("workspace-error-{name}")} /> }
        </article>
    }
}

fn metastore(status: Option<&icebridge_model::databricks::WorkspaceStatus>) -> String {
    let Some(status) = status else { return String::new() };
    let metastore =
        status.metastore.as_deref().map_or_else(|| "no metastore".into(), |name| format!("metastore {name}"));
    match &status.cloud {
        Some(cloud) => format!("{metastore} · {cloud}"),
        None => metastore,
    }
}

/// The gate in a word; before it was checked, the half of it that the workspace tells by itself.
fn state(
    session: &actions::Handle,
    name: &str,
    status: Option<&icebridge_model::databricks::WorkspaceStatus>,
    signing_in: bool,
    ended: bool,
) -> Html {
    if signing_in {
        return html! { <Chip tone={Tone::Accent} icon={Icon::Clock} spinning=true word="waiting for the browser" /> };
    }
    if ended {
        return html! { <Chip tone={Tone::Plain} icon={Icon::Circle} word="ended" /> };
    }
    let Some(status) = status else { return html! {} };
    if !status.signed_in {
        let reachable =
            status.error.as_ref().is_none_or(|error| error.code != icebridge_model::Code::WorkspaceUnreachable);
        return if reachable {
            html! {}
        } else {
            html! { <Chip tone={Tone::Bad} icon={Icon::CrossCircle} word="not reachable" /> }
        };
    }
    match (session.workspaces.gates.get(name), status.external_access) {
        (Some(seen), _) if seen.gate.is_open() => {
            html! { <Chip tone={Tone::Good} icon={Icon::CheckCircle} word="gate open" /> }
        }
        (Some(seen), _) => {
            html! { <Chip tone={Tone::Warn} icon={Icon::Warning} word={format!("gate closed: {} to do", seen.gate.unmet.len())} /> }
        }
        (None, Some(false)) => {
            html! { <Chip tone={Tone::Warn} icon={Icon::Warning} word="gate closed" title="External data access is off in the metastore" /> }
        }
        (None, _) => html! { <Chip tone={Tone::Plain} icon={Icon::Circle} word="gate not checked" /> },
    }
}

fn waiting(session: &actions::Handle, name: &str, cancel: Callback<()>) -> Html {
    let told = session.workspaces.waiting.get(name);
    let text = match told {
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
            if let Some(waiting) = told {
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

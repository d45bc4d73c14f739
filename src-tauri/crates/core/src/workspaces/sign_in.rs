//! A person's sign-in through the browser, and its end.

use super::check::check;
use super::reach::{locks, reach, tokens};
use crate::LocalState;
use icebridge_databricks::auth::{Application, GrantKey, Method, Revocation, SignIn};
use icebridge_model::databricks::{Keep, SignInMethod, SignInRequest, SignedOut, WorkspaceSpec, WorkspaceStatus};
use icebridge_model::event::Event;
use icebridge_model::{Code, Error, Result};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Begins a sign-in, emits its address, waits for the browser, stores the tokens. `browser` opens an address on this
/// machine; where it cannot, the address can be copied.
pub async fn sign_in(
    local: &LocalState,
    request: &SignInRequest,
    browser: &(dyn Fn(&str) -> Result<()> + Send + Sync),
    cancel: &CancellationToken,
) -> Result<WorkspaceStatus> {
    let name = request.name.as_str();
    let spec = local.store.workspace(name).await?;
    let reached = reach(local, &spec).await.map_err(|e| e.about(name))?;
    let Method::Browser { client_id } = &reached.configuration.method else { return Err(no_browser(&spec)) };
    let application = client_id.clone().map_or_else(Application::default, Application::with_client_id);
    let (host, account_id) = (reached.configuration.host.clone(), reached.configuration.account_id.clone());
    let key = GrantKey::of(&host, account_id.as_deref(), &application.client_id);
    let store = tokens(local, name);
    let named = store.key(&key);
    if request.keep == Keep::Keychain {
        // Better to know now that the keychain is locked than after the person has typed their password.
        local.sessions.tokens.keychain(&named).await.map_err(|e| e.about(name))?;
    }

    let cancel = cancel.child_token();
    local.sessions.wait(name, cancel.clone());
    let transport = &reached.options.transport;
    let sign_in = tokio::select! {
        begun = SignIn::begin(host, account_id, application, transport) => begun.map_err(|e| e.about(name))?,
        () = cancel.cancelled() => return Err(Error::new(Code::Cancelled, "the sign-in was cancelled").about(name)),
    };
    let address = sign_in.address()?.to_string();
    let opened = request.open_browser
        && match browser(&address) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the browser could not be opened");
                false
            }
        };
    local.emit(Event::SignIn { workspace: name.to_string(), address, opened });
    let all = &local.sessions.tokens;
    let before = all.is_in_memory(&named);
    all.choose_memory(&named, request.keep == Keep::Memory);
    if let Err(error) = sign_in.finish(store, locks(local), reached.options.retry, &cancel).await {
        // Given up: the sign-in from before still holds.
        all.choose_memory(&named, before);
        return Err(error.about(name));
    }
    local.sessions.forget(name);
    let status = check(local, name).await?;
    let keep = match request.keep {
        Keep::Keychain => "keychain",
        Keep::Memory => "memory",
    };
    let body = json!({ "workspace": name, "host": status.host, "principal": status.principal, "keep": keep });
    local.store.append("", "", "workspace.signed_in", body).await?;
    Ok(status)
}

fn no_browser(spec: &WorkspaceSpec) -> Error {
    let how = match &spec.sign_in {
        SignInMethod::Profile { name } => format!("the profile {name}"),
        SignInMethod::Environment => "the DATABRICKS_* variables".to_string(),
        SignInMethod::Token => "a personal access token".to_string(),
        SignInMethod::Machine { .. } => "a service principal's secret".to_string(),
        SignInMethod::Browser { .. } => "the browser".to_string(),
    };
    Error::invalid(format!("this workspace is signed in to with {how}, which needs no browser"))
        .about(&spec.name)
        .with_hint(format!("`icebridge workspace check {}` shows whether it works.", spec.name))
}

/// Ends a sign-in that waits for the browser. No error if none does.
pub fn cancel(local: &LocalState, name: &str) {
    local.sessions.cancel(name);
}

pub async fn sign_out(local: &LocalState, name: &str) -> Result<SignedOut> {
    let spec = local.store.workspace(name).await?;
    cancel(local, name);
    let reached = reach(local, &spec).await.map_err(|e| e.about(name))?;
    let Method::Browser { client_id } = &reached.configuration.method else { return Ok(SignedOut::NothingThere) };
    let application = client_id.clone().map_or_else(Application::default, Application::with_client_id);
    let configuration = &reached.configuration;
    let key = GrantKey::of(&configuration.host, configuration.account_id.as_deref(), &application.client_id);
    let store = tokens(local, name);
    let transport = &reached.options.transport;
    let all = &local.sessions.tokens;
    let named = store.key(&key);
    let mut revocation = icebridge_databricks::auth::sign_out(&*store, &key, &locks(local), transport).await;
    if all.is_in_memory(&named) {
        all.choose_memory(&named, false);
        // An older sign-in in the keychain must not come up again. One in a locked keychain is of no use now.
        let older = icebridge_databricks::auth::sign_out(&*store, &key, &locks(local), transport).await;
        if let (Ok(Revocation::NothingThere), Ok(older)) = (&revocation, older) {
            revocation = Ok(older);
        }
    }
    local.sessions.forget(name);
    let outcome = match revocation.map_err(|e| e.about(name))? {
        Revocation::Revoked => SignedOut::Revoked,
        Revocation::NothingThere => return Ok(SignedOut::NothingThere),
        Revocation::NotOffered => SignedOut::NotOffered,
        Revocation::Failed(error) => SignedOut::Failed { error: error.about(name) },
    };
    let body = json!({ "workspace": name, "outcome": outcome });
    local.store.append("", "", "workspace.signed_out", body).await?;
    Ok(outcome)
}

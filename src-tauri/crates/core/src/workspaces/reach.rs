//! From a saved workspace to its client: the spec, with the secrets, profile and variables of today.

use crate::LocalState;
use crate::secrets::blocking;
use crate::sessions::WorkspaceTokens;
use icebridge_databricks::auth::{Configuration, Method, Overrides, describe_host, resolve};
use icebridge_databricks::{Client, ClientOptions, Host, HostKind, Proxy, Transport};
use icebridge_model::databricks::{SignInMethod, WorkspaceSpec};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// Under this owner a workspace's secrets are in the keychain: no catalog has a name with a slash.
pub(super) fn owner(name: &str) -> String {
    format!("workspace/{name}")
}

/// The client of a saved workspace.
pub async fn client(local: &LocalState, name: &str) -> Result<Client> {
    let spec = local.store.workspace(name).await?;
    reach(local, &spec).await.and_then(|reached| reached.client(local, &spec)).map_err(|e| e.about(name))
}

/// A spec with what was found out for it.
pub(super) struct Reached {
    pub configuration: Configuration,
    pub from: String,
    pub options: ClientOptions,
}

impl Reached {
    pub fn client(&self, local: &LocalState, spec: &WorkspaceSpec) -> Result<Client> {
        let by_person = matches!(self.configuration.method, Method::Browser { .. });
        let same_host = |client: &Client| client.host() == &self.configuration.host;
        if by_person && let Some(client) = local.sessions.client(spec).filter(same_host) {
            return Ok(client);
        }
        let auth = self.configuration.auth(tokens(local, &spec.name), locks(local), &self.options)?;
        let id = self.configuration.workspace_id.as_deref();
        let client = Client::new(self.configuration.host.clone(), id, auth, &self.options)?;
        if by_person {
            local.sessions.keep(spec, &client);
        }
        Ok(client)
    }
}

pub(super) fn tokens(local: &LocalState, name: &str) -> Arc<WorkspaceTokens> {
    Arc::new(WorkspaceTokens { name: name.to_string(), all: local.sessions.tokens.clone() })
}

/// The same folder for all processes that share the state.
pub(super) fn locks(local: &LocalState) -> PathBuf {
    local.state_dir.join("locks")
}

pub(super) async fn reach(local: &LocalState, spec: &WorkspaceSpec) -> Result<Reached> {
    let owner = owner(&spec.name);
    let secret = async |key: &str| -> Result<Secret> {
        read_secret(local, &owner, key).await?.ok_or_else(|| {
            Error::new(Code::CredentialsMissing, format!("the keychain has no {key} for this workspace"))
                .about(&spec.name)
                .with_hint("Save the workspace again with its credentials.")
        })
    };
    let proxy = match (spec.secrets.iter().any(|key| key == "proxy"), &spec.proxy) {
        (true, _) => Proxy::At(secret("proxy").await?),
        (false, Some(proxy)) => Proxy::At(Secret::new(proxy.clone())),
        (false, None) => Proxy::Environment,
    };
    let mut transport = Transport { proxy, ..Transport::from_environment(|name| std::env::var(name).ok()) };
    if let Some(file) = &spec.ca_file {
        transport.ca_file = Some(PathBuf::from(file));
    }
    let options = ClientOptions { transport, ..ClientOptions::default() };
    let method = match &spec.sign_in {
        SignInMethod::Browser { client_id } => Method::Browser { client_id: client_id.clone() },
        SignInMethod::Token => Method::Token(secret("token").await?),
        SignInMethod::Machine { client_id } => {
            Method::Machine { client_id: client_id.clone(), client_secret: secret("client_secret").await? }
        }
        SignInMethod::Profile { .. } | SignInMethod::Environment => return found(spec, options),
    };
    let place = |key: &str| match local.secrets.stand_in(&owner, key) {
        Some(variable) => format!("in {variable}"),
        None => "in the keychain".to_string(),
    };
    let from = match &spec.sign_in {
        SignInMethod::Browser { .. } => "signed in through the browser".to_string(),
        SignInMethod::Token => format!("a personal access token {}", place("token")),
        _ => format!("a service principal whose secret is {}", place("client_secret")),
    };
    let mut host = Host::parse(&spec.host)?;
    if spec.workspace_id.is_some() && spec.account_id.is_some() && host.kind() == HostKind::Workspace {
        // An address that serves several workspaces needs both; whether this is one, it says itself.
        host = describe_host(host, &options.transport).await?.host;
    }
    let (account_id, workspace_id) = (spec.account_id.clone(), spec.workspace_id.clone());
    let configuration = Configuration { host, account_id, workspace_id, method };
    Ok(Reached { configuration, from, options })
}

/// As the vendor's tools find it.
fn found(spec: &WorkspaceSpec, options: ClientOptions) -> Result<Reached> {
    let profile = match &spec.sign_in {
        SignInMethod::Profile { name } => Some(name.clone()),
        _ => None,
    };
    let overrides = Overrides {
        host: Some(spec.host.clone()).filter(|host| !host.is_empty()),
        account_id: spec.account_id.clone(),
        workspace_id: spec.workspace_id.clone(),
        profile,
    };
    let resolved = resolve(&overrides, |name| std::env::var(name).ok(), std::env::home_dir().as_deref())?;
    Ok(Reached { configuration: resolved.configuration, from: resolved.from, options })
}

pub(super) async fn read_secret(local: &LocalState, owner: &str, key: &str) -> Result<Option<Secret>> {
    let (store, owner, key) = (Arc::clone(&local.secrets), owner.to_string(), key.to_string());
    blocking(move || store.get(&owner, &key)).await
}

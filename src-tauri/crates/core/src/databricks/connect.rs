//! Workspaces as the person names them: save, check, remove, and the client that each command speaks through.

use super::tokens::OfWorkspace;
use crate::LocalState;
use crate::connect::{blocking, change_secrets, is_name};
use icebridge_databricks::auth::{Configuration, Method, Profiles, Wish, recognise, resolve};
use icebridge_databricks::{Client, Cloud, Conduct, Host, HostKind, Proxy, Transport};
use icebridge_model::databricks::{
    ProfileName, SaveWorkspace, SignInMethod, SignedOut, WORKSPACE_SECRETS, WorkspaceSpec, WorkspaceStatus,
};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Under this owner a workspace's secrets are in the keychain: no catalog has a name with a slash.
fn owner(name: &str) -> String {
    format!("workspace/{name}")
}

pub async fn list(local: &LocalState) -> Result<Vec<WorkspaceSpec>> {
    local.store.workspaces().await
}

pub fn profiles() -> Result<Vec<ProfileName>> {
    let home = std::env::home_dir();
    let named = std::env::var("DATABRICKS_CONFIG_FILE").ok().filter(|path| !path.trim().is_empty());
    let file = match (named, home) {
        (Some(path), Some(home)) if path.starts_with("~/") => home.join(&path[2..]),
        (Some(path), _) => PathBuf::from(path),
        (None, Some(home)) => home.join(".databrickscfg"),
        (None, None) => return Ok(Vec::new()),
    };
    let profiles = Profiles::read(&file)?;
    let told = |profile: &icebridge_databricks::auth::Profile| ProfileName {
        name: profile.name.clone(),
        // Only what is an address: an odd file may have anything there.
        host: profile.text("host").and_then(|host| Host::parse(host).ok()).map(|h| h.to_string()).unwrap_or_default(),
        way: profile.method().to_string(),
    };
    Ok(profiles.all.iter().map(told).collect())
}

pub async fn save(local: &LocalState, request: SaveWorkspace) -> Result<WorkspaceSpec> {
    let SaveWorkspace { mut spec, secrets } = request;
    check_spec(&mut spec, &secrets).map_err(|e| e.about(&spec.name))?;
    let known = local.store.workspaces().await?.into_iter().find(|known| known.name == spec.name);
    let mut keys: BTreeSet<String> = known.iter().flat_map(|known| known.secrets.iter().cloned()).collect();
    let wanted = needed(&spec.sign_in);
    let named: BTreeSet<String> = spec.secrets.iter().cloned().chain(wanted.map(str::to_string)).collect();
    let owner = owner(&spec.name);
    for key in named.iter().filter(|key| !secrets.contains_key(*key) && !keys.contains(*key)) {
        // It must be there already: from the environment.
        if read_secret(local, &owner, key).await?.is_none() {
            return Err(Error::new(Code::CredentialsMissing, format!("the secret {key} was not given"))
                .about(&spec.name)
                .with_hint(format!("Give the {key} of this workspace; it goes to the keychain.")));
        }
    }
    keys.extend(named);
    for (key, secret) in &secrets {
        if secret.is_empty() {
            keys.remove(key);
        } else {
            keys.insert(key.clone());
        }
    }
    let mut changes = secrets;
    // What another way of signing in had left behind.
    for key in ["token", "client_secret"] {
        if Some(key) != wanted && keys.remove(key) {
            changes.insert(key.to_string(), Secret::default());
        }
    }
    change_secrets(local, &owner, changes).await.map_err(|e| e.about(&spec.name))?;
    spec.secrets = keys.into_iter().collect();
    local.store.save_workspace(&spec).await?;
    local.databricks.forget(&spec.name);
    local.store.append("", "", "workspace.saved", json!({ "workspace": spec })).await?;
    Ok(spec)
}

/// Signs out, erases the secrets, and forgets. If the keychain refuses, the workspace stays: nobody shall forget a secret
/// that still exists.
pub async fn remove(local: &LocalState, name: &str) -> Result<SignedOut> {
    let spec = local.store.workspace(name).await?;
    let outcome = match super::sign_in::sign_out(local, name).await {
        Ok(outcome) => outcome,
        Err(error) if error.code == Code::KeychainUnavailable && needs_keychain(&spec) => return Err(error),
        // Its profile is gone, say: then there is nothing of ours to revoke.
        Err(_) => SignedOut::NothingThere,
    };
    let removals = spec.secrets.iter().map(|key| (key.clone(), Secret::default())).collect();
    change_secrets(local, &owner(name), removals).await.map_err(|e| e.about(name))?;
    local.store.remove_workspace(name).await?;
    local.databricks.forget(name);
    local.store.append("", "", "workspace.removed", json!({ "workspace": name })).await?;
    Ok(outcome)
}

fn needs_keychain(spec: &WorkspaceSpec) -> bool {
    matches!(spec.sign_in, SignInMethod::Browser { .. }) || !spec.secrets.is_empty()
}

/// Who is signed in, and to what. What goes wrong is part of the answer, because a list of workspaces shows it beside each.
pub async fn check(local: &LocalState, name: &str) -> Result<WorkspaceStatus> {
    let spec = local.store.workspace(name).await?;
    let mut status = WorkspaceStatus { name: name.to_string(), host: spec.host.clone(), ..WorkspaceStatus::default() };
    if let Err(error) = ask(local, &spec, &mut status).await {
        status.error = Some(error.about(name).or_usual_hint());
    }
    Ok(status)
}

async fn ask(local: &LocalState, spec: &WorkspaceSpec, status: &mut WorkspaceStatus) -> Result<()> {
    let reached = reach(local, spec).await?;
    status.from.clone_from(&reached.from);
    let host = reached.configuration.host.clone();
    status.host = host.origin().to_string();
    status.cloud = host.cloud().map(|cloud| {
        match cloud {
            Cloud::Aws => "aws",
            Cloud::Azure => "azure",
            Cloud::Gcp => "gcp",
        }
        .to_string()
    });
    let client = reached.client(local, spec)?;
    let me = client.me().await?;
    status.signed_in = true;
    status.principal = Some(me.user_name.clone());
    status.groups = me.groups.iter().filter_map(|group| group.display.clone()).collect();
    let metastore = client.metastore().await?;
    status.external_access = metastore.external_access_enabled;
    status.cloud = status.cloud.take().or(metastore.cloud);
    status.metastore = Some(metastore.name);
    Ok(())
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
    pub conduct: Conduct,
}

impl Reached {
    fn client(&self, local: &LocalState, spec: &WorkspaceSpec) -> Result<Client> {
        let by_person = matches!(self.configuration.method, Method::Browser { .. });
        let same_host = |client: &Client| client.host() == &self.configuration.host;
        if by_person && let Some(client) = local.databricks.client(spec).filter(same_host) {
            return Ok(client);
        }
        let auth = self.configuration.auth(tokens(local, &spec.name), locks(local), &self.conduct)?;
        let id = self.configuration.workspace_id.as_deref();
        let client = Client::new(self.configuration.host.clone(), id, auth, &self.conduct)?;
        if by_person {
            local.databricks.keep(spec, &client);
        }
        Ok(client)
    }
}

pub(super) fn tokens(local: &LocalState, name: &str) -> Arc<OfWorkspace> {
    Arc::new(OfWorkspace { name: name.to_string(), all: local.databricks.tokens.clone() })
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
    let conduct = Conduct { transport, ..Conduct::default() };
    let method = match &spec.sign_in {
        SignInMethod::Browser { client_id } => Method::Browser { client_id: client_id.clone() },
        SignInMethod::Token => Method::Token(secret("token").await?),
        SignInMethod::Machine { client_id } => {
            Method::Machine { client_id: client_id.clone(), client_secret: secret("client_secret").await? }
        }
        SignInMethod::Profile { .. } | SignInMethod::Environment => return found(spec, conduct),
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
        host = recognise(host, &conduct.transport).await?.host;
    }
    let (account_id, workspace_id) = (spec.account_id.clone(), spec.workspace_id.clone());
    let configuration = Configuration { host, account_id, workspace_id, method };
    Ok(Reached { configuration, from, conduct })
}

/// As the vendor's tools find it.
fn found(spec: &WorkspaceSpec, conduct: Conduct) -> Result<Reached> {
    let profile = match &spec.sign_in {
        SignInMethod::Profile { name } => Some(name.clone()),
        _ => None,
    };
    let wish = Wish {
        host: Some(spec.host.clone()).filter(|host| !host.is_empty()),
        account_id: spec.account_id.clone(),
        workspace_id: spec.workspace_id.clone(),
        profile,
    };
    let resolved = resolve(&wish, |name| std::env::var(name).ok(), std::env::home_dir().as_deref())?;
    Ok(Reached { configuration: resolved.configuration, from: resolved.from, conduct })
}

/// The secret without which this way of signing in does not work.
fn needed(sign_in: &SignInMethod) -> Option<&'static str> {
    match sign_in {
        SignInMethod::Token => Some("token"),
        SignInMethod::Machine { .. } => Some("client_secret"),
        SignInMethod::Browser { .. } | SignInMethod::Profile { .. } | SignInMethod::Environment => None,
    }
}

async fn read_secret(local: &LocalState, owner: &str, key: &str) -> Result<Option<Secret>> {
    let (store, owner, key) = (Arc::clone(&local.secrets), owner.to_string(), key.to_string());
    blocking(move || store.get(&owner, &key)).await
}

/// Refuses what cannot work and what would leak, and brings addresses and paths into one form.
fn check_spec(spec: &mut WorkspaceSpec, secrets: &BTreeMap<String, Secret>) -> Result<()> {
    if !is_name(&spec.name) {
        return Err(Error::invalid("a workspace's name is made of letters, digits, - and _, at most 64")
            .with_hint("It names things in the keychain. Try `prod` or `dev-eu`."));
    }
    for key in spec.secrets.iter().chain(secrets.keys()) {
        if !WORKSPACE_SECRETS.contains(&key.as_str()) {
            return Err(Error::invalid(format!("`{key}` is not a secret a workspace can have"))
                .with_hint(format!("The secrets are: {}.", WORKSPACE_SECRETS.join(", "))));
        }
    }
    let own_host = matches!(spec.sign_in, SignInMethod::Profile { .. } | SignInMethod::Environment);
    spec.host = spec.host.trim().to_string();
    if !(spec.host.is_empty() && own_host) {
        spec.host = Host::parse(&spec.host)?.origin().to_string();
    }
    match &spec.sign_in {
        SignInMethod::Machine { client_id } if client_id.trim().is_empty() => {
            return Err(Error::invalid("a service principal needs its application id")
                .with_hint("Give it with --client-id; its secret is asked for."));
        }
        SignInMethod::Profile { name } if name.trim().is_empty() => {
            return Err(Error::invalid("the profile has no name").with_hint("Name a profile of ~/.databrickscfg."));
        }
        _ => {}
    }
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    spec.ca_file = spec.ca_file.take().filter(|file| !file.trim().is_empty());
    spec.proxy = spec.proxy.take().filter(|proxy| !proxy.trim().is_empty());
    spec.account_id = spec.account_id.take().filter(|id| !id.trim().is_empty());
    spec.workspace_id = spec.workspace_id.take().filter(|id| !id.trim().is_empty());
    if given(&spec.proxy) {
        check_proxy(spec.proxy.as_deref().unwrap_or_default())?;
    }
    if let Some(file) = &spec.ca_file {
        // A spec outlives the working directory.
        let file = std::path::absolute(Path::new(file))
            .map_err(|e| Error::invalid("the path cannot be used").about(file).with_cause(e))?;
        spec.ca_file = Some(file.display().to_string());
    }
    Ok(())
}

fn check_proxy(proxy: &str) -> Result<()> {
    let hint = "A proxy is given as http://name:port. One with a password is given with --secret proxy.";
    // The cause repeats the address, and the address may hold a password.
    let url = url::Url::parse(proxy)
        .map_err(|_| Error::invalid("the proxy's address cannot be understood").with_hint(hint))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid("the proxy's address holds a user name or password").with_hint(hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

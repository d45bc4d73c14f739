//! Workspaces as the user names them: list, save, remove.

use super::reach::{owner, read_secret};
use super::sign_in::sign_out;
use crate::LocalState;
use crate::secrets::{change_secrets, is_name};
use icebridge_databricks::Host;
use icebridge_databricks::auth::{Profile, Profiles};
use icebridge_model::databricks::{
    ProfileName, SaveWorkspace, SignInMethod, SignedOut, WORKSPACE_SECRETS, WorkspaceSpec,
};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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
    let named = |profile: &Profile| ProfileName {
        name: profile.name.clone(),
        // Only what is an address: an odd file may have anything there.
        host: profile.text("host").and_then(|host| Host::parse(host).ok()).map(|h| h.to_string()).unwrap_or_default(),
        way: profile.method().to_string(),
    };
    Ok(profiles.all.iter().map(named).collect())
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
    change_secrets(&local.secrets, &owner, changes).await.map_err(|e| e.about(&spec.name))?;
    spec.secrets = keys.into_iter().collect();
    local.store.save_workspace(&spec).await?;
    local.sessions.forget(&spec.name);
    local.store.append("", "", "workspace.saved", json!({ "workspace": spec })).await?;
    Ok(spec)
}

/// Signs out, erases the secrets, and forgets. If the keychain refuses, the workspace stays: no secret is
/// forgotten that still exists.
pub async fn remove(local: &LocalState, name: &str) -> Result<SignedOut> {
    let spec = local.store.workspace(name).await?;
    let outcome = match sign_out(local, name).await {
        Ok(outcome) => outcome,
        Err(error) if error.code == Code::KeychainUnavailable && needs_keychain(&spec) => return Err(error),
        // Its profile is gone, say: then there is nothing of ours to revoke.
        Err(_) => SignedOut::NothingThere,
    };
    let removals = spec.secrets.iter().map(|key| (key.clone(), Secret::default())).collect();
    change_secrets(&local.secrets, &owner(name), removals).await.map_err(|e| e.about(name))?;
    local.store.remove_workspace(name).await?;
    local.sessions.forget(name);
    local.store.append("", "", "workspace.removed", json!({ "workspace": name })).await?;
    Ok(outcome)
}

fn needs_keychain(spec: &WorkspaceSpec) -> bool {
    matches!(spec.sign_in, SignInMethod::Browser { .. }) || !spec.secrets.is_empty()
}

/// The secret without which this way of signing in does not work.
fn needed(sign_in: &SignInMethod) -> Option<&'static str> {
    match sign_in {
        SignInMethod::Token => Some("token"),
        SignInMethod::Machine { .. } => Some("client_secret"),
        SignInMethod::Browser { .. } | SignInMethod::Profile { .. } | SignInMethod::Environment => None,
    }
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
        let host = Host::parse(&spec.host)?;
        let named = || Host::workspace_id_in(&spec.host).filter(|_| !host.is_of_one_workspace()).map(Into::into);
        spec.workspace_id = spec.workspace_id.take().filter(|id| !id.trim().is_empty()).or_else(named);
        spec.host = host.origin().to_string();
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

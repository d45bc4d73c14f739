//! Where secrets are kept. The keychain lives with the hosts (crate api); core only asks.

use crate::mutex::lock;
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

/// Secrets by catalog and key (`icebridge_model::catalog::SECRET_KEYS`). Calls may block: the callers here wrap them.
pub trait SecretStore: Debug + Send + Sync {
    fn get(&self, catalog: &str, key: &str) -> Result<Option<Secret>>;
    /// Where it is taken from instead, if it is not out of the keychain: the name of a variable.
    fn stand_in(&self, _catalog: &str, _key: &str) -> Option<String> {
        None
    }
    fn set(&self, catalog: &str, key: &str, secret: &Secret) -> Result<()>;
    /// No error if there was none.
    fn remove(&self, catalog: &str, key: &str) -> Result<()>;
}

/// An empty secret is removed. `owner`: a catalog, or whatever else has secrets.
pub(crate) async fn change_secrets(
    secrets: &Arc<dyn SecretStore>,
    owner: &str,
    changes: BTreeMap<String, Secret>,
) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let (store, owner) = (Arc::clone(secrets), owner.to_string());
    blocking(move || {
        changes.iter().try_for_each(|(key, secret)| match secret.is_empty() {
            true => store.remove(&owner, key),
            false => store.set(&owner, key, secret),
        })
    })
    .await
}

/// A keychain may ask a person to unlock it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::internal("talking to the keychain failed").with_cause(e))?
}

/// What a catalog or a workspace may be called: it names things on disk and in the keychain.
pub(crate) fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 64
}

/// Secrets for as long as the process lives: for tests, and for hosts that take them from the environment.
#[derive(Default)]
pub struct MemorySecrets {
    kept: Mutex<BTreeMap<(String, String), Secret>>,
}

impl Debug for MemorySecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemorySecrets(***)")
    }
}

impl SecretStore for MemorySecrets {
    fn get(&self, catalog: &str, key: &str) -> Result<Option<Secret>> {
        let kept = lock(&self.kept);
        Ok(kept.get(&(catalog.to_string(), key.to_string())).cloned())
    }

    fn set(&self, catalog: &str, key: &str, secret: &Secret) -> Result<()> {
        let mut kept = lock(&self.kept);
        kept.insert((catalog.to_string(), key.to_string()), secret.clone());
        Ok(())
    }

    fn remove(&self, catalog: &str, key: &str) -> Result<()> {
        let mut kept = lock(&self.kept);
        kept.remove(&(catalog.to_string(), key.to_string()));
        Ok(())
    }
}

//! Where the tokens of people are kept between two starts. The keychain lives with the hosts; this crate only asks.

use crate::host::Host;
use async_trait::async_trait;
use icebridge_model::Result;
use icebridge_model::secret::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// One sign-in: a workspace (or an account) and the application it was made for. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantKey(String);

impl GrantKey {
    pub fn of(host: &Host, account_id: Option<&str>, client_id: &str) -> Self {
        let account = account_id.filter(|id| !id.is_empty()).map(|id| format!("/accounts/{id}")).unwrap_or_default();
        Self(format!("{}{account}#{client_id}", host.origin()))
    }
    /// The same sign-in under a name that the person gave the workspace: two names are two sign-ins.
    pub fn of_workspace(&self, name: &str) -> Self {
        Self(format!("{name}={}", self.0))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is stored is one text of up to some 8 KiB: a keychain with a smaller limit splits it. Every call answers or fails
/// within seconds, with `keychain-unavailable` if the keychain is locked or absent.
#[async_trait]
pub trait TokenStore: fmt::Debug + Send + Sync {
    async fn get(&self, key: &GrantKey) -> Result<Option<Secret>>;
    async fn put(&self, key: &GrantKey, grant: &Secret) -> Result<()>;
    /// No error if there was none.
    async fn erase(&self, key: &GrantKey) -> Result<()>;
    /// Stores `grant` if what is there is still `expected`. False: it is not, and nothing was changed.
    ///
    /// Keychains cannot do this in one step. All writers here hold the file lock of the key, so that reading and then
    /// writing is as good; a store that can do better should.
    async fn compare_and_store(&self, key: &GrantKey, expected: Option<&Secret>, grant: &Secret) -> Result<bool> {
        if self.get(key).await?.as_ref() != expected {
            return Ok(false);
        }
        self.put(key, grant).await?;
        Ok(true)
    }
}

/// For as long as the process lives: where there is no keychain and a person chose to sign in each time, and for tests.
#[derive(Default)]
pub struct MemoryTokens {
    kept: Mutex<BTreeMap<GrantKey, Secret>>,
}

impl fmt::Debug for MemoryTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryTokens(***)")
    }
}

#[async_trait]
impl TokenStore for MemoryTokens {
    async fn get(&self, key: &GrantKey) -> Result<Option<Secret>> {
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }
    async fn put(&self, key: &GrantKey, grant: &Secret) -> Result<()> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), grant.clone());
        Ok(())
    }
    async fn erase(&self, key: &GrantKey) -> Result<()> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }
    async fn compare_and_store(&self, key: &GrantKey, expected: Option<&Secret>, grant: &Secret) -> Result<bool> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(key) != expected {
            return Ok(false);
        }
        kept.insert(key.clone(), grant.clone());
        Ok(true)
    }
}

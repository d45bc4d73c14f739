//! Where the tokens of a sign-in are: in the host's keychain, or in memory where the person asked for that.

use async_trait::async_trait;
use icebridge_databricks::auth::{GrantKey, MemoryTokens, TokenStore};
use icebridge_model::Result;
use icebridge_model::secret::Secret;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
pub(crate) struct SessionTokens {
    kept: Arc<dyn TokenStore>,
    memory: MemoryTokens,
    in_memory: Mutex<HashSet<GrantKey>>,
}

impl SessionTokens {
    pub fn new(kept: Arc<dyn TokenStore>) -> Self {
        Self { kept, memory: MemoryTokens::default(), in_memory: Mutex::default() }
    }

    pub fn is_in_memory(&self, key: &GrantKey) -> bool {
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// From now on, until the process ends.
    pub fn choose_memory(&self, key: &GrantKey, memory: bool) {
        let mut chosen = self.in_memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory {
            chosen.insert(key.clone());
        } else {
            chosen.remove(key);
        }
    }

    /// What the keychain holds, whatever was chosen.
    pub async fn keychain(&self, key: &GrantKey) -> Result<Option<Secret>> {
        self.kept.get(key).await
    }

    fn place(&self, key: &GrantKey) -> &dyn TokenStore {
        match self.is_in_memory(key) {
            true => &self.memory,
            false => &*self.kept,
        }
    }
}

/// One workspace's part: two names for one address are two sign-ins, perhaps of two people.
#[derive(Clone, Debug)]
pub(crate) struct WorkspaceTokens {
    pub name: String,
    pub all: Arc<SessionTokens>,
}

impl WorkspaceTokens {
    pub fn key(&self, key: &GrantKey) -> GrantKey {
        key.of_workspace(&self.name)
    }
}

#[async_trait]
impl TokenStore for WorkspaceTokens {
    async fn get(&self, key: &GrantKey) -> Result<Option<Secret>> {
        let key = self.key(key);
        self.all.place(&key).get(&key).await.map_err(|e| e.about(&self.name))
    }

    async fn put(&self, key: &GrantKey, grant: &Secret) -> Result<()> {
        let key = self.key(key);
        self.all.place(&key).put(&key, grant).await.map_err(|e| e.about(&self.name))
    }

    async fn erase(&self, key: &GrantKey) -> Result<()> {
        let key = self.key(key);
        self.all.place(&key).erase(&key).await.map_err(|e| e.about(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_databricks::Host;

    #[tokio::test]
    async fn two_names_for_one_address_are_two_sign_ins_and_memory_is_chosen_for_one() {
        let keychain = Arc::new(MemoryTokens::default());
        let all = Arc::new(SessionTokens::new(keychain.clone()));
        let of = |name: &str| WorkspaceTokens { name: name.into(), all: all.clone() };
        let key = GrantKey::of(&Host::parse("https://h.example").unwrap(), None, "databricks-cli");
        let (one, two) = (of("one"), of("two"));
        all.choose_memory(&two.key(&key), true);
        one.put(&key, &Secret::new("first")).await.unwrap();
        two.put(&key, &Secret::new("second")).await.unwrap();
        assert_eq!(one.get(&key).await.unwrap(), Some(Secret::new("first")));
        assert_eq!(two.get(&key).await.unwrap(), Some(Secret::new("second")));
        assert_eq!(keychain.get(&two.key(&key)).await.unwrap(), None);
        one.erase(&key).await.unwrap();
        assert_eq!(one.get(&key).await.unwrap(), None);
        assert_eq!(two.get(&key).await.unwrap(), Some(Secret::new("second")));
    }
}

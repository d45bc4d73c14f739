//! Sign-ins to Databricks workspaces as long as the process lives: clients, tokens, and sign-ins that wait for the browser.

mod tokens;

pub use icebridge_databricks::auth::{GrantKey, MemoryTokens, TokenStore};
pub(crate) use tokens::{SessionTokens, WorkspaceTokens};

use icebridge_databricks::Client;
use icebridge_model::databricks::WorkspaceSpec;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Of all workspaces. Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    pub tokens: Arc<SessionTokens>,
    /// Of people who signed in through the browser: a client holds the new token when the keychain could not take it yet.
    clients: Arc<Mutex<HashMap<String, (WorkspaceSpec, Client)>>>,
    /// Sign-ins that wait for the browser.
    waiting: Arc<Mutex<HashMap<String, CancellationToken>>>,
}

impl Sessions {
    pub fn new(tokens: Arc<dyn TokenStore>) -> Self {
        Self { tokens: Arc::new(SessionTokens::new(tokens)), clients: Arc::default(), waiting: Arc::default() }
    }

    pub fn client(&self, spec: &WorkspaceSpec) -> Option<Client> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get(&spec.name).filter(|(of, _)| of == spec).map(|(_, client)| client.clone())
    }

    pub fn keep(&self, spec: &WorkspaceSpec, client: &Client) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.insert(spec.name.clone(), (spec.clone(), client.clone()));
    }

    /// After a sign-in or sign-out: what the client knows is of before.
    pub fn forget(&self, name: &str) {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// One sign-in for each workspace: a new one ends the one before.
    pub fn wait(&self, name: &str, cancel: CancellationToken) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = waiting.insert(name.to_string(), cancel) {
            before.cancel();
        }
    }

    pub fn cancel(&self, name: &str) {
        if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(name) {
            waiting.cancel();
        }
    }
}

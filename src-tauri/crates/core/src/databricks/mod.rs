//! Databricks workspaces, several side by side: saved, signed in to, checked; their gate and their Unity Catalog.
//!
//! A spec says where a workspace is and who signs in; secrets and the tokens of people are in the host's keychain. Each
//! command builds its client from the spec, so that a changed profile, variable or grant counts at once.

pub mod connect;
pub mod gate;
pub mod sign_in;
mod tokens;
pub mod unity;

pub use icebridge_databricks::auth::{GrantKey, MemoryTokens, TokenStore};
pub(crate) use tokens::SessionTokens;

use icebridge_databricks::Client;
use icebridge_model::databricks::WorkspaceSpec;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// What a process knows of workspaces while it lives.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub tokens: Arc<SessionTokens>,
    /// Of people who signed in through the browser: a client holds the new token when the keychain could not take it yet.
    clients: Arc<Mutex<HashMap<String, (WorkspaceSpec, Client)>>>,
    /// Sign-ins that wait for the browser.
    waiting: Arc<Mutex<HashMap<String, CancellationToken>>>,
}

impl Live {
    pub fn new(tokens: Arc<dyn TokenStore>) -> Self {
        Self { tokens: Arc::new(SessionTokens::new(tokens)), clients: Arc::default(), waiting: Arc::default() }
    }

    fn client(&self, spec: &WorkspaceSpec) -> Option<Client> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get(&spec.name).filter(|(of, _)| of == spec).map(|(_, client)| client.clone())
    }

    fn keep(&self, spec: &WorkspaceSpec, client: &Client) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.insert(spec.name.clone(), (spec.clone(), client.clone()));
    }

    /// After a sign-in or sign-out: what the client knows is of before.
    fn forget(&self, name: &str) {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// One sign-in for each workspace: a new one ends the one before.
    fn wait(&self, name: &str, cancel: CancellationToken) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = waiting.insert(name.to_string(), cancel) {
            before.cancel();
        }
    }

    fn cancel(&self, name: &str) {
        if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(name) {
            waiting.cancel();
        }
    }
}

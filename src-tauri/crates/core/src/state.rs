//! IceBridge's local state: the store, the secrets, and the channel for events.

mod extensions;

use crate::secrets::SecretStore;
use crate::sessions::{MemoryTokens, Sessions, TokenStore};
use extensions::Extensions;
use icebridge_lakehouse::catalog::Secrets;
use icebridge_metrics::Metrics;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::event::Event;
use icebridge_model::plan::Plan;
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result};
use icebridge_store::Store;
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::broadcast;

pub use icebridge_store::now;

/// The file in a state folder by whose text a keychain tells the secrets of one folder from those of another.
pub const STATE_ID: &str = "state-id";

/// A slow listener loses old progress, never a state: those are in the journal.
const EVENTS_KEPT: usize = 1024;

/// Cheap to clone; every clone is the same state.
#[derive(Clone, Debug)]
pub struct LocalState {
    pub store: Store,
    pub secrets: Arc<dyn SecretStore>,
    pub state_dir: PathBuf,
    pub events: broadcast::Sender<Event>,
    pub(crate) metrics: Metrics,
    /// Of people who are signed in to Databricks workspaces.
    pub(crate) sessions: Sessions,
    extensions: Extensions,
}

impl LocalState {
    pub async fn open(state_dir: impl AsRef<Path>, secrets: Arc<dyn SecretStore>) -> Result<Self> {
        let store = Store::open(state_dir).await?;
        let state_dir = store.state_dir().to_path_buf();
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let sessions = Sessions::new(Arc::new(MemoryTokens::default()));
        let metrics = Metrics::of_process();
        Ok(Self { store, secrets, state_dir, events, metrics, sessions, extensions: Extensions::default() })
    }

    /// Another state, in a folder of its own: its store is empty; secrets, sessions, counters and listeners are the same.
    pub(crate) async fn beside(&self, state_dir: impl AsRef<Path>) -> Result<Self> {
        let store = Store::open(state_dir).await?;
        let state_dir = store.state_dir().to_path_buf();
        Ok(Self { store, state_dir, extensions: Extensions::default(), ..self.clone() })
    }

    /// Keeps the tokens of people who sign in to a Databricks workspace there; without, in memory.
    pub fn with_tokens(mut self, tokens: Arc<dyn TokenStore>) -> Self {
        self.sessions = Sessions::new(tokens);
        self
    }

    /// What a module keeps with the state, by its type; made when it is asked for first.
    pub(crate) fn extension<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        self.extensions.get()
    }

    /// Without a listener it is lost, which is no error.
    pub fn emit(&self, event: Event) {
        self.metrics.event(&event);
        let _ = self.events.send(event);
    }

    /// Keeps with a run what a comparison found, as its plan wants it shown, and counts it.
    pub(crate) async fn save_validation(&self, plan: &Plan, run_id: &str, validation: &Validation) -> Result<()> {
        let mut kept = validation.clone();
        plan.hide_values(&mut kept.checks);
        self.store.save_validation(run_id, &kept).await?;
        self.metrics.validated(validation);
        Ok(())
    }

    /// The secrets a catalog is said to have. One that the keychain does not have is named here, not by a refused request.
    pub async fn secrets_of(&self, spec: &CatalogSpec) -> Result<Secrets> {
        let (kept, spec) = (Arc::clone(&self.secrets), spec.clone());
        // A keychain may ask a person to unlock it.
        tokio::task::spawn_blocking(move || {
            let mut secrets = Secrets::new();
            for key in &spec.secrets {
                let secret = kept.get(&spec.name, key)?.ok_or_else(|| {
                    Error::new(Code::CredentialsMissing, format!("the keychain has no {key} for this catalog"))
                        .about(&spec.name)
                        .with_hint("Save the catalog again with its credentials.")
                })?;
                secrets.insert(key.clone(), secret);
            }
            Ok(secrets)
        })
        .await
        .map_err(|e| Error::internal("reading the keychain failed").with_cause(e))?
    }
}

#[cfg(test)]
mod tests;

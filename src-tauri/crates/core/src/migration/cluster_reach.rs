//! What clusters have to reach of a source: its secrets, lent for as long as they run, and all of its rows.

use crate::LocalState;
use crate::cluster::{StepRecord, secrets};
use crate::workspaces::restrictions;
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_model::photon::{ClusterCopy, PhotonSettings};
use icebridge_model::plan::Plan;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeSet;

/// Secrets of a plan's source in a scope of the workspace.
pub(crate) struct Lending<'a> {
    pub local: &'a LocalState,
    pub plan: &'a Plan,
    pub settings: &'a PhotonSettings,
    pub client: &'a Client,
    /// What tells this state from others.
    pub owner: &'a str,
}

impl Lending<'_> {
    pub fn scope(&self) -> String {
        secrets::scope(&self.plan.hash, self.owner)
    }

    /// What an earlier process lent may come back in what its jobs printed.
    pub async fn hide(&self) -> Result<()> {
        if !self.settings.secret_conf.is_empty() {
            let spec = self.local.store.catalog(&self.plan.source).await?;
            self.local.secrets_of(&spec).await?.into_values().for_each(|secret| self.client.hide(secret));
        }
        Ok(())
    }

    /// Puts into the scope what the clusters need to reach the source.
    pub async fn lend(&self) -> Result<()> {
        let settings = self.settings;
        if settings.secret_conf.is_empty() {
            return Ok(());
        }
        let spec = self.local.store.catalog(&self.plan.source).await?;
        let own = self.local.secrets_of(&spec).await?;
        let mut lent: Vec<(String, Secret)> = Vec::new();
        for name in settings.secret_conf.values().collect::<BTreeSet<_>>() {
            let secret = own.get(name).cloned().ok_or_else(|| {
                Error::new(Code::CredentialsMissing, format!("the source has no secret `{name}` for the clusters"))
                    .about(&spec.name)
                    .with_hint("Save the source with it, or name another in secret_conf.")
            })?;
            self.client.hide(secret.clone());
            lent.push((name.clone(), secret));
        }
        secrets::put(self.client, &self.scope(), &lent, settings.reader()).await
    }

    /// Takes away what was lent, by whichever process: a resume of a run that is over does it, too. A cluster that still runs may
    /// be about to start another task that needs it.
    pub async fn take_back(&self) -> Result<()> {
        let names: Vec<String> = self.settings.secret_conf.values().cloned().collect();
        if names.is_empty() || self.settings.keep_secrets {
            return Ok(());
        }
        let steps: Vec<StepRecord> = self.local.store.cluster_steps(&self.plan.hash).await?;
        if steps.iter().any(StepRecord::is_open) {
            return Ok(());
        }
        if let Err(error) = secrets::remove(self.client, &self.scope(), &names).await {
            tracing::warn!(%error, "the secrets of the clusters are left in the workspace's scope; a resume takes them away");
        }
        Ok(())
    }
}

/// What Unity Catalog hides from the cluster is missing from its copy and from its comparison alike.
pub(crate) async fn refuse_restricted(
    client: &Client,
    me: &Me,
    settings: &PhotonSettings,
    copy: &ClusterCopy,
) -> Result<()> {
    let reader = me.clone().named(settings.reader());
    let found = restrictions::of_table(client, &reader, &copy.source).await?.restrictions;
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::new(Code::Unsupported, format!("{} may keep rows or values from the cluster's reader", found.join(", ")))
        .about(&copy.source)
        .with_hint(
            "Except who migrates from it, or let the embedded engine copy the table: it reads the source's files themselves.",
        ))
}

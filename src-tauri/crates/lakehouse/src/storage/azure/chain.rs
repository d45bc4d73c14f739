//! The usual chain of Azure: the environment, a managed identity of this machine, the command `az`.

use crate::storage::common::errors::NoCredentials;
use crate::storage::common::network::{Network, of_machine};
use async_trait::async_trait;
use icebridge_model::secret::is_our_secret;
use object_store::azure::{AzureConfigKey, AzureCredential, AzureCredentialProvider, MicrosoftAzureBuilder};
use object_store::{CredentialProvider, Result};
use serde::Deserialize;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::process::Command;
use tokio::sync::{Mutex, OnceCell};
use zeroize::Zeroizing;

/// For the address that gives a managed identity its tokens; where there is none, nothing answers.
const MACHINE: Duration = Duration::from_secs(5);
const AZ: Duration = Duration::from_secs(30);
/// Tokens of `az` live for an hour or more.
const KEPT: Duration = Duration::from_secs(5 * 60);

#[derive(Debug)]
pub(super) struct OfThisMachine {
    environment: MicrosoftAzureBuilder,
    /// The environment says how to sign in.
    says: bool,
    chosen: OnceCell<AzureCredentialProvider>,
}

impl OfThisMachine {
    pub(super) fn new(network: &Network, account: &str, client_id: Option<&str>) -> Self {
        let mut environment = MicrosoftAzureBuilder::from_env()
            .with_account(account)
            .with_container_name("-")
            .with_client_options(network.client())
            .with_retry(of_machine());
        let is_set = |key| environment.get_config_value(&key).is_some();
        use AzureConfigKey as K;
        let says = [K::AccessKey, K::SasKey, K::Token, K::ClientSecret, K::FederatedTokenFile, K::MsiEndpoint]
            .into_iter()
            .any(is_set);
        if let Some(id) = client_id {
            environment = environment.with_client_id(id);
        }
        Self { environment, says, chosen: OnceCell::new() }
    }

    async fn choose(&self) -> Result<AzureCredentialProvider> {
        let first = self.environment.clone().build()?.credentials().clone();
        if self.says {
            return Ok(first);
        }
        match tokio::time::timeout(MACHINE, first.get_credential()).await {
            Ok(Ok(_)) => return Ok(first),
            Ok(Err(error)) => tracing::debug!(%error, "this machine has no managed identity"),
            Err(_) => tracing::debug!("this machine has no managed identity"),
        }
        let az = Arc::new(Az::default());
        az.get_credential().await?;
        Ok(az)
    }
}

#[async_trait]
impl CredentialProvider for OfThisMachine {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> Result<Arc<AzureCredential>> {
        self.chosen.get_or_try_init(|| self.choose()).await?.get_credential().await
    }
}

/// `az account get-access-token`, started without the secrets of this process.
#[derive(Debug, Default)]
struct Az {
    kept: Mutex<Option<(Arc<AzureCredential>, SystemTime)>>,
}

fn none(why: &str) -> object_store::Error {
    object_store::Error::Generic { store: "Azure", source: Box::new(NoCredentials(why.into())) }
}

impl Az {
    async fn token() -> Result<Arc<AzureCredential>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            access_token: String,
        }
        let mut command = if cfg!(windows) { Command::new("az.cmd") } else { Command::new("az") };
        command.args([
            "account",
            "get-access-token",
            "--output",
            "json",
            "--scope",
            "https://storage.azure.com/.default",
        ]);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_our_secret(name)) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let output = match tokio::time::timeout(AZ, command.output()).await {
            Ok(Ok(output)) if output.status.success() => Zeroizing::new(output.stdout),
            Ok(Ok(_)) => return Err(none("nobody is signed in with `az login`")),
            Ok(Err(_)) => return Err(none("there is no managed identity, and the command `az` is not installed")),
            Err(_) => return Err(none("the command `az` did not give a token in time")),
        };
        let answer: Answer = serde_json::from_slice(&output).map_err(|_| none("the command `az` gave no token"))?;
        Ok(Arc::new(AzureCredential::BearerToken(answer.access_token)))
    }
}

#[async_trait]
impl CredentialProvider for Az {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> Result<Arc<AzureCredential>> {
        let mut kept = self.kept.lock().await;
        if let Some((token, until)) = &*kept
            && SystemTime::now() < *until
        {
            return Ok(token.clone());
        }
        let token = Self::token().await?;
        *kept = Some((token.clone(), SystemTime::now() + KEPT));
        Ok(token)
    }
}

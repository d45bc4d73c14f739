//! How to reach containers.

use super::chain::OfThisMachine;
use super::container::Container;
use super::direct::Requests;
use super::settings::{Given, Settings};
use crate::storage::bucket::{Bucket, Buckets, address_and_name};
use crate::storage::common::cloud::Cloud;
use crate::storage::common::errors::from_store;
use crate::storage::common::network::{Network, retry};
use crate::storage::lent::{Lender, LentToAzure};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use object_store::StaticCredentialProvider;
use object_store::azure::{AzureAccessKey, AzureCredential, AzureCredentialProvider, MicrosoftAzureBuilder, split_sas};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One set of settings and credentials, for any number of storage accounts.
pub(in crate::storage) struct Account {
    settings: Settings,
    lender: Option<Arc<Lender>>,
    network: Network,
    containers: Buckets,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("lender", &self.lender).finish_non_exhaustive()
    }
}

impl Account {
    pub(in crate::storage) fn new(
        network: &Network,
        properties: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, Secret>,
        lender: Option<Arc<Lender>>,
    ) -> Result<Self> {
        let settings = Settings::new(properties, secrets)?;
        Ok(Self { settings, lender, network: network.clone(), containers: Buckets::default() })
    }

    pub(in crate::storage) async fn container(&self, container: &Container, head: &str) -> Result<Arc<Bucket>> {
        let account = self.settings.account(container)?;
        let name = format!("{}@{account}", container.name);
        let endpoint = self.settings.endpoint(container, &account);
        self.containers
            .get(&format!("{name} {endpoint}"), head, || self.connect(container, head, account, endpoint))
            .await
    }

    async fn connect(&self, container: &Container, head: &str, account: String, endpoint: String) -> Result<Bucket> {
        let failed = |e| from_store(Cloud::Azure, e, "opening the container", &container.name);
        let (address, name) = address_and_name(&endpoint, &container.name, head);
        let credentials = self.credentials(&account)?;
        let client = self.network.client();
        let objects = MicrosoftAzureBuilder::new()
            .with_account(&account)
            .with_container_name(name)
            .with_endpoint(address.clone())
            .with_credentials(credentials.clone())
            .with_retry(retry())
            .with_client_options(client.clone())
            .build()
            .map_err(failed)?;
        let direct = Requests::new(&client, &address, name, &account, credentials).map_err(failed)?;
        Ok(Bucket {
            cloud: Cloud::Azure,
            objects: Arc::new(objects),
            direct: Some(Box::new(direct)),
            lender: self.lender.clone(),
            name: format!("{}@{account}", container.name),
            head: head.into(),
            endpoint: Some(endpoint),
        })
    }

    fn credentials(&self, account: &str) -> Result<AzureCredentialProvider> {
        if let Some(lender) = &self.lender {
            return Ok(Arc::new(LentToAzure { lender: lender.clone(), account: account.into() }));
        }
        let fixed = |credential| Arc::new(StaticCredentialProvider::new(credential)) as AzureCredentialProvider;
        // The causes of both would hold parts of the secrets.
        Ok(match self.settings.given(account)? {
            Given::Token(token) => fixed(AzureCredential::BearerToken(token.expose().into())),
            Given::Sas(sas) => match split_sas(sas.expose()) {
                Ok(pairs) => fixed(AzureCredential::SASToken(pairs)),
                Err(_) => return Err(unusable("adls.sas-token", "sv=…&se=…&sig=…")),
            },
            Given::Key(key) => match AzureAccessKey::try_new(key.expose()) {
                Ok(key) => fixed(AzureCredential::AccessKey(key)),
                Err(_) => return Err(unusable("adls.account-key", "a text in base64")),
            },
            Given::Client { tenant, id, secret } => {
                let signed_in = MicrosoftAzureBuilder::new()
                    .with_account(account)
                    .with_container_name("-")
                    .with_client_secret_authorization(id, secret.expose(), tenant)
                    .with_retry(retry())
                    .with_client_options(self.network.client());
                let signed_in = signed_in.build().map_err(|e| from_store(Cloud::Azure, e, "signing in", account))?;
                signed_in.credentials().clone()
            }
            Given::Nothing => Arc::new(OfThisMachine::new(&self.network, account, self.settings.client_id())),
        })
    }
}

fn unusable(name: &str, form: &str) -> Error {
    Error::new(Code::CredentialsMissing, format!("{name} has not the form that it must have"))
        .with_hint(format!("It is {form}, as the Azure portal shows it."))
}

//! How to reach buckets.

use crate::storage::bucket::{Bucket, Buckets, address_and_name};
use crate::storage::common::chosen::{Chosen, check_address};
use crate::storage::common::cloud::Cloud;
use crate::storage::common::errors::{NoCredentials, from_store};
use crate::storage::common::network::{Network, of_machine, retry};
use crate::storage::lent::{Lender, LentToGoogle};
use async_trait::async_trait;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use object_store::gcp::{GcpCredential, GcpCredentialProvider, GoogleCloudStorageBuilder};
use object_store::{CredentialProvider, StaticCredentialProvider};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

const GOOGLE: &str = "https://storage.googleapis.com";
/// For the address that gives a machine of Google's its tokens; elsewhere nothing answers there.
const MACHINE: Duration = Duration::from_secs(20);

pub(in crate::storage) struct Account {
    endpoint: String,
    keys: Keys,
    network: Network,
    buckets: Buckets,
}

enum Keys {
    Lent(Arc<Lender>),
    Token(Secret),
    ServiceAccount(Secret),
    Anonymous,
    /// GOOGLE_* variables, the file of `gcloud auth application-default login`, the machine's service account.
    FromEnv,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Account {
    pub(in crate::storage) fn new(
        network: &Network,
        properties: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, Secret>,
        lender: Option<Arc<Lender>>,
    ) -> Result<Self> {
        let chosen = Chosen { properties, secrets };
        let endpoint = chosen.property("gcs.service.host").unwrap_or(GOOGLE).trim_end_matches('/').to_string();
        check_address("gcs.service.host", &endpoint)?;
        let anonymous = chosen.flag("gcs.no-auth").unwrap_or(false);
        let keys = match (lender, chosen.secret("gcs.oauth2.token"), chosen.secret("gcs.service-account-key")) {
            (Some(lender), _, _) => Keys::Lent(lender),
            (None, Some(token), _) => Keys::Token(token.clone()),
            (None, None, Some(key)) => Keys::ServiceAccount(key.clone()),
            (None, None, None) if anonymous => Keys::Anonymous,
            (None, None, None) => Keys::FromEnv,
        };
        Ok(Self { endpoint, keys, network: network.clone(), buckets: Buckets::default() })
    }

    pub(in crate::storage) async fn bucket(&self, name: &str, head: &str) -> Result<Arc<Bucket>> {
        self.buckets.get(name, head, || self.connect(name, head)).await
    }

    async fn connect(&self, name: &str, head: &str) -> Result<Bucket> {
        let failed = |e| from_store(Cloud::Google, e, "opening the bucket", &format!("gs://{name}"));
        let builder = GoogleCloudStorageBuilder::new();
        let builder = match &self.keys {
            Keys::Lent(lender) => builder.with_credentials(Arc::new(LentToGoogle(lender.clone()))),
            Keys::Token(token) => builder.with_credentials(fixed(token.expose())),
            // Even without a signature the client asks for credentials when it writes.
            Keys::Anonymous => builder.with_credentials(fixed("")).with_skip_signature(true),
            // The cause could hold a part of the key.
            Keys::ServiceAccount(key) => builder.with_credentials(self.service_account(key).ok_or_else(|| {
                Error::new(Code::CredentialsMissing, "gcs.service-account-key is not the key of a service account")
                    .with_hint("It is the JSON text of the key's file, as Google's console gives it.")
            })?),
            Keys::FromEnv => builder.with_credentials(self.of_this_machine().map_err(failed)?),
        };
        let (address, bucket) = address_and_name(&self.endpoint, name, head);
        let objects = builder
            .with_base_url(&address)
            .with_bucket_name(bucket)
            .with_retry(retry())
            .with_client_options(self.network.client())
            .build()
            .map_err(failed)?;
        let lender = match &self.keys {
            Keys::Lent(lender) => Some(lender.clone()),
            _ => None,
        };
        Ok(Bucket {
            cloud: Cloud::Google,
            objects: Arc::new(objects),
            direct: None,
            lender,
            name: name.into(),
            head: head.into(),
            endpoint: Some(self.endpoint.clone()),
        })
    }

    fn service_account(&self, key: &Secret) -> Option<GcpCredentialProvider> {
        let signed_in = GoogleCloudStorageBuilder::new()
            .with_bucket_name("-")
            .with_service_account_key(key.expose())
            .with_retry(retry())
            .with_client_options(self.network.client());
        signed_in.build().ok().map(|signed_in| signed_in.credentials().clone())
    }

    fn of_this_machine(&self) -> object_store::Result<GcpCredentialProvider> {
        let environment = GoogleCloudStorageBuilder::from_env()
            .with_bucket_name("-")
            .with_retry(of_machine())
            .with_client_options(self.network.client());
        Ok(Arc::new(OfThisMachine(environment.build()?.credentials().clone())))
    }
}

fn fixed(token: &str) -> GcpCredentialProvider {
    Arc::new(StaticCredentialProvider::new(GcpCredential { bearer: token.into() }))
}

/// Whatever the environment names, with a limit of time: the last of the chain is an address that often does not answer.
#[derive(Debug)]
struct OfThisMachine(GcpCredentialProvider);

#[async_trait]
impl CredentialProvider for OfThisMachine {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        let why = match tokio::time::timeout(MACHINE, self.0.get_credential()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(e)) => format!("the environment's credentials give no token: {e}"),
            Err(_) => "the environment's credentials give no token in time".into(),
        };
        Err(object_store::Error::Generic { store: "GCS", source: Box::new(NoCredentials(why)) })
    }
}

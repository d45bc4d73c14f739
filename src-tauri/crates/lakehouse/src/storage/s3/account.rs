//! How to reach buckets.

use crate::storage::bucket::{Bucket, Buckets, in_address};
use crate::storage::common::chosen::{Chosen, check_address};
use crate::storage::common::cloud::Cloud;
use crate::storage::common::errors::from_store;
use crate::storage::common::network::{Network, retry};
use crate::storage::lent::{Lender, LentToS3};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, AwsCredential, resolve_bucket_region};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// How to reach buckets: one set of properties and credentials.
pub(in crate::storage) struct Account {
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<bool>,
    anonymous: bool,
    keys: Keys,
    network: Network,
    buckets: Buckets,
}

enum Keys {
    Fixed(Arc<AwsCredential>),
    Lent(Arc<Lender>),
    /// AWS_* variables, web identity, container or instance role.
    FromEnv,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
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
        let keys = match (lender, chosen.secret("s3.access-key-id"), chosen.secret("s3.secret-access-key")) {
            (Some(lender), _, _) => Keys::Lent(lender),
            (None, Some(id), Some(key)) => Keys::Fixed(Arc::new(AwsCredential {
                key_id: id.expose().into(),
                secret_key: key.expose().into(),
                token: chosen.secret("s3.session-token").map(|t| t.expose().into()),
            })),
            (None, None, None) => Keys::FromEnv,
            (None, id, _) => {
                let missing = if id.is_some() { "s3.secret-access-key" } else { "s3.access-key-id" };
                return Err(Error::new(Code::CredentialsMissing, format!("{missing} is missing"))
                    .with_hint("Give both s3.access-key-id and s3.secret-access-key, or neither."));
            }
        };
        let endpoint = chosen.property("s3.endpoint").map(|e| e.trim_end_matches('/').to_string());
        if let Some(endpoint) = &endpoint {
            check_address("s3.endpoint", endpoint)?;
        }
        Ok(Self {
            endpoint,
            region: chosen.property("s3.region").or_else(|| chosen.property("client.region")).map(Into::into),
            path_style: chosen
                .flag("s3.path-style-access")
                .or_else(|| chosen.flag("s3.force-virtual-addressing").map(|v| !v)),
            anonymous: chosen.flag("s3.anonymous").unwrap_or(false),
            keys,
            network: network.clone(),
            buckets: Buckets::default(),
        })
    }

    pub(in crate::storage) async fn bucket(&self, name: &str, head: &str) -> Result<Arc<Bucket>> {
        self.buckets.get(name, head, || self.connect(name, head)).await
    }

    async fn connect(&self, name: &str, head: &str) -> Result<Bucket> {
        let failed = |e| from_store(Cloud::S3, e, "opening the bucket", &format!("s3://{name}"));
        let mut builder = match &self.keys {
            Keys::FromEnv => AmazonS3Builder::from_env(),
            Keys::Fixed(keys) => AmazonS3Builder::new().with_credentials(Arc::new(
                object_store::StaticCredentialProvider::new(AwsCredential {
                    key_id: keys.key_id.clone(),
                    secret_key: keys.secret_key.clone(),
                    token: keys.token.clone(),
                }),
            )),
            Keys::Lent(lender) => AmazonS3Builder::new().with_credentials(Arc::new(LentToS3(lender.clone()))),
        };
        let client = self.network.client();
        let region = match &self.region {
            Some(region) => region.clone(),
            None => self.find_region(name, &client).await,
        };
        builder = builder
            .with_bucket_name(format!("{name}{}", in_address(head)))
            .with_region(region)
            .with_skip_signature(self.anonymous)
            .with_retry(retry())
            .with_client_options(client);
        // Servers that are not AWS seldom have a DNS name for each bucket; nor does AWS's certificate fit a name with dots.
        let path_style = !head.is_empty() || self.path_style.unwrap_or(self.endpoint.is_some() || name.contains('.'));
        if let Some(endpoint) = &self.endpoint {
            builder = match (path_style, endpoint.split_once("://")) {
                (false, Some((scheme, host))) => builder.with_endpoint(format!("{scheme}://{name}.{host}")),
                _ => builder.with_endpoint(endpoint),
            };
        }
        builder = builder.with_virtual_hosted_style_request(!path_style);
        let store = builder.build().map_err(failed)?;
        let lender = match &self.keys {
            Keys::Lent(lender) => Some(lender.clone()),
            Keys::Fixed(_) | Keys::FromEnv => None,
        };
        Ok(Bucket {
            cloud: Cloud::S3,
            objects: Arc::new(store),
            direct: None,
            lender,
            name: name.into(),
            head: head.into(),
            endpoint: self.endpoint.clone(),
        })
    }

    async fn find_region(&self, bucket: &str, client: &ClientOptions) -> String {
        let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok());
        match (named, &self.endpoint) {
            (Some(region), _) if !region.is_empty() => region,
            (_, None) if std::env::var_os("AWS_ENDPOINT_URL").is_none() => {
                resolve_bucket_region(bucket, client).await.unwrap_or_else(|e| {
                    tracing::debug!(bucket, error = %e, "the bucket's region is not known; trying us-east-1");
                    "us-east-1".into()
                })
            }
            _ => "us-east-1".into(),
        }
    }
}

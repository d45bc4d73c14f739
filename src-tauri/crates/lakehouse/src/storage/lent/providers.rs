//! Lent credentials as each cloud's client asks for them.

use super::lender::Lender;
use async_trait::async_trait;
use icebridge_model::{Code, Error};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use object_store::azure::AzureCredential;
use object_store::gcp::GcpCredential;
use std::sync::Arc;

#[derive(Debug)]
pub(in crate::storage) struct LentToS3(pub Arc<Lender>);

#[derive(Debug)]
pub(in crate::storage) struct LentToGoogle(pub Arc<Lender>);

#[derive(Debug)]
pub(in crate::storage) struct LentToAzure {
    pub lender: Arc<Lender>,
    pub account: String,
}

fn failed(store: &'static str, error: Error) -> object_store::Error {
    object_store::Error::Generic { store, source: Box::new(error) }
}

fn not_lent(store: &'static str) -> object_store::Error {
    let error = Error::new(Code::StorageDenied, "the catalog lends no credentials for the place of this file")
        .with_hint("Give credentials of your own for it, or ask the catalog's owner.");
    failed(store, error)
}

#[async_trait]
impl CredentialProvider for LentToS3 {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let lent = self.0.credentials().await.map_err(|e| failed("S3", e))?;
        lent.s3.clone().ok_or_else(|| not_lent("S3"))
    }
}

#[async_trait]
impl CredentialProvider for LentToGoogle {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        let lent = self.0.credentials().await.map_err(|e| failed("GCS", e))?;
        lent.google.clone().ok_or_else(|| not_lent("GCS"))
    }
}

#[async_trait]
impl CredentialProvider for LentToAzure {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        let lent = self.lender.credentials().await.map_err(|e| failed("Azure", e))?;
        let fits = |of: &str| of.is_empty() || of.split('.').next() == Some(self.account.as_str());
        let found = lent.azure.iter().find(|(of, _)| fits(of));
        found.map(|(_, credential)| credential.clone()).ok_or_else(|| not_lent("Azure"))
    }
}

//! Unity Catalog's Iceberg REST endpoint with the sign-in of a saved workspace.

use super::reach::client;
use crate::LocalState;
use async_trait::async_trait;
use icebridge_databricks::Client;
use icebridge_lakehouse::catalog::{Bearer, Transport};
use icebridge_model::Result;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::secret::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Below the workspace's address.
const PATH: &str = "/api/2.1/unity-catalog/iceberg-rest";

#[derive(Debug)]
struct SignedIn(Client);

#[async_trait]
impl Bearer for SignedIn {
    async fn token(&self) -> Result<Secret> {
        self.0.auth().token().await
    }

    async fn renew(&self, stale: &Secret) -> Result<bool> {
        self.0.auth().renew(stale).await
    }

    fn headers(&self) -> BTreeMap<String, String> {
        self.0.headers()
    }

    fn transport(&self) -> Transport {
        self.0.transport().clone()
    }
}

/// The spec with the endpoint's address in place of the workspace's name, and who asks there.
pub(crate) async fn reach(local: &LocalState, mut spec: CatalogSpec) -> Result<(CatalogSpec, Arc<dyn Bearer>)> {
    let client = client(local, &spec.uri).await.map_err(|e| e.about(&spec.name))?;
    spec.uri = format!("{}{PATH}", client.host().origin());
    Ok((spec, Arc::new(SignedIn(client))))
}

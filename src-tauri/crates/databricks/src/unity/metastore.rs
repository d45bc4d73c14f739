//! The metastore that the workspace is attached to.

use super::calls::get;
use crate::client::Client;
use icebridge_model::Result;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metastore {
    #[serde(default)]
    pub metastore_id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub cloud: Option<String>,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(default)]
    pub global_metastore_id: Option<String>,
    #[serde(default)]
    pub storage_root: Option<String>,
    #[serde(default)]
    pub privilege_model_version: Option<String>,
    /// Whether anything but Databricks' own compute may reach tables directly. None: the server does not say.
    #[serde(default)]
    pub external_access_enabled: Option<bool>,
}

impl Client {
    /// Every user of the workspace may read it, unlike the metastore itself.
    pub async fn metastore(&self) -> Result<Metastore> {
        self.fetch(get("/metastore_summary")).await
    }
}

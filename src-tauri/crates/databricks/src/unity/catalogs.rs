//! Catalogs and schemas.

use super::calls::{list, of};
use crate::client::Client;
use crate::open_enum::open_enum;
use futures::stream::BoxStream;
use icebridge_model::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

open_enum! {
    CatalogType {
        Managed = "MANAGED_CATALOG",
        Foreign = "FOREIGN_CATALOG",
        DeltaSharing = "DELTASHARING_CATALOG",
        Internal = "INTERNAL_CATALOG",
        System = "SYSTEM_CATALOG",
        ManagedOnline = "MANAGED_ONLINE_CATALOG",
    }
    PredictiveOptimization { Enable = "ENABLE", Disable = "DISABLE", Inherit = "INHERIT" }
}

/// What is in force, and from where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectiveFlag {
    pub value: PredictiveOptimization,
    #[serde(default)]
    pub inherited_from_type: Option<String>,
    #[serde(default)]
    pub inherited_from_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    pub name: String,
    #[serde(default)]
    pub catalog_type: Option<CatalogType>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
    /// Of a foreign catalog.
    #[serde(default)]
    pub connection_name: Option<String>,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    #[serde(default)]
    pub storage_root: Option<String>,
    #[serde(default)]
    pub storage_location: Option<String>,
    #[serde(default)]
    pub isolation_mode: Option<String>,
    #[serde(default)]
    pub enable_predictive_optimization: Option<PredictiveOptimization>,
    #[serde(default)]
    pub effective_predictive_optimization_flag: Option<EffectiveFlag>,
    /// On the wire, though not in every client: tells default-storage catalogs from others.
    #[serde(default)]
    pub securable_kind: Option<String>,
    #[serde(default)]
    pub browse_only: bool,
    #[serde(default)]
    pub updated_at: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    pub name: String,
    pub catalog_name: String,
    #[serde(default)]
    pub full_name: Option<String>,
    #[serde(default)]
    pub catalog_type: Option<CatalogType>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    #[serde(default)]
    pub storage_root: Option<String>,
    #[serde(default)]
    pub storage_location: Option<String>,
    #[serde(default)]
    pub enable_predictive_optimization: Option<PredictiveOptimization>,
    #[serde(default)]
    pub effective_predictive_optimization_flag: Option<EffectiveFlag>,
    #[serde(default)]
    pub securable_kind: Option<String>,
    #[serde(default)]
    pub browse_only: bool,
    #[serde(default)]
    pub updated_at: Option<i64>,
}

impl Client {
    /// With those that may only be browsed, not read.
    pub fn catalogs(&self) -> BoxStream<'static, Result<Catalog>> {
        self.items(list("/catalogs").query("include_browse", true), "catalogs")
    }

    pub async fn catalog(&self, name: &str) -> Result<Option<Catalog>> {
        self.find(of("/catalogs", name)?.query("include_browse", true)).await
    }

    pub fn schemas(&self, catalog: &str) -> BoxStream<'static, Result<Schema>> {
        self.items(list("/schemas").query("catalog_name", catalog).query("include_browse", true), "schemas")
    }

    pub async fn schema(&self, catalog: &str, schema: &str) -> Result<Option<Schema>> {
        self.find(of("/schemas", &format!("{catalog}.{schema}"))?.query("include_browse", true)).await
    }
}

//! Catalogs and schemas.

use super::calls::{ROOT, list, of};
use crate::client::{Call, Client, Failure, Family, RefusalKind, segment};
use crate::open_enum::open_enum;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use icebridge_model::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
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
    #[serde(default)]
    pub value: PredictiveOptimization,
    #[serde(default)]
    pub inherited_from_type: Option<String>,
    #[serde(default)]
    pub inherited_from_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    #[serde(default)]
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
    #[serde(default)]
    pub name: String,
    #[serde(default)]
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

impl Catalog {
    /// Its tables lie in storage of the vendor's own, which serverless compute alone reaches
    /// (<https://docs.databricks.com/aws/en/storage/default-storage>).
    pub fn is_on_default_storage(&self) -> bool {
        let kind = self.securable_kind.as_deref().unwrap_or_default();
        kind.contains("DEFAULT_STORAGE") || kind.contains("DB_STORAGE")
    }
}

impl Client {
    /// With those that may only be browsed, not read.
    pub fn catalogs(&self) -> BoxStream<'static, Result<Catalog>> {
        self.items::<Catalog>(list("/catalogs").query("include_browse", true), "catalogs")
            .try_filter(|catalog| std::future::ready(!catalog.name.is_empty()))
            .boxed()
    }

    pub async fn catalog(&self, name: &str) -> Result<Option<Catalog>> {
        self.find(of("/catalogs", name)?.query("include_browse", true)).await
    }

    pub fn schemas(&self, catalog: &str) -> BoxStream<'static, Result<Schema>> {
        let call = list("/schemas").query("catalog_name", catalog).query("include_browse", true);
        let catalog_name = catalog.to_string();
        self.items::<Schema>(call, "schemas")
            .try_filter(|schema| std::future::ready(!schema.name.is_empty()))
            .map_ok(move |schema| match schema.catalog_name.is_empty() {
                true => Schema { catalog_name: catalog_name.clone(), ..schema },
                false => schema,
            })
            .boxed()
    }

    /// What is there stays as it is.
    pub async fn make_schema(&self, catalog: &str, schema: &str) -> Result<()> {
        self.make(&json!({"name": schema, "catalog_name": catalog})).await
    }

    /// As [`Client::make_schema`], with what tells later who made it.
    pub async fn make_marked_schema(
        &self,
        catalog: &str,
        schema: &str,
        comment: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<()> {
        let body = json!({"name": schema, "catalog_name": catalog, "comment": comment, "properties": properties});
        self.make(&body).await
    }

    async fn make(&self, body: &serde_json::Value) -> Result<()> {
        // Made twice is made: the second answer says that it is there.
        let call = Call::post(Family::UnityCatalog, format!("{ROOT}/schemas")).idempotent().json(body)?;
        match self.execute(call).await {
            Ok(()) => Ok(()),
            Err(Failure::Refused(refusal)) if refusal.exists_already() => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// With all that is in it. No error if there was none.
    pub async fn drop_schema(&self, catalog: &str, schema: &str) -> Result<()> {
        let path = format!("{ROOT}/schemas/{}", segment(&format!("{catalog}.{schema}"))?);
        self.execute_if_there(Call::delete(Family::UnityCatalog, path).query("force", true)).await
    }

    pub async fn schema(&self, catalog: &str, schema: &str) -> Result<Option<Schema>> {
        self.find(of("/schemas", &format!("{catalog}.{schema}"))?.query("include_browse", true)).await
    }
}

//! Tables, and what kind of table each is.

use super::calls::{list, of};
use super::catalogs::{EffectiveFlag, PredictiveOptimization};
use crate::client::{Call, Client, Failure, Page};
use crate::open_enum::open_enum;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use icebridge_model::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

open_enum! {
    TableType {
        Managed = "MANAGED",
        External = "EXTERNAL",
        Foreign = "FOREIGN",
        View = "VIEW",
        MaterializedView = "MATERIALIZED_VIEW",
        StreamingTable = "STREAMING_TABLE",
        MetricView = "METRIC_VIEW",
        ManagedShallowClone = "MANAGED_SHALLOW_CLONE",
        ExternalShallowClone = "EXTERNAL_SHALLOW_CLONE",
    }
    /// `data_source_format`.
    Format {
        Delta = "DELTA",
        Iceberg = "ICEBERG",
        DeltaUniformIceberg = "DELTA_UNIFORM_ICEBERG",
        DeltaUniformHudi = "DELTA_UNIFORM_HUDI",
        Parquet = "PARQUET",
        Orc = "ORC",
        Avro = "AVRO",
        Csv = "CSV",
        Json = "JSON",
        Text = "TEXT",
        Hive = "HIVE",
        Snowflake = "SNOWFLAKE_FORMAT",
        UnityCatalog = "UNITY_CATALOG",
    }
    /// The only field that tells a managed Iceberg table from a Delta one.
    SecurableKind {
        ManagedDeltaIceberg = "TABLE_DELTA_ICEBERG_MANAGED",
        ManagedIcebergUniform = "TABLE_ICEBERG_UNIFORM_MANAGED",
        ForeignHiveExternal = "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_HIVE_METASTORE_EXTERNAL",
        ForeignHiveManaged = "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_HIVE_METASTORE_MANAGED",
        ForeignSnowflake = "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_SNOWFLAKE",
        ForeignDeltaSharing = "TABLE_DELTA_UNIFORM_ICEBERG_FOREIGN_DELTASHARING",
        SnowflakeJdbc = "TABLE_FOREIGN_SNOWFLAKE",
    }
}

pub use icebridge_model::databricks::TableKind as Kind;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub position: Option<i32>,
    /// As SQL writes it.
    #[serde(default)]
    pub type_text: Option<String>,
    #[serde(default)]
    pub type_name: Option<String>,
    /// The whole type in Spark's JSON.
    #[serde(default)]
    pub type_json: Option<String>,
    #[serde(default)]
    pub nullable: Option<bool>,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub partition_index: Option<i32>,
    /// Its presence matters, not its shape.
    #[serde(default)]
    pub mask: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub catalog_name: String,
    #[serde(default)]
    pub schema_name: String,
    #[serde(default)]
    pub full_name: Option<String>,
    #[serde(default)]
    pub table_id: Option<String>,
    #[serde(default)]
    pub table_type: Option<TableType>,
    #[serde(default)]
    pub data_source_format: Option<Format>,
    #[serde(default)]
    pub securable_kind: Option<SecurableKind>,
    #[serde(default)]
    pub securable_kind_manifest: Option<Manifest>,
    #[serde(default)]
    pub columns: Vec<Column>,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    #[serde(default)]
    pub storage_location: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub owner: Option<String>,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub created_at: Option<i64>,
    #[serde(default)]
    pub updated_at: Option<i64>,
    #[serde(default)]
    pub enable_predictive_optimization: Option<PredictiveOptimization>,
    #[serde(default)]
    pub effective_predictive_optimization_flag: Option<EffectiveFlag>,
    #[serde(default)]
    pub delta_uniform_iceberg: Option<Uniform>,
    /// Their presence matters: managed copies do not carry them over.
    #[serde(default)]
    pub row_filter: Option<Value>,
    #[serde(default)]
    pub pipeline_id: Option<String>,
    /// Only its existence may be known.
    #[serde(default)]
    pub browse_only: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    #[serde(default)]
    pub securable_kind: Option<SecurableKind>,
    #[serde(default)]
    pub capabilities: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Uniform {
    #[serde(default)]
    pub metadata_location: Option<String>,
}

/// How much of each table a listing brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableDetail {
    Full,
    /// Names, kinds and times: enough to see what has changed.
    Brief,
}

impl Table {
    pub fn full_name(&self) -> String {
        match &self.full_name {
            Some(name) => name.clone(),
            None => format!("{}.{}.{}", self.catalog_name, self.schema_name, self.name),
        }
    }

    pub fn securable_kind(&self) -> Option<&SecurableKind> {
        let manifest = self.securable_kind_manifest.as_ref();
        self.securable_kind.as_ref().or_else(|| manifest.and_then(|manifest| manifest.securable_kind.as_ref()))
    }

    /// Where the source's metadata.json lies, if Unity Catalog says it.
    pub fn metadata_location(&self) -> Option<&str> {
        let uniform = self.delta_uniform_iceberg.as_ref().and_then(|uniform| uniform.metadata_location.as_deref());
        uniform.or_else(|| self.properties.get("metadata_location").map(String::as_str))
    }

    /// The kinds first, since formats lie: a managed Iceberg table says MANAGED and DELTA. All guesses are in this one place.
    pub fn kind(&self) -> Kind {
        use SecurableKind as S;
        match self.securable_kind() {
            Some(S::ManagedDeltaIceberg | S::ManagedIcebergUniform) => return Kind::ManagedIceberg,
            Some(S::ForeignHiveExternal | S::ForeignHiveManaged | S::ForeignSnowflake | S::ForeignDeltaSharing) => {
                return Kind::ForeignIceberg;
            }
            Some(S::SnowflakeJdbc) => return Kind::SnowflakeOverJdbc,
            // The next source of federation will be named like the others.
            Some(S::Other(text)) if text.contains("ICEBERG") && text.contains("_FOREIGN") => {
                return Kind::ForeignIceberg;
            }
            Some(S::Other(text)) if text.contains("ICEBERG") && text.ends_with("_MANAGED") => {
                return Kind::ManagedIceberg;
            }
            Some(S::Other(_)) | None => {}
        }
        let iceberg = matches!(self.data_source_format, Some(Format::Iceberg | Format::DeltaUniformIceberg));
        match &self.table_type {
            Some(TableType::Foreign) => match &self.data_source_format {
                _ if iceberg => Kind::ForeignIceberg,
                Some(Format::Snowflake) => Kind::SnowflakeOverJdbc,
                _ => Kind::OtherForeign,
            },
            Some(TableType::Managed) if iceberg || self.writes_iceberg() => Kind::ManagedIceberg,
            Some(TableType::View | TableType::MaterializedView | TableType::MetricView) => Kind::View,
            _ if self.data_source_format == Some(Format::Delta) => Kind::Delta,
            _ => Kind::Other,
        }
    }

    /// With the names that it was listed under, where the answer leaves them out. One without a name of its own is none.
    fn listed_in(mut self, catalog: &str, schema: &str) -> Option<Self> {
        if self.name.is_empty() {
            tracing::warn!(catalog, schema, table_id = self.table_id, "a table without a name was listed");
            return None;
        }
        if self.catalog_name.is_empty() {
            self.catalog_name = catalog.to_string();
        }
        if self.schema_name.is_empty() {
            self.schema_name = schema.to_string();
        }
        Some(self)
    }

    /// How a managed Iceberg table shows where the server gives no kind.
    fn writes_iceberg(&self) -> bool {
        let on = |name: &str| self.properties.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        on("delta.enableIcebergWriterCompatV1") || on("delta.enableIcebergWriterCompatV3")
    }
}

fn listing(catalog: &str, schema: &str, detail: TableDetail) -> Call {
    let call = list("/tables")
        .query("catalog_name", catalog)
        .query("schema_name", schema)
        .query("include_browse", true)
        .query("include_manifest_capabilities", true);
    match detail {
        TableDetail::Full => call,
        TableDetail::Brief => call.query("omit_columns", true).query("omit_properties", true),
    }
}

impl Client {
    pub fn tables(&self, catalog: &str, schema: &str, detail: TableDetail) -> BoxStream<'static, Result<Table>> {
        let (catalog_name, schema_name) = (catalog.to_string(), schema.to_string());
        self.items::<Table>(listing(catalog, schema, detail), "tables")
            .try_filter_map(move |table| std::future::ready(Ok(table.listed_in(&catalog_name, &schema_name))))
            .boxed()
    }

    /// One page. The token may be of an earlier day: the failure tells whether the server still knows it.
    pub(crate) async fn table_page(
        &self,
        catalog: &str,
        schema: &str,
        detail: TableDetail,
        from: Option<&str>,
    ) -> Result<Page<Table>, Failure> {
        let page = self.page::<Table>(&listing(catalog, schema, detail), "tables", from).await?;
        let items = page.items.into_iter().filter_map(|table| table.listed_in(catalog, schema)).collect();
        Ok(Page { items, next: page.next })
    }

    pub async fn table(&self, full_name: &str) -> Result<Option<Table>> {
        let call = of("/tables", full_name)?.query("include_browse", true).query("include_manifest_capabilities", true);
        self.find(call).await
    }
}

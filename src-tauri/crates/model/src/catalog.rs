//! Where tables come from and where they go.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Read only, always: no code path writes to a source.
    Source,
    Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogKind {
    /// Any Iceberg REST catalog that takes a token or an OAuth2 client: Polaris, Nessie, Lakekeeper, Unity Catalog. Those of AWS
    /// Glue and S3 Tables want requests signed with AWS keys, which is not built in.
    Rest,
    /// The tables of Java's JdbcCatalog and PyIceberg's SqlCatalog: `sqlite:PATH` or `postgresql://…`.
    Sql,
    /// A folder that holds tables (each with a `metadata` folder), one table's folder, or one metadata.json.
    Files,
    /// A catalog of Unity Catalog in a saved Databricks workspace: its Iceberg REST endpoint, with the workspace's sign-in,
    /// behind its governance gate.
    Unity,
    /// As a target only: a SQLite SQL catalog and a warehouse folder kept by us, opened unchanged by PyIceberg, Spark, DuckDB.
    Embedded,
}

/// A connection as the person describes it. Everything in it may be shown, logged and bundled: secrets are elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogSpec {
    pub name: String,
    pub role: Role,
    pub kind: CatalogKind,
    /// REST: the base address. SQL: `sqlite:/path/catalog.db` or `postgresql://user@host/db`. Files: a path, or a prefix such as
    /// `s3://bucket/prefix`, `abfss://container@account.dfs.core.windows.net/prefix`, `gs://bucket/prefix`.
    /// Embedded: the folder that holds `catalog.db` and `warehouse/`. Unity: the name of the saved workspace.
    pub uri: String,
    /// REST: the `warehouse` parameter. Unity: the catalog. SQL: the catalog's name inside the database (empty: the only one there is).
    #[serde(default)]
    pub warehouse: String,
    /// PyIceberg's and Java's property names, without secrets: `s3.endpoint`, `s3.region`, `s3.path-style-access`, `scope`,
    /// `oauth2-server-uri`, `prefix`, `header.X`, `sql.catalog-name` …
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// Which secrets the keychain holds for it, by [`SECRET_KEYS`]: `token`, `credential` (client-id:client-secret) …
    #[serde(default)]
    pub secrets: Vec<String>,
}

impl CatalogSpec {
    /// Whether its tables are Unity Catalog's, which writes and keeps them by its own settings.
    pub fn is_unity(&self) -> bool {
        self.kind == CatalogKind::Unity || self.kind == CatalogKind::Rest && looks_like_unity(&self.uri)
    }
}

/// By the path of its endpoint (<https://docs.databricks.com/aws/en/external-access/iceberg>), which stays the same
/// behind a proxy, or by the host.
fn looks_like_unity(uri: &str) -> bool {
    let uri = uri.to_ascii_lowercase();
    let host = uri.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next()).unwrap_or_default();
    uri.contains("/unity-catalog/iceberg")
        || [".databricks.com", ".databricks.us", ".databricks.cn", ".azuredatabricks.net"]
            .iter()
            .any(|d| host.ends_with(d))
}

/// Names of the properties that are secrets. They are refused in `properties` and go to the keychain.
pub const SECRET_KEYS: &[&str] = &[
    "token",
    "credential",
    "password",
    "s3.access-key-id",
    "s3.secret-access-key",
    "s3.session-token",
    "adls.account-key",
    "adls.auth.shared-key.account.key",
    "adls.sas-token",
    "adls.connection-string",
    "adls.client-secret",
    "adls.token",
    "gcs.oauth2.token",
    "gcs.service-account-key",
];

/// A name may end with the storage account it is for: `adls.sas-token.lake.dfs.core.windows.net`.
const SAS_OF_ACCOUNT: &str = "adls.sas-token.";

/// Whether a property of this name is a secret.
pub fn is_secret_key(name: &str) -> bool {
    SECRET_KEYS.contains(&name) || name.strip_prefix(SAS_OF_ACCOUNT).is_some_and(|account| !account.is_empty())
}

/// Whether it opens an object store.
pub fn is_storage_secret(name: &str) -> bool {
    is_secret_key(name) && ["s3.", "adls.", "gcs."].iter().any(|start| name.starts_with(start))
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogCheck {
    pub name: String,
    pub reachable: bool,
    pub namespaces: usize,
    pub tables: usize,
    /// What the target can do, as far as it says; empty for a source.
    #[serde(default)]
    pub abilities: Vec<String>,
    #[serde(default)]
    pub error: Option<crate::Error>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unity_catalog_is_known_by_its_address() {
        for (uri, unity) in [
            ("https://dbc-1.cloud.databricks.com/api/2.1/unity-catalog/iceberg-rest", true),
            ("https://adb-1.2.azuredatabricks.net:443", true),
            ("http://localhost:8080/api/2.1/unity-catalog/iceberg", true),
            ("https://polaris.example.com/api/catalog", false),
            ("https://example.com/databricks.com", false),
        ] {
            assert_eq!(looks_like_unity(uri), unity, "{uri}");
        }
    }
}

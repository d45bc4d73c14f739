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
    /// Any Iceberg REST catalog: Polaris, Nessie, Lakekeeper, Unity Catalog, Glue's and S3 Tables' REST endpoints.
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
    /// REST: the base address. SQL: `sqlite:/path/catalog.db` or `postgresql://user@host/db`. Files: a path or `s3://bucket/prefix`.
    /// Embedded: the folder that holds `catalog.db` and `warehouse/`. Unity: the name of the saved workspace.
    pub uri: String,
    /// REST: the `warehouse` parameter. Unity: the catalog. SQL: the catalog's name inside the database (empty: the only one there is).
    #[serde(default)]
    pub warehouse: String,
    /// PyIceberg's and Java's property names, without secrets: `s3.endpoint`, `s3.region`, `s3.path-style-access`, `scope`,
    /// `oauth2-server-uri`, `prefix`, `header.X`, `sql.catalog-name` …
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// Which secrets the keychain holds for it: `token`, `credential` (client-id:client-secret), `password`,
    /// `s3.access-key-id`, `s3.secret-access-key`, `s3.session-token`.
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// Names of the properties that are secrets. They are refused in `properties` and go to the keychain.
pub const SECRET_KEYS: &[&str] =
    &["token", "credential", "password", "s3.access-key-id", "s3.secret-access-key", "s3.session-token"];

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

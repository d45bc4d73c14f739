//! What each kind of catalog is called and asks for.

use crate::state::lines;
use icebridge_model::catalog::{CatalogKind, Role, is_secret_key};
use std::collections::BTreeMap;

pub struct KindWords {
    pub kind: CatalogKind,
    pub id: &'static str,
    pub label: &'static str,
    pub about: &'static str,
    pub uri_label: &'static str,
    pub uri_example: &'static str,
    /// Label and hint; none: the kind has no warehouse.
    pub warehouse: Option<(&'static str, &'static str)>,
    /// Key and label, of the catalog itself.
    own_secrets: &'static [(&'static str, &'static str)],
    /// Its tables may lie in object storage.
    storage: bool,
}

impl KindWords {
    /// Key and label.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let storage = if self.storage { STORAGE } else { &[] };
        self.own_secrets.iter().chain(storage).copied()
    }
}

/// Those of object storage that have fields of their own; the command line takes the rarer ones, too.
const STORAGE: &[(&str, &str)] = &[
    ("s3.access-key-id", "S3 access key id"),
    ("s3.secret-access-key", "S3 secret access key"),
    ("s3.session-token", "S3 session token"),
    ("adls.account-key", "Azure account key"),
    ("adls.sas-token", "Azure SAS token"),
    ("adls.client-secret", "Azure client secret"),
    ("adls.connection-string", "Azure connection string"),
    ("gcs.service-account-key", "Google service account key (JSON)"),
    ("gcs.oauth2.token", "Google OAuth2 token"),
];

pub const KINDS: [KindWords; 5] = [
    KindWords {
        kind: CatalogKind::Rest,
        id: "rest",
        label: "Iceberg REST catalog",
        about: "Polaris, Nessie, Lakekeeper, Unity Catalog. Not Glue and S3 Tables, whose requests AWS wants signed.",
        uri_label: "Address",
        uri_example: "https://catalog.example.com/api/catalog",
        warehouse: Some(("Warehouse", "As the catalog names it; leave empty if it has only one.")),
        own_secrets: &[("credential", "OAuth2 client (client-id:client-secret)"), ("token", "Bearer token")],
        storage: true,
    },
    KindWords {
        kind: CatalogKind::Unity,
        id: "unity",
        label: "Unity Catalog",
        about: "A catalog of a Databricks workspace, by the workspace’s sign-in and behind its governance gate.",
        uri_label: "Workspace",
        uri_example: "its name on the page Workspaces",
        warehouse: Some(("Catalog", "The catalog of Unity Catalog, such as main.")),
        own_secrets: &[],
        storage: true,
    },
    KindWords {
        kind: CatalogKind::Sql,
        id: "sql",
        label: "SQL catalog",
        about: "The tables that Java’s JdbcCatalog and PyIceberg’s SqlCatalog keep in SQLite or PostgreSQL.",
        uri_label: "Database",
        uri_example: "sqlite:/srv/lake/catalog.db or postgresql://user@host/db",
        warehouse: Some(("Catalog name", "Its name inside the database; leave empty if there is only one.")),
        own_secrets: &[("password", "Database password")],
        storage: true,
    },
    KindWords {
        kind: CatalogKind::Files,
        id: "files",
        label: "Table folders",
        about: "A folder that holds tables, one table’s folder, or one metadata.json. No catalog needed.",
        uri_label: "Folder or metadata.json",
        uri_example: "/srv/lake/warehouse, s3://bucket/x, abfss://container@account.dfs.core.windows.net/x",
        warehouse: None,
        own_secrets: &[],
        storage: true,
    },
    KindWords {
        kind: CatalogKind::Embedded,
        id: "embedded",
        label: "Local managed lakehouse",
        about: "A SQLite catalog and a warehouse folder that PyIceberg, Spark and DuckDB open unchanged.",
        uri_label: "Folder",
        uri_example: "/srv/lake/managed",
        warehouse: None,
        own_secrets: &[],
        storage: false,
    },
];

pub fn words(kind: CatalogKind) -> &'static KindWords {
    KINDS.iter().find(|words| words.kind == kind).unwrap_or(&KINDS[0])
}

pub fn by_id(id: &str) -> Option<CatalogKind> {
    KINDS.iter().find(|words| words.id == id).map(|words| words.kind)
}

pub fn kinds_for(role: Role) -> Vec<&'static KindWords> {
    KINDS
        .iter()
        .filter(|words| match role {
            Role::Source => words.kind != CatalogKind::Embedded,
            Role::Target => matches!(words.kind, CatalogKind::Embedded | CatalogKind::Unity | CatalogKind::Rest),
        })
        .collect()
}

/// `key = value` a line, without secrets.
pub fn parse_properties(text: &str) -> Result<BTreeMap<String, String>, String> {
    let properties = lines::pairs(text)?;
    match properties.keys().find(|key| is_secret_key(key)) {
        Some(key) => Err(format!("{key} is a secret: it has its own field and goes to the keychain")),
        None => Ok(properties),
    }
}

pub fn properties_text(properties: &BTreeMap<String, String>) -> String {
    properties.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_survive_their_text() {
        let text = "# S3\ns3.region = eu-west-1\n\nheader.X = a=b\n";
        let properties = parse_properties(text).unwrap();
        assert_eq!(properties["header.X"], "a=b");
        assert_eq!(parse_properties(&properties_text(&properties)).unwrap(), properties);
    }

    #[test]
    fn secrets_and_nonsense_are_refused_in_properties() {
        for text in ["token = x", "s3.secret-access-key=1", "adls.sas-token.lake = x", "nothing", " = 3", "a=1\na=2"] {
            assert!(parse_properties(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_kind_asks_only_for_secrets_the_keychain_takes() {
        for words in &KINDS {
            assert_eq!(by_id(words.id), Some(words.kind));
            assert!(words.secrets().all(|(key, _)| is_secret_key(key)));
        }
        assert!(kinds_for(Role::Source).iter().all(|words| words.kind != CatalogKind::Embedded));
    }
}

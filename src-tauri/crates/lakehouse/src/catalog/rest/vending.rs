//! The storage of a table as the catalog describes it, with the credentials it lends.

use super::client::RestClient;
use crate::catalog::common::contract::Secrets;
use crate::storage::{KeySource, Lent, LentKeys, Storage};
use async_trait::async_trait;
use icebridge_http::Failure;
use icebridge_model::catalog::{is_secret_key, is_storage_secret};
use icebridge_model::{Code, Error, Result, TableIdent};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The answer to loading a table and to staging one.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Loaded {
    #[serde(default)]
    pub metadata_location: Option<String>,
    pub metadata: Value,
    #[serde(default)]
    pub config: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub storage_credentials: Option<Vec<StorageCredential>>,
}

/// Credentials for the paths below a prefix.
#[derive(Clone, Deserialize)]
pub(super) struct StorageCredential {
    prefix: String,
    config: BTreeMap<String, Value>,
}

/// What to ask again when credentials expire.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Table(TableIdent),
    /// A table about to be made: its staging request, and where it was staged.
    Staged {
        path: String,
        body: Value,
        location: String,
    },
}

/// What storages of tables have in common.
#[derive(Debug)]
pub(super) struct Vending {
    pub client: Arc<RestClient>,
    /// What the person set wins over what the catalog says: its endpoint may have another name from here.
    pub given: BTreeMap<String, String>,
    pub secrets: Secrets,
    /// For tables that come with nothing of their own.
    pub shared: Storage,
    pub local_files: bool,
}

impl Vending {
    /// Where the person gave keys, none are asked for.
    pub(super) fn asks(&self) -> bool {
        !self.secrets.keys().any(|name| is_storage_secret(name))
    }

    pub(super) async fn load(&self, table: &TableIdent) -> Result<Loaded, Failure> {
        let path = self.client.table_path(table).map_err(Failure::Failed)?;
        if self.asks() { self.client.get_with_keys(&path).await } else { self.client.get(&path).await }
    }

    pub(super) fn storage(&self, loaded: &Loaded, origin: &Origin) -> Result<Storage> {
        let config = loaded.config.as_ref().map(strings).unwrap_or_default();
        let mut properties = self.client.properties.clone();
        properties.extend(config.clone());
        properties.extend(self.given.clone());
        let lent = |prefix: &str, properties: &BTreeMap<String, String>, keys: LentKeys| {
            let source = Again { client: self.client.clone(), origin: origin.clone(), prefix: prefix.into() };
            Lent { prefix: prefix.into(), properties: without_keys(properties), keys, source: Arc::new(source) }
        };
        if self.asks() {
            let mut scopes = Vec::new();
            for one in loaded.storage_credentials.iter().flatten() {
                let own = strings(&one.config);
                if let Some(keys) = LentKeys::of(&own) {
                    let mut properties = properties.clone();
                    properties.extend(own);
                    properties.extend(self.given.clone());
                    scopes.push(lent(&one.prefix, &properties, keys));
                }
            }
            if let Some(keys) = LentKeys::of(&config) {
                scopes.push(lent("", &properties, keys));
            }
            if !scopes.is_empty() {
                return self.scoped(&properties, scopes);
            }
        }
        if config.keys().any(|key| key.starts_with("s3.") || key == "client.region") {
            return self.scoped(&properties, Vec::new());
        }
        Ok(self.shared.clone())
    }

    fn scoped(&self, properties: &BTreeMap<String, String>, scopes: Vec<Lent>) -> Result<Storage> {
        let (network, properties) = (&self.client.network, without_keys(properties));
        let storage = Storage::scoped(network, &properties, &self.given, &self.secrets, scopes)?;
        Ok(storage.allowing_local_files(self.local_files).bound_as(&self.shared))
    }
}

/// Some servers put numbers and booleans where the protocol has strings.
fn strings(config: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    config
        .iter()
        .filter_map(|(key, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((key.clone(), text.clone())),
            other => Some((key.clone(), other.to_string())),
        })
        .collect()
}

fn without_keys(properties: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    properties.iter().filter(|(name, _)| !is_secret_key(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Asks the catalog for new credentials in place of those that came with the table.
#[derive(Debug)]
struct Again {
    client: Arc<RestClient>,
    origin: Origin,
    prefix: String,
}

#[async_trait]
impl KeySource for Again {
    async fn keys(&self) -> Result<LentKeys> {
        let loaded: Loaded = match &self.origin {
            Origin::Table(table) => self.client.get_with_keys(&self.client.table_path(table)?).await?,
            Origin::Staged { path, body, location } => {
                let again: Loaded = self.client.post_idempotent(path, body, true).await?;
                // What it lends for another place opens nothing here.
                if again.metadata["location"].as_str().map(|l| l.trim_end_matches('/')) != Some(location) {
                    return Err(Error::new(
                        Code::StorageDenied,
                        "what the catalog lent for the staged table is over, and it lends nothing further for that place",
                    )
                    .about(location)
                    .with_hint("Let a cluster copy this table, or give keys of your own for the storage."));
                }
                again
            }
        };
        let of_prefix = loaded.storage_credentials.iter().flatten().find(|lent| lent.prefix == self.prefix);
        let found = match of_prefix {
            Some(lent) => LentKeys::of(&strings(&lent.config)),
            None => loaded.config.as_ref().and_then(|config| LentKeys::of(&strings(config))),
        };
        found.ok_or_else(|| {
            Error::new(Code::StorageDenied, "the catalog no longer lends credentials for the table's files")
                .with_hint("Sign in to the catalog again, or give keys of your own for the storage.")
        })
    }
}

//! The storage of a table as the catalog describes it, with the credentials it lends.

use super::client::RestClient;
use crate::catalog::common::contract::Secrets;
use crate::storage::{S3KeySource, S3Keys, Storage};
use async_trait::async_trait;
use icebridge_http::Failure;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result, TableIdent};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

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
    pub storage_credentials: Option<Vec<Lent>>,
}

/// Credentials for the paths below a prefix.
#[derive(Clone, Deserialize)]
pub(super) struct Lent {
    prefix: String,
    config: BTreeMap<String, Value>,
}

/// What to ask again when credentials expire.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Table(TableIdent),
    /// A table about to be made: the body of its staging request.
    Staged {
        path: String,
        body: Value,
    },
}

/// A prefix, the properties below it, and its keys.
type Scope = (String, BTreeMap<String, String>, Arc<dyn S3KeySource>);

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
        !self.secrets.contains_key("s3.access-key-id")
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
        let source = |prefix: &str, keys: S3Keys| -> Arc<dyn S3KeySource> {
            Arc::new(Again {
                client: self.client.clone(),
                origin: origin.clone(),
                prefix: prefix.into(),
                first: Mutex::new(Some(keys)),
            })
        };
        if self.asks() {
            let mut scopes = Vec::new();
            for lent in loaded.storage_credentials.iter().flatten() {
                let own = strings(&lent.config);
                if let Some(keys) = keys(&own) {
                    let mut properties = properties.clone();
                    properties.extend(without_keys(&own));
                    properties.extend(self.given.clone());
                    scopes.push((lent.prefix.clone(), properties, source(&lent.prefix, keys)));
                }
            }
            if let Some(keys) = keys(&config) {
                scopes.push((String::new(), properties.clone(), source("", keys)));
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

    fn scoped(&self, properties: &BTreeMap<String, String>, scopes: Vec<Scope>) -> Result<Storage> {
        let storage = Storage::scoped(&self.client.network, &without_keys(properties), &self.secrets, scopes)?;
        Ok(storage.allowing_local_files(self.local_files))
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
    let is_key = |name: &str| icebridge_model::catalog::SECRET_KEYS.contains(&name);
    properties.iter().filter(|(name, _)| !is_key(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn keys(config: &BTreeMap<String, String>) -> Option<S3Keys> {
    let part = |name: &str| config.get(name).filter(|v| !v.is_empty()).map(|v| Secret::new(v.as_str()));
    let milliseconds = config.get("s3.session-token-expires-at-ms").and_then(|v| v.parse().ok());
    Some(S3Keys {
        access_key_id: part("s3.access-key-id")?,
        secret_access_key: part("s3.secret-access-key")?,
        session_token: part("s3.session-token"),
        expires_at: milliseconds.map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms)),
    })
}

/// Hands out the credentials that came with the table first, then asks the catalog for new ones.
#[derive(Debug)]
struct Again {
    client: Arc<RestClient>,
    origin: Origin,
    prefix: String,
    first: Mutex<Option<S3Keys>>,
}

#[async_trait]
impl S3KeySource for Again {
    async fn keys(&self) -> Result<S3Keys> {
        if let Some(keys) = self.first.lock().await.take() {
            return Ok(keys);
        }
        let loaded: Loaded = match &self.origin {
            Origin::Table(table) => self.client.get_with_keys(&self.client.table_path(table)?).await?,
            Origin::Staged { path, body } => self.client.post_idempotent(path, body, true).await?,
        };
        let of_prefix = loaded.storage_credentials.iter().flatten().find(|lent| lent.prefix == self.prefix);
        let found = match of_prefix {
            Some(lent) => keys(&strings(&lent.config)),
            None => loaded.config.as_ref().and_then(|config| keys(&strings(config))),
        };
        found.ok_or_else(|| {
            Error::new(Code::StorageDenied, "the catalog no longer lends credentials for the table's files")
                .with_hint("Sign in to the catalog again, or give S3 keys of your own.")
        })
    }
}

//! What the Iceberg endpoint lends for the files of its tables, and the store in which they then lie. The sandbox itself neither
//! reads nor writes there.

use icebridge_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const HOUR: u64 = 3600;

fn an_hour() -> u64 {
    HOUR
}

/// `root` is where tables lie; what is lent ends after `ttl_s` seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Lends {
    S3 {
        root: String,
        access_key_id: String,
        secret_access_key: Secret,
        #[serde(default)]
        session_token: Option<Secret>,
        #[serde(default)]
        endpoint: Option<String>,
        #[serde(default)]
        region: Option<String>,
        #[serde(default)]
        path_style: bool,
        #[serde(default = "an_hour")]
        ttl_s: u64,
    },
    Adls {
        root: String,
        sas: Secret,
        #[serde(default = "an_hour")]
        ttl_s: u64,
    },
    Gcs {
        root: String,
        token: Secret,
        #[serde(default = "an_hour")]
        ttl_s: u64,
    },
}

impl Lends {
    pub fn root(&self) -> &str {
        let (Self::S3 { root, .. } | Self::Adls { root, .. } | Self::Gcs { root, .. }) = self;
        root.trim_end_matches('/')
    }

    /// As Iceberg's clients read it.
    pub fn config(&self, now: i64) -> Map<String, Value> {
        let (Self::S3 { ttl_s, .. } | Self::Adls { ttl_s, .. } | Self::Gcs { ttl_s, .. }) = self;
        let ends = now.saturating_add(i64::try_from(ttl_s.saturating_mul(1000)).unwrap_or(i64::MAX)).to_string();
        let mut config = Map::new();
        let mut set = |name: &str, value: &str| drop(config.insert(name.to_owned(), json!(value)));
        match self {
            Self::S3 { access_key_id, secret_access_key, session_token, endpoint, region, path_style, .. } => {
                set("s3.access-key-id", access_key_id);
                set("s3.secret-access-key", secret_access_key.expose());
                set("s3.session-token-expires-at-ms", &ends);
                if let Some(token) = session_token {
                    set("s3.session-token", token.expose());
                }
                if let Some(endpoint) = endpoint {
                    set("s3.endpoint", endpoint);
                }
                if let Some(region) = region {
                    set("client.region", region);
                }
                if *path_style {
                    set("s3.path-style-access", "true");
                }
            }
            Self::Adls { root, sas, .. } => {
                // abfss://container@account.dfs.core.windows.net/path
                let host = root.split_once('@').map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
                set(&format!("adls.sas-token.{host}"), sas.expose());
                set(&format!("adls.sas-token-expires-at-ms.{host}"), &ends);
            }
            Self::Gcs { token, .. } => {
                set("gcs.oauth2.token", token.expose());
                set("gcs.oauth2.token-expires-at", &ends);
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(value: Value) -> Value {
        Value::Object(serde_json::from_value::<Lends>(value).unwrap().config(1_000))
    }

    #[test]
    fn each_store_has_its_keys_and_their_end() {
        let s3 = json!({"kind": "s3", "root": "s3://b/p/", "access_key_id": "i", "secret_access_key": "k", "ttl_s": 2,
            "session_token": "t", "endpoint": "http://127.0.0.1:1", "path_style": true});
        assert_eq!(
            config(s3),
            json!({"s3.access-key-id": "i", "s3.secret-access-key": "k", "s3.session-token": "t",
                "s3.session-token-expires-at-ms": "3000", "s3.endpoint": "http://127.0.0.1:1",
                "s3.path-style-access": "true"})
        );
        let adls = json!({"kind": "adls", "root": "abfss://c@a.dfs.core.windows.net/p", "sas": "sv=1", "ttl_s": 1});
        assert_eq!(
            config(adls),
            json!({"adls.sas-token.a.dfs.core.windows.net": "sv=1",
                "adls.sas-token-expires-at-ms.a.dfs.core.windows.net": "2000"})
        );
        let gcs = json!({"kind": "gcs", "root": "gs://b", "token": "t"});
        assert_eq!(config(gcs)["gcs.oauth2.token-expires-at"], "3601000");
        assert!(
            serde_json::from_value::<Lends>(json!({"kind": "gcs", "root": "gs://b", "token": "t", "x": 1})).is_err()
        );
    }
}

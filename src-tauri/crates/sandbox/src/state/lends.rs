//! What the Iceberg endpoint lends for the files of its tables, and the store in which they then lie. The sandbox itself neither
//! reads nor writes there.

use super::sas;
use icebridge_model::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const HOUR: u64 = 3600;
/// In a token: stands for when it ends, in milliseconds since 1970, so that a gate before the store can tell.
const ENDS: &str = "{ends}";

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
    /// Signed anew each time it is lent, and over when it says.
    #[serde(rename = "adls-key")]
    AdlsKey {
        root: String,
        account_key: Secret,
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
        let (Self::S3 { root, .. } | Self::Adls { root, .. } | Self::AdlsKey { root, .. } | Self::Gcs { root, .. }) =
            self;
        root.trim_end_matches('/')
    }

    /// As Iceberg's clients read it.
    pub fn config(&self, now: i64) -> Map<String, Value> {
        let (Self::S3 { ttl_s, .. } | Self::Adls { ttl_s, .. } | Self::AdlsKey { ttl_s, .. } | Self::Gcs { ttl_s, .. }) =
            self;
        let until = now.saturating_add(i64::try_from(ttl_s.saturating_mul(1000)).unwrap_or(i64::MAX));
        let ends = until.to_string();
        let ending = |token: &Secret| token.expose().replace(ENDS, &ends);
        let mut config = Map::new();
        let mut set = |name: &str, value: &str| drop(config.insert(name.to_owned(), json!(value)));
        match self {
            Self::S3 { access_key_id, secret_access_key, session_token, endpoint, region, path_style, .. } => {
                set("s3.access-key-id", access_key_id);
                set("s3.secret-access-key", secret_access_key.expose());
                set("s3.session-token-expires-at-ms", &ends);
                if let Some(token) = session_token {
                    set("s3.session-token", &ending(token));
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
                let (_, host) = on_azure(root);
                set(&format!("adls.sas-token.{host}"), sas.expose());
                set(&format!("adls.sas-token-expires-at-ms.{host}"), &ends);
            }
            Self::AdlsKey { root, account_key, .. } => {
                let (container, host) = on_azure(root);
                let account = host.split('.').next().unwrap_or_default();
                // A signature tells whole seconds.
                let until = until.div_euclid(1000) * 1000;
                if let Some(sas) = sas::signature(account, container, account_key, now, until) {
                    set(&format!("adls.sas-token.{host}"), sas.expose());
                    set(&format!("adls.sas-token-expires-at-ms.{host}"), &until.to_string());
                }
            }
            Self::Gcs { token, .. } => {
                set("gcs.oauth2.token", &ending(token));
                set("gcs.oauth2.token-expires-at", &ends);
            }
        }
        config
    }
}

/// Container and host of `abfss://container@account.dfs.core.windows.net/path`.
fn on_azure(root: &str) -> (&str, &str) {
    let bare = root.split_once("://").map_or(root, |(_, rest)| rest);
    let (container, rest) = bare.split_once('@').unwrap_or_default();
    (container, rest.split('/').next().unwrap_or_default())
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
        let signed = json!({"kind": "adls-key", "root": "abfss://c@a.dfs.core.windows.net/p", "account_key": "a2V5",
            "ttl_s": 3});
        let signed = config(signed);
        let sas = signed["adls.sas-token.a.dfs.core.windows.net"].as_str().unwrap_or_default();
        assert!(sas.contains("se=1970-01-01T00%3A00%3A04Z"), "{sas}");
        assert_eq!(signed["adls.sas-token-expires-at-ms.a.dfs.core.windows.net"], "4000");
        let told = json!({"kind": "gcs", "root": "gs://b", "token": "t-{ends}", "ttl_s": 1});
        assert_eq!(config(told)["gcs.oauth2.token"], "t-2000");
        let gcs = json!({"kind": "gcs", "root": "gs://b", "token": "t"});
        assert_eq!(config(gcs)["gcs.oauth2.token-expires-at"], "3601000");
        assert!(
            serde_json::from_value::<Lends>(json!({"kind": "gcs", "root": "gs://b", "token": "t", "x": 1})).is_err()
        );
    }
}

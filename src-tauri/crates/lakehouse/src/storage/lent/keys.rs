//! What a catalog lends, by the names that Iceberg gives it.

use crate::storage::common::cloud::Cloud;
use async_trait::async_trait;
use icebridge_model::Result;
use icebridge_model::secret::Secret;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Where such credentials come from. Asked again shortly before they end, and when they are refused.
#[async_trait]
pub trait KeySource: fmt::Debug + Send + Sync {
    async fn keys(&self) -> Result<LentKeys>;
}

#[derive(Clone, Debug)]
pub(super) struct S3Keys {
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
}

#[derive(Clone, Debug)]
pub(super) enum AzureKey {
    /// By the storage account it is for, or its host; empty for all.
    Sas {
        of: String,
        token: Secret,
    },
    Bearer(Secret),
}

/// Credentials as they stand in a catalog's answer.
#[derive(Clone, Debug, Default)]
pub struct LentKeys {
    pub(super) s3: Option<S3Keys>,
    pub(super) azure: Vec<AzureKey>,
    pub(super) google: Option<Secret>,
    pub(super) expires_at: Option<SystemTime>,
}

const SAS: &str = "adls.sas-token";
const SAS_ENDS: &str = "adls.sas-token-expires-at-ms";

impl LentKeys {
    /// None if nothing is lent.
    pub fn of(config: &BTreeMap<String, String>) -> Option<Self> {
        let secret = |name: &str| config.get(name).filter(|v| !v.is_empty()).map(|v| Secret::new(v.as_str()));
        let s3 = match (secret("s3.access-key-id"), secret("s3.secret-access-key")) {
            (Some(access_key_id), Some(secret_access_key)) => {
                Some(S3Keys { access_key_id, secret_access_key, session_token: secret("s3.session-token") })
            }
            _ => None,
        };
        let mut azure = Vec::new();
        let mut ends: Vec<SystemTime> = Vec::new();
        for (name, value) in config.iter().filter(|(_, value)| !value.is_empty()) {
            let of = match name.strip_prefix(SAS) {
                Some("") => "",
                Some(rest) => match rest.strip_prefix('.') {
                    Some(of) if !of.is_empty() => of,
                    _ => continue,
                },
                None => continue,
            };
            ends.extend(end_of_sas(value));
            azure.push(AzureKey::Sas { of: of.to_ascii_lowercase(), token: Secret::new(value.as_str()) });
        }
        // The most special first.
        azure.sort_by_key(|key| match key {
            AzureKey::Sas { of, .. } => std::cmp::Reverse(of.len()),
            AzureKey::Bearer(_) => std::cmp::Reverse(0),
        });
        azure.extend(secret("adls.token").map(AzureKey::Bearer));
        let google = secret("gcs.oauth2.token");
        if s3.is_none() && azure.is_empty() && google.is_none() {
            return None;
        }
        let names =
            ["s3.session-token-expires-at-ms", "gcs.oauth2.token-expires-at", "expiration-time", "expires-at-ms"];
        let told = config.iter().filter(|(name, _)| names.contains(&name.as_str()) || name.starts_with(SAS_ENDS));
        ends.extend(told.filter_map(|(_, value)| moment(value)));
        Some(Self { s3, azure, google, expires_at: ends.into_iter().min() })
    }

    pub(in crate::storage) fn is_for(&self, cloud: Cloud) -> bool {
        match cloud {
            Cloud::S3 => self.s3.is_some(),
            Cloud::Azure => !self.azure.is_empty(),
            Cloud::Google => self.google.is_some(),
        }
    }
}

/// Milliseconds since 1970, or a date and time.
fn moment(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let ms = match text.parse::<u64>() {
        Ok(ms) => ms,
        Err(_) => u64::try_from(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()?,
    };
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms))
}

/// A shared access signature says itself when it ends.
fn end_of_sas(token: &str) -> Option<SystemTime> {
    let pairs = url::form_urlencoded::parse(token.trim_start_matches('?').as_bytes());
    pairs.into_iter().find(|(name, _)| name == "se").and_then(|(_, value)| moment(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Option<LentKeys> {
        LentKeys::of(&pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
    }

    fn at(ms: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_millis(ms))
    }

    #[test]
    fn each_cloud_has_its_names_and_its_end() {
        let s3 = of(&[
            ("s3.access-key-id", "i"),
            ("s3.secret-access-key", "k"),
            ("s3.session-token-expires-at-ms", "5000"),
            ("s3.endpoint", "http://x"),
        ]);
        let s3 = s3.unwrap();
        assert!(s3.is_for(Cloud::S3) && !s3.is_for(Cloud::Azure) && !s3.is_for(Cloud::Google));
        assert_eq!(s3.expires_at, at(5000));

        let azure = of(&[
            ("adls.sas-token.acct.dfs.core.windows.net", "sv=1&sig=s"),
            ("adls.sas-token-expires-at-ms.acct.dfs.core.windows.net", "7000"),
        ]);
        let azure = azure.unwrap();
        assert!(azure.is_for(Cloud::Azure) && !azure.is_for(Cloud::S3));
        assert_eq!(azure.azure.len(), 1, "the end is no token");
        assert_eq!(azure.expires_at, at(7000));

        let google = of(&[("gcs.oauth2.token", "t"), ("gcs.oauth2.token-expires-at", "9000")]).unwrap();
        assert!(google.is_for(Cloud::Google));
        assert_eq!(google.expires_at, at(9000));

        assert!(of(&[("s3.access-key-id", "half")]).is_none());
        assert!(of(&[("adls.sas-token", ""), ("s3.endpoint", "x"), ("adls.sas-token-expires-at-ms", "1")]).is_none());
    }

    #[test]
    fn the_earliest_of_all_ends_counts() {
        let token = "?sv=2024-11-04&se=1970-01-01T00%3A00%3A03Z&sig=s";
        let both = of(&[("adls.sas-token.a", token), ("expiration-time", "4000")]).unwrap();
        assert_eq!(both.expires_at, at(3000));
        let other = of(&[("adls.sas-token.a", token), ("expires-at-ms", "2000")]).unwrap();
        assert_eq!(other.expires_at, at(2000));
        let dated = of(&[("gcs.oauth2.token", "t"), ("expiration-time", "1970-01-01T00:00:01Z")]).unwrap();
        assert_eq!(dated.expires_at, at(1000));
        assert_eq!(of(&[("adls.token", "t"), ("expiration-time", "soon")]).unwrap().expires_at, None);
    }
}

//! A secret on its way from a person to the keychain, and nowhere else.

use crate::catalog::is_secret_key;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fmt;

/// Debug prints nothing of it; it is wiped when dropped. It serialises because the window hands it to the backend once.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The only way to the text: grep for it to see every place that handles a secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Secrets that stand in for the keychain's are variables with this start, and a collector of traces is shown what its
/// headers hold. No program that is started gets them.
pub fn is_our_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    name.starts_with("ICEBRIDGE_SECRET_") || (name.starts_with("OTEL_EXPORTER_OTLP_") && name.ends_with("HEADERS"))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

const ENDS: &[&str] = &[
    "secret",
    "access-key",
    "access-key-id",
    "account-key",
    "-token",
    "authorization",
    "credential",
    "credentials",
    "private-key",
    "sse.key",
    ".token",
    ".pwd",
];
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "cookie",
    "secret.key",
    "account.key",
    "private.key",
    "sas.fixed.token",
    "api-key",
    "apikey",
    "connection-string",
];

/// Whether a property or setting of this name holds a secret, and so may stand in no file.
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    is_secret_key(&name) || ENDS.iter().any(|end| name.ends_with(end)) || PARTS.iter().any(|part| name.contains(part))
}

/// In place of a value that is a secret.
pub const HIDDEN: &str = "(a secret)";

/// What may be shown and stored of somebody else's property. A comment is text, and is carried as it is.
pub fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    let is_secret = names_a_secret(name) || (name != "comment" && holds_credentials(value));
    if is_secret && !value.is_empty() { HIDDEN } else { value }
}

/// Whether a property may stand where everybody reads it: in a plan, or in what a cluster is given.
pub fn is_for_everybody(name: &str, value: &str) -> bool {
    value != HIDDEN && shown(name, value) == value
}

/// Whether an address holds a key, token or password: before the host, or as a parameter. Any text may be asked about;
/// `postgresql://user@host` and `abfss://container@account` hold a name alone.
pub fn holds_credentials(address: &str) -> bool {
    let address = address.trim();
    let lower = address.to_ascii_lowercase();
    if ["password=", "accountkey=", "sharedaccesssignature="].iter().any(|name| lower.contains(name)) {
        return true;
    }
    let in_query = address.split_once('?').is_some_and(|(_, query)| {
        let names = query.split(['&', '#']).filter_map(|pair| pair.split_once('='));
        names.into_iter().any(|(name, value)| !value.is_empty() && (names_a_secret(name) || is_signature(name)))
    });
    let Some((scheme, rest)) = address.split_once("://") else { return in_query };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    // A secret key may hold a slash, and then ends the authority too early for a parser.
    let key_with_slash = user.is_none()
        && OF_BUCKETS.contains(&scheme.to_ascii_lowercase().as_str())
        && authority.contains(':')
        && rest.contains('@');
    let named = WITHOUT_USERS.contains(&scheme.to_ascii_lowercase().as_str());
    in_query || key_with_slash || user.is_some_and(|user| user.contains(':') || (named && !user.is_empty()))
}

/// Schemes whose addresses have no user's name: what stands there is a key or token.
const WITHOUT_USERS: &[&str] = &["http", "https", "s3", "s3a", "s3n", "gs"];
const OF_BUCKETS: &[&str] = &["s3", "s3a", "s3n", "gs"];

/// Of signed addresses and tokens in parameters.
fn is_signature(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "sig" | "signature" | "x-amz-signature" | "x-goog-signature" | "pwd")
        || name.ends_with("token")
        || name.ends_with("credential")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "token",
            "spark.sql.catalog.src.token",
            "spark.hadoop.fs.s3a.secret.key",
            "jdbc.Password",
            "s3.secret-access-key",
            "header.Authorization",
            "adls.account-key",
            "adls.sas-token",
            "adls.sas-token.lake.dfs.core.windows.net",
            "adls.connection-string",
            "adls.client-secret",
            "adls.token",
            "gcs.oauth2.token",
            "gcs.service-account-key",
            "s3.sse.key",
            "header.Cookie",
            "header.X-Auth-Token",
            "client_secret",
            "s3_session_token",
            "ssl.key.passphrase",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in [
            "s3.endpoint",
            "spark.sql.catalog.src.token-refresh-enabled",
            "oauth2-server-uri",
            "key",
            "adls.account-name",
            "adls.endpoint",
            "gcs.service.host",
            "s3.sse.type",
            "encryption.key-id",
            "write.metadata.compression-codec",
            "tokens-per-minute",
        ] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn a_property_of_others_is_shown_without_its_secret() {
        assert_eq!(shown("password", "hunter2"), HIDDEN);
        assert_eq!(shown("jdbc.uri", "postgresql://me:pw@host/db"), HIDDEN);
        assert_eq!((shown("owner", "me"), shown("password", "")), ("me", ""));
        let hidden = [("jdbc.uri", "postgresql://me:pw@host/db"), ("jdbc.uri", HIDDEN), ("password", "hunter2")];
        assert!(hidden.iter().all(|(name, value)| !is_for_everybody(name, value)));
        assert!(is_for_everybody("owner", "me"));
    }

    #[test]
    fn credentials_in_addresses_are_found() {
        for address in [
            "s3://KEY:SECRET@bucket/prefix",
            "s3://KEY:SEC/RET@bucket/prefix",
            "S3A://KEY@bucket",
            "https://token@host/api",
            "https://me:pw@host",
            " http://:pw@host ",
            "postgresql://user:pw@host/db",
            "postgresql://host/db?user=x&password=y",
            "postgresql://host/db?sslpassword=y",
            "host=h password=y",
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k",
            "BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sv=1",
            "abfss://c@a.dfs.core.windows.net/t?sv=1&sig=abc",
            "https://host/x?access_token=y",
            "https://account.blob.core.windows.net/c?sv=1&sig=abc",
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=abc",
        ] {
            assert!(holds_credentials(address), "{address}");
        }
        for address in [
            "",
            "/data/a@b:c",
            "file:///data/a@b",
            "sqlite:/lake/catalog.db",
            "s3://bucket/a@b:c",
            "s3://bucket/prefix",
            "https://host:8181/api/catalog",
            "https://host/x?warehouse=w&token=",
            "postgresql://user@host/db?sslmode=require",
            "abfss://container@account.dfs.core.windows.net/p",
            "prod-workspace",
        ] {
            assert!(!holds_credentials(address), "{address}");
        }
    }
}

//! A secret on its way from a person to the keychain, and nowhere else.

use crate::catalog::SECRET_KEYS;
use serde::{Deserialize, Serialize};
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

const ENDS: &[&str] =
    &["secret", "access-key", "access-key-id", "session-token", "authorization", "credential", "private-key", ".token"];
const PARTS: &[&str] =
    &["password", "passwd", "secret.key", "account.key", "private.key", "sas.fixed.token", "api-key", "apikey"];

/// Whether a property or setting of this name holds a secret, and so may stand in no file.
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_KEYS.contains(&name.as_str())
        || ENDS.iter().any(|end| name.ends_with(end))
        || PARTS.iter().any(|part| name.contains(part))
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
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["s3.endpoint", "spark.sql.catalog.src.token-refresh-enabled", "oauth2-server-uri", "key"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}

//! Where a workspace, an account console or a unified host answers.

use icebridge_http::is_loopback;
use icebridge_model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use url::Url;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostKind {
    Workspace,
    Account,
    /// One address for several workspaces: every request names its workspace in a header.
    Unified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    Aws,
    Azure,
    Gcp,
}

/// Scheme, name and port; never a path, a query or a user's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    origin: String,
    kind: HostKind,
}

impl Host {
    /// Takes what people copy from a browser: a missing scheme, a path and a query are forgiven.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::invalid(why).about(text.trim().split('?').next().unwrap_or_default()).with_hint(
                "Copy the workspace's address from the browser, such as https://dbc-a1b2345c-d6e7.cloud.databricks.com.",
            )
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(wrong("the address of the workspace is empty"));
        }
        let full = if text.contains("://") { text.to_string() } else { format!("https://{text}") };
        let url = Url::parse(&full).map_err(|e| wrong("this is no address of a workspace").with_cause(e))?;
        // Not `wrong`, which repeats the text: a password would be in it.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid("the workspace's address holds a user name or password")
                .with_hint("Give the address alone; sign in separately."));
        }
        let Some(name) = url.host_str() else { return Err(wrong("this is no address of a workspace")) };
        match url.scheme() {
            "https" => {}
            // Tokens travel with every request: in the clear only to ourselves.
            "http" if is_loopback(&url) => {}
            "http" => return Err(wrong("a workspace is reached over https:// only")),
            _ => return Err(wrong("a workspace's address starts with https://")),
        }
        let kind = if name.starts_with("accounts.") || name.starts_with("accounts-") {
            HostKind::Account
        } else {
            HostKind::Workspace
        };
        Ok(Self { origin: url.origin().ascii_serialization(), kind })
    }

    /// The workspace that an address of a browser names, `?o=123`.
    pub fn workspace_id_in(text: &str) -> Option<String> {
        let (_, query) = text.split_once('?')?;
        let query = query.split('#').next().unwrap_or_default();
        let id = query.split('&').find_map(|pair| pair.strip_prefix("o="))?;
        (!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())).then(|| id.to_owned())
    }

    /// By the names that the vendor gives out.
    pub fn is_of_one_workspace(&self) -> bool {
        let name = self.origin.rsplit('/').next().unwrap_or_default();
        name.starts_with("adb-") || name.starts_with("dbc-") || self.cloud() == Some(Cloud::Gcp)
    }

    pub fn with_kind(mut self, kind: HostKind) -> Self {
        self.kind = kind;
        self
    }

    pub fn kind(&self) -> HostKind {
        self.kind
    }

    /// `https://name`, without a slash at its end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// By the name of the host, as the vendor gives them out.
    pub fn cloud(&self) -> Option<Cloud> {
        let name = self.origin.rsplit('/').next()?.split(':').next()?;
        let ends = |ending: &str| name.ends_with(ending);
        if ends(".azuredatabricks.net") || ends(".databricks.azure.us") || ends(".databricks.azure.cn") {
            Some(Cloud::Azure)
        } else if ends(".gcp.databricks.com") {
            Some(Cloud::Gcp)
        } else if ends(".databricks.com") || ends(".databricks.us") || ends(".databricks.mil") {
            Some(Cloud::Aws)
        } else {
            None
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_copy_is_understood() {
        for text in [
            "https://Adb-1.2.azuredatabricks.net/",
            "adb-1.2.azuredatabricks.net",
            " https://adb-1.2.azuredatabricks.net/?o=1#x ",
        ] {
            assert_eq!(Host::parse(text).unwrap().origin(), "https://adb-1.2.azuredatabricks.net");
        }
        let named =
            ["https://x.databricks.com/?o=123#job", "x.databricks.com/a?b=1&o=9", "https://x/?o=1a", "https://x"];
        let ids = named.map(Host::workspace_id_in);
        assert_eq!(ids, [Some("123".into()), Some("9".into()), None, None]);
        assert_eq!(Host::parse("https://accounts.cloud.databricks.com").unwrap().kind(), HostKind::Account);
        assert_eq!(Host::parse("http://127.0.0.1:8080/x").unwrap().origin(), "http://127.0.0.1:8080");
        let clouds =
            ["dbc-1.cloud.databricks.com", "adb-1.2.azuredatabricks.net", "1.2.gcp.databricks.com", "example.com"];
        let clouds = clouds.map(|text| Host::parse(text).unwrap().cloud());
        assert_eq!(clouds, [Some(Cloud::Aws), Some(Cloud::Azure), Some(Cloud::Gcp), None]);
    }

    #[test]
    fn tokens_do_not_travel_in_the_clear() {
        for text in ["http://dbc-1.cloud.databricks.com", "ftp://x", "", "https://", "http://127.0.0.1.evil.example"] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
        let error = Host::parse("https://me:canary@x.example").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

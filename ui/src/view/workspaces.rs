//! What the ways to sign in, the gate's targets and the kinds of tables are called.

use crate::marks::Tone;
use icebridge_model::databricks::{Requirement, SchemaName, SignInMethod, SignedOut, TableKind};

/// How somebody signs in, without what it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    #[default]
    Browser,
    Token,
    Machine,
    Profile,
    Environment,
}

impl Way {
    /// In the order in which they are offered: the one that leaves no secret lying about comes first.
    pub const ALL: [Self; 5] = [Self::Browser, Self::Token, Self::Machine, Self::Profile, Self::Environment];

    pub fn of(method: &SignInMethod) -> Self {
        match method {
            SignInMethod::Browser { .. } => Self::Browser,
            SignInMethod::Token => Self::Token,
            SignInMethod::Machine { .. } => Self::Machine,
            SignInMethod::Profile { .. } => Self::Profile,
            SignInMethod::Environment => Self::Environment,
        }
    }

    /// As the fields of a form have it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Token => "token",
            Self::Machine => "machine",
            Self::Profile => "profile",
            Self::Environment => "environment",
        }
    }

    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.id() == id)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Browser => "In the browser",
            Self::Token => "Personal access token",
            Self::Machine => "Service principal",
            Self::Profile => "Profile of ~/.databrickscfg",
            Self::Environment => "Environment variables",
        }
    }

    pub fn about(self) -> &'static str {
        match self {
            Self::Browser => {
                "You sign in on the workspace’s own page. The tokens go to the keychain and are renewed by themselves."
            }
            Self::Token => "A token you made in the workspace’s settings.",
            Self::Machine => "An application id and its OAuth secret, for runs without a person.",
            Self::Profile => {
                "As Databricks’ own command line is set up here. It is read anew each time and never changed."
            }
            Self::Environment => "DATABRICKS_HOST and the others, as they were when the app was started.",
        }
    }
}

/// The address as it is saved; a bare name means https. An error says what is wrong with it.
pub fn address(text: &str) -> Result<String, &'static str> {
    let text = text.trim().trim_end_matches('/');
    let local = ["http://127.0.0.1", "http://localhost"].iter().any(|start| text.starts_with(start));
    match text.split_once("://") {
        _ if text.is_empty() => Ok(String::new()),
        _ if text.contains(char::is_whitespace) => Err("an address holds no spaces"),
        Some(("https", rest)) if !rest.is_empty() => Ok(text.to_string()),
        Some(("http", _)) if local => Ok(text.to_string()),
        Some(("http", _)) => Err("it must begin with https://: a token must not travel in the open"),
        Some(_) => Err("it must begin with https://"),
        None if text.ends_with(':') => Err("the name of the host is missing"),
        None => Ok(format!("https://{text}")),
    }
}

/// A name to begin with: the first part of the host.
pub fn suggested_name(address: &str) -> String {
    let host = address.split("://").last().unwrap_or_default();
    host.split(['.', ':', '/']).next().unwrap_or_default().to_string()
}

/// `main` and `bronze, silver` are two targets.
pub fn targets(catalog: &str, schemas: &str) -> Vec<SchemaName> {
    let catalog = catalog.trim();
    let mut found: Vec<SchemaName> = Vec::new();
    for schema in schemas.split([',', '\n']).map(str::trim).filter(|schema| !schema.is_empty()) {
        let target = SchemaName { catalog: catalog.to_string(), schema: schema.to_string() };
        if !catalog.is_empty() && !found.contains(&target) {
            found.push(target);
        }
    }
    found
}

pub fn requirement(requirement: &Requirement) -> &'static str {
    match requirement {
        Requirement::ExternalDataAccess => "External data access",
        Requirement::ExternalUseSchema => "EXTERNAL USE SCHEMA",
        Requirement::CatalogVisible => "Target catalog",
    }
}

pub fn kind(kind: TableKind) -> (Tone, &'static str) {
    match kind {
        TableKind::ForeignIceberg => {
            (Tone::Accent, "Iceberg of another catalog, seen through federation: it can be moved")
        }
        TableKind::ManagedIceberg => (Tone::Good, "managed by Unity Catalog already"),
        TableKind::SnowflakeOverJdbc => {
            (Tone::Warn, "Snowflake’s compute reads it at each query; it does not reach Databricks as Iceberg")
        }
        TableKind::OtherForeign => (Tone::Plain, "of a foreign catalog, and not Iceberg"),
        TableKind::Delta | TableKind::View | TableKind::Other => (Tone::Plain, "not for this migration"),
    }
}

/// Messages begin in lower case. A name keeps its own spelling.
pub fn capital(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default().trim_end_matches([',', ':', ';']);
    if !first.chars().all(char::is_alphabetic) {
        return text.to_string();
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The sentence after a sign-out, and whether it is one to worry about.
pub fn signed_out(outcome: &SignedOut) -> (Tone, &'static str) {
    match outcome {
        SignedOut::Revoked => {
            (Tone::Good, "Signed out. The workspace has revoked the tokens; here they are gone, too.")
        }
        SignedOut::NotOffered => (
            Tone::Warn,
            "Signed out here. This workspace offers no revocation: its tokens end by themselves, within the hour or the day.",
        ),
        SignedOut::NothingThere => (Tone::Plain, "There was no sign-in through the browser, and nothing to revoke."),
        SignedOut::Failed { .. } => (
            Tone::Bad,
            "Signed out here, but the workspace did not revoke the tokens: they live on until they end by themselves.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::databricks::SignInMethod;

    #[test]
    fn an_address_is_taken_as_people_copy_it() {
        for (typed, saved) in [
            (" https://dbc-1.cloud.databricks.com/ ", "https://dbc-1.cloud.databricks.com"),
            ("adb-7.azuredatabricks.net", "https://adb-7.azuredatabricks.net"),
            ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
            ("", ""),
        ] {
            assert_eq!(address(typed).as_deref(), Ok(saved));
        }
        for typed in ["http://dbc-1.cloud.databricks.com", "ftp://x", "https://", "a b"] {
            assert!(address(typed).is_err(), "{typed}");
        }
        assert_eq!(suggested_name("https://dbc-1.cloud.databricks.com"), "dbc-1");
        assert_eq!(suggested_name("http://localhost:80"), "localhost");
    }

    #[test]
    fn a_sentence_begins_with_a_capital_and_a_name_as_it_is_spelt() {
        assert_eq!(capital("external data access is off"), "External data access is off");
        assert_eq!(capital("foreign, not Iceberg"), "Foreign, not Iceberg");
        assert_eq!(capital("pia@x.example lacks it"), "pia@x.example lacks it");
    }

    #[test]
    fn targets_are_pairs_and_each_comes_once() {
        let found = targets(" main ", "bronze, silver,,\nbronze");
        assert_eq!(
            found.iter().map(|one| format!("{}.{}", one.catalog, one.schema)).collect::<Vec<_>>(),
            ["main.bronze", "main.silver"]
        );
        assert!(targets("", "bronze").is_empty() && targets("main", " , ").is_empty());
    }

    #[test]
    fn every_way_is_found_by_its_id() {
        for way in Way::ALL {
            assert_eq!(Way::by_id(way.id()), Some(way));
        }
        assert_eq!(Way::of(&SignInMethod::Token), Way::Token);
    }
}

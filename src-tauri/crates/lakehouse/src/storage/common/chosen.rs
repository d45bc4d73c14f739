//! What a person has chosen, by the names that Iceberg gives it.

use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use std::collections::BTreeMap;

/// What is set to nothing is not set.
#[derive(Clone, Copy)]
pub(in crate::storage) struct Chosen<'a> {
    pub properties: &'a BTreeMap<String, String>,
    pub secrets: &'a BTreeMap<String, Secret>,
}

impl<'a> Chosen<'a> {
    pub fn property(self, name: &str) -> Option<&'a str> {
        self.properties.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub fn flag(self, name: &str) -> Option<bool> {
        self.property(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn secret(self, name: &str) -> Option<&'a Secret> {
        self.secrets.get(name).filter(|secret| !secret.is_empty())
    }
}

/// `what`: which setting says so.
pub(in crate::storage) fn check_address(what: &str, address: &str) -> Result<()> {
    if url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Ok(());
    }
    Err(Error::invalid(format!("{what} is not an http or https address")).about(address))
}

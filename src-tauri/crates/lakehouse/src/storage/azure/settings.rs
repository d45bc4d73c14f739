//! The person's settings for Azure, by the names of PyIceberg and of Iceberg's Java library.

use super::container::{Container, blob_host};
use crate::storage::common::chosen::check_address;
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;

/// How to sign in, as far as the settings say it.
pub(super) enum Given {
    Key(Secret),
    Sas(Secret),
    Token(Secret),
    Client { tenant: String, id: String, secret: Secret },
    Nothing,
}

pub(super) struct Settings {
    properties: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
    connection: Connection,
}

/// The parts of a connection string.
#[derive(Default)]
struct Connection {
    account: Option<String>,
    key: Option<Secret>,
    sas: Option<Secret>,
    endpoint: Option<String>,
    suffix: Option<String>,
    protocol: Option<String>,
}

impl Settings {
    pub fn new(properties: &BTreeMap<String, String>, secrets: &BTreeMap<String, Secret>) -> Result<Self> {
        let ours = |name: &str| name.starts_with("adls.");
        let properties: BTreeMap<_, _> = properties
            .iter()
            .filter(|(name, value)| ours(name) && !value.trim().is_empty())
            .map(|(name, value)| (name.clone(), value.trim().to_string()))
            .collect();
        let secrets: BTreeMap<_, _> = secrets
            .iter()
            .filter(|(name, value)| ours(name) && !value.is_empty())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let connection = secrets.get("adls.connection-string").map(Connection::parse).transpose()?.unwrap_or_default();
        let settings = Self { properties, secrets, connection };
        if let Some(endpoint) = settings.endpoint_for_all() {
            check_address("the endpoint for Azure storage", &endpoint)?;
        }
        Ok(settings)
    }

    fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.secrets.get(name).cloned()
    }

    fn own_account(&self) -> Option<&str> {
        let named = self.property("adls.account-name").or_else(|| self.property("adls.auth.shared-key.account.name"));
        named.or(self.connection.account.as_deref())
    }

    /// The account of a path, or that of the settings.
    pub fn account(&self, container: &Container) -> Result<String> {
        if !container.account.is_empty() {
            return Ok(container.account.clone());
        }
        let named = self.own_account().map(str::to_string).or_else(|| std::env::var("AZURE_STORAGE_ACCOUNT_NAME").ok());
        named.filter(|account| !account.is_empty()).ok_or_else(|| {
            Error::invalid("neither the path nor the settings name a storage account").with_hint(
                "Set adls.account-name, or name the account in the path: container@account.dfs.core.windows.net.",
            )
        })
    }

    fn endpoint_for_all(&self) -> Option<String> {
        self.property("adls.endpoint").map(str::to_string).or_else(|| self.connection.endpoint.clone())
    }

    /// Where the account's blobs are: what the settings say wins over the host in the path, which may have another name
    /// from here.
    pub fn endpoint(&self, container: &Container, account: &str) -> String {
        let is_own = self.own_account().is_none_or(|own| own.eq_ignore_ascii_case(account));
        // As Iceberg's Java library has it, an account's connection string may be its address.
        let of_account = self.properties.iter().find_map(|(name, value)| {
            let host = name.strip_prefix("adls.connection-string.")?;
            let fits = host.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(account));
            (fits && value.contains("://")).then(|| value.clone())
        });
        let found =
            of_account.or_else(|| if is_own { self.own_endpoint(account) } else { None }).unwrap_or_else(|| {
                if container.host.is_empty() {
                    format!("https://{account}.blob.core.windows.net")
                } else {
                    format!("https://{}", container.host)
                }
            });
        found.trim_end_matches('/').to_string()
    }

    fn own_endpoint(&self, account: &str) -> Option<String> {
        if let Some(endpoint) = self.endpoint_for_all() {
            return Some(endpoint);
        }
        let scheme =
            self.property("adls.blob-storage-scheme").or(self.connection.protocol.as_deref()).unwrap_or("https");
        if let Some(authority) = self.property("adls.blob-storage-authority") {
            return Some(match authority.starts_with('.') {
                true => format!("{scheme}://{account}{authority}"),
                false => format!("{scheme}://{authority}/{account}"),
            });
        }
        if let Some(host) = self.property("adls.account-host") {
            let host = host.to_ascii_lowercase();
            return Some(format!("{scheme}://{}", blob_host(&host).unwrap_or(host)));
        }
        self.connection.suffix.as_ref().map(|suffix| format!("{scheme}://{account}.blob.{suffix}"))
    }

    /// What was given for an account. A key is for one account alone.
    pub fn given(&self, account: &str) -> Result<Given> {
        let is_own = self.own_account().is_none_or(|own| own.eq_ignore_ascii_case(account));
        let of_account = self.secrets.iter().find_map(|(name, value)| {
            let host = name.strip_prefix("adls.sas-token.")?;
            host.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(account)).then(|| value.clone())
        });
        if let Some(token) = self.secret("adls.token") {
            return Ok(Given::Token(token));
        }
        if let Some(sas) = of_account {
            return Ok(Given::Sas(sas));
        }
        if is_own {
            if let Some(sas) = self.secret("adls.sas-token").or_else(|| self.connection.sas.clone()) {
                return Ok(Given::Sas(sas));
            }
            let key = self.secret("adls.account-key").or_else(|| self.secret("adls.auth.shared-key.account.key"));
            if let Some(key) = key.or_else(|| self.connection.key.clone()) {
                return Ok(Given::Key(key));
            }
        }
        let (tenant, id) = (self.property("adls.tenant-id"), self.property("adls.client-id"));
        match (tenant, id, self.secret("adls.client-secret")) {
            (Some(tenant), Some(id), Some(secret)) => {
                Ok(Given::Client { tenant: tenant.into(), id: id.into(), secret })
            }
            // A client id alone chooses a managed identity.
            (None, _, None) => Ok(Given::Nothing),
            _ => Err(Error::new(Code::CredentialsMissing, "a part of the service principal for Azure is missing")
                .with_hint("Give adls.tenant-id, adls.client-id and adls.client-secret, or none of them.")),
        }
    }

    /// Of a managed identity, where a machine has several.
    pub fn client_id(&self) -> Option<&str> {
        self.property("adls.client-id")
    }
}

impl Connection {
    fn parse(text: &Secret) -> Result<Self> {
        let mut parsed = Self::default();
        for pair in text.expose().split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(broken)?;
            match name.to_ascii_lowercase().as_str() {
                "accountname" => parsed.account = Some(value.into()),
                "accountkey" => parsed.key = Some(Secret::new(value)),
                "sharedaccesssignature" => parsed.sas = Some(Secret::new(value)),
                "blobendpoint" => parsed.endpoint = Some(value.trim_end_matches('/').into()),
                "endpointsuffix" => parsed.suffix = Some(value.into()),
                "defaultendpointsprotocol" => parsed.protocol = Some(value.into()),
                _ => {}
            }
        }
        if parsed.key.is_none() && parsed.sas.is_none() {
            return Err(broken());
        }
        Ok(parsed)
    }
}

/// Not with the text, which holds a key.
fn broken() -> Error {
    Error::invalid("adls.connection-string is no connection string with an AccountKey or a SharedAccessSignature")
}

#[cfg(test)]
mod tests;

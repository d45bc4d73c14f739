//! Which container of which account a path names.

use icebridge_model::{Code, Error, Result};

/// The part of a path before its key: `container@account.dfs.core.windows.net`. The account and the host may be missing;
/// then the settings have to say them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub name: String,
    pub account: String,
    /// Of the account's endpoint for blobs.
    pub host: String,
}

impl Container {
    pub(in crate::storage) fn parse(authority: &str) -> Result<Self> {
        let form = || {
            Error::invalid("an Azure path names a container and its storage account")
                .with_hint("For example abfss://container@account.dfs.core.windows.net/key.")
        };
        let (name, host) = match authority.split_once('@') {
            Some((name, host)) if !host.is_empty() && !host.contains('@') => (name, host.to_ascii_lowercase()),
            Some(_) => return Err(form()),
            None => (authority, String::new()),
        };
        if name.is_empty() {
            return Err(form());
        }
        if host.ends_with(".fabric.microsoft.com") {
            return Err(Error::new(Code::Unsupported, "files in OneLake cannot be read or written").with_hint(
                "Copy the table to an Azure storage account, S3 or Google Cloud Storage first, or map it away.",
            ));
        }
        // The person's tokens go to that host, and any file of a table may name one.
        if host.contains('.') && !AZURE.iter().any(|suffix| host.ends_with(suffix)) {
            return Err(Error::new(Code::Unsupported, "the host in the path is none of Azure storage").with_hint(
                "Azure's accounts are named account.dfs.core.windows.net, or alike in a national cloud. Where yours is reached \
                 by another name, set it as adls.account-host.",
            ));
        }
        let account = host.split('.').next().unwrap_or_default().to_string();
        Ok(Self { name: name.into(), account, host: blob_host(&host).unwrap_or_default() })
    }
}

const AZURE: &[&str] = &[
    ".core.windows.net",
    ".core.usgovcloudapi.net",
    ".core.chinacloudapi.cn",
    ".core.cloudapi.de",
    ".storage.azure.net",
];

/// An account's host for blobs, from that or from the one for folders; None if it is neither.
pub(super) fn blob_host(host: &str) -> Option<String> {
    let (account, rest) = host.split_once('.')?;
    let mut found = false;
    let rest: Vec<&str> = rest
        .split('.')
        .map(|label| {
            let is = matches!(label, "blob" | "dfs") && !found;
            found |= is;
            if is { "blob" } else { label }
        })
        .collect();
    (found && !account.is_empty()).then(|| format!("{account}.{}", rest.join(".")))
}

//! Where a host signs people in: discovered, as the vendor's own clients do.

use crate::family::Family;
use crate::host::{Host, HostKind};
use crate::service::SERVICE;
use icebridge_http::{Call, Connection, Failure, HttpClient, RetryPolicy, Transport, is_loopback, segment};
use icebridge_model::{Code, Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use url::Url;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Endpoints {
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    /// RFC 7009; not every host offers it.
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
}

/// What a host says of itself. All of it may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostDescription {
    pub host: Host,
    pub account_id: Option<String>,
    pub workspace_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct HostConfig {
    #[serde(default)]
    account_id: Option<String>,
    #[serde(default)]
    workspace_id: Option<serde_json::Value>,
    #[serde(default)]
    host_type: Option<String>,
}

const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(20);

/// Asks the host what it is. One that says nothing is what its name says.
pub async fn describe_host(host: Host, transport: &Transport) -> Result<HostDescription> {
    let connection = transport.open()?;
    // Best effort, as the vendor's clients: older hosts answer with a page, or not at all.
    let config = match document::<HostConfig>(&connection, host.origin(), "/.well-known/databricks-config").await {
        Ok(config) => config.unwrap_or_default(),
        Err(error) if error.code == Code::WorkspaceUnreachable => return Err(error),
        Err(_) => HostConfig::default(),
    };
    let kind = match config.host_type.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some(kind) if kind.contains("unified") => HostKind::Unified,
        Some(kind) if kind.contains("account") => HostKind::Account,
        Some(kind) if kind.contains("workspace") => HostKind::Workspace,
        _ => host.kind(),
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Ok(HostDescription {
        host: host.with_kind(kind),
        account_id: config.account_id.filter(|id| !id.is_empty()),
        workspace_id: config.workspace_id.and_then(text).filter(|id| !id.is_empty()),
    })
}

pub(crate) async fn discover(connection: &Connection, host: &Host, account_id: Option<&str>) -> Result<Endpoints> {
    let origin = host.origin();
    let account = || {
        account_id.map(str::trim).filter(|id| !id.is_empty()).ok_or_else(|| {
            Error::new(Code::CredentialsMissing, "signing in at an account needs the account's id")
                .about(origin)
                .with_hint("The id is in the account console, in the menu of the user at the top right.")
        })
    };
    let root = match host.kind() {
        HostKind::Workspace => format!("{origin}/oidc"),
        HostKind::Account | HostKind::Unified => format!("{origin}/oidc/accounts/{}", segment(account()?)?),
    };
    let found = document::<Endpoints>(connection, &root, "/.well-known/oauth-authorization-server").await?;
    let endpoints = match (found, host.kind()) {
        (Some(endpoints), _) => endpoints,
        // Account consoles have these, whether they say so or not.
        (None, HostKind::Account) => Endpoints {
            authorization_endpoint: format!("{root}/v1/authorize"),
            token_endpoint: format!("{root}/v1/token"),
            revocation_endpoint: None,
        },
        (None, _) => {
            return Err(Error::new(Code::Unsupported, "this host offers no sign-in through OAuth")
                .about(origin)
                .with_hint("Check the address; or use a personal access token."));
        }
    };
    let all = [
        Some(&endpoints.authorization_endpoint),
        Some(&endpoints.token_endpoint),
        endpoints.revocation_endpoint.as_ref(),
    ];
    for endpoint in all.into_iter().flatten() {
        trusted(endpoint, host)?;
    }
    Ok(endpoints)
}

/// Secrets are sent there: never in the clear, but for a workspace on this very machine.
fn trusted(endpoint: &str, host: &Host) -> Result<()> {
    let ours = |text: &str| Url::parse(text).is_ok_and(|url| is_loopback(&url));
    let url = Url::parse(endpoint);
    let fine = match &url {
        Ok(url) => url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url) && ours(host.origin())),
        Err(_) => false,
    };
    if fine {
        return Ok(());
    }
    Err(Error::new(Code::WorkspaceRefused, "the host names an address for signing in that is not safe")
        .about(endpoint)
        .with_hint("Check the workspace's address: only https:// is taken."))
}

/// None if the host has no such document.
async fn document<T: DeserializeOwned>(connection: &Connection, base: &str, path: &str) -> Result<Option<T>> {
    let policy = RetryPolicy { attempts: ATTEMPTS, patience: PATIENCE, ..RetryPolicy::default() };
    let http = HttpClient::over(connection.clone(), base, &SERVICE, ANSWER)?.with_policy(policy);
    match http.send(&Call::get(Family::Identity, path)).await {
        Ok(answer) => Ok(Some(answer.value)),
        Err(Failure::Refused(refusal)) if refusal.status == 404 => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_no_address_in_the_clear() {
        let far = Host::parse("https://h.example").unwrap();
        let near = Host::parse("http://127.0.0.1:9").unwrap();
        assert!(trusted("https://login.h.example/t", &far).is_ok());
        assert!(trusted("http://h.example/t", &far).is_err());
        assert!(trusted("http://127.0.0.1:9/t", &far).is_err());
        assert!(trusted("http://127.0.0.1:8/t", &near).is_ok());
        assert!(trusted("nonsense", &near).is_err());
    }
}

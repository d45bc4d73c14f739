//! Secrets that jobs need: in the workspace's secret scope for as long as the jobs run.

use super::record::short;
use icebridge_databricks::Client;
use icebridge_databricks::secrets::SCOPE;
use icebridge_model::Result;
use icebridge_model::secret::Secret;

/// A secret of a plan's source in the scope: plans do not see each other's.
pub fn key(plan_hash: &str, name: &str) -> String {
    format!("{}-{name}", short(plan_hash))
}

/// As a cluster's setting names it: the value is put in when the cluster starts, and shows nowhere.
pub fn reference(key: &str) -> String {
    format!("{{{{secrets/{SCOPE}/{key}}}}}")
}

/// Puts them there, in place of what was there under the same keys. `reader`: the principal that jobs run as, if it is not
/// who is signed in.
pub async fn put(client: &Client, secrets: &[(String, Secret)], reader: Option<&str>) -> Result<()> {
    if secrets.is_empty() {
        return Ok(());
    }
    client.make_secret_scope(SCOPE).await?;
    for (key, value) in secrets {
        client.put_secret(SCOPE, key, value).await?;
    }
    match reader {
        Some(reader) => client.grant_read_secrets(SCOPE, reader).await,
        None => Ok(()),
    }
}

/// Takes those keys away again, and the scope once it is empty: others may keep theirs in it.
pub async fn remove(client: &Client, keys: &[String]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    for key in keys {
        client.delete_secret(SCOPE, key).await?;
    }
    let there = client.secret_scopes().await?.iter().any(|scope| scope.name == SCOPE);
    if there && client.secret_keys(SCOPE).await?.is_empty() {
        client.delete_secret_scope(SCOPE).await?;
    }
    Ok(())
}

//! Secrets that jobs need: in a secret scope of the workspace for as long as the jobs run.

use super::record::short;
use icebridge_databricks::Client;
use icebridge_model::Result;
use icebridge_model::secret::Secret;
use sha2::{Digest, Sha256};

/// Where the clusters of one plan, run from one state, find their secrets. A scope belongs to who made it, and nobody else may
/// write to it: two people who run one plan have one each.
pub fn scope(plan_hash: &str, state: &str) -> String {
    let state = hex::encode(Sha256::digest(state.as_bytes()));
    format!("icebridge-{}-{}", short(plan_hash), short(&state))
}

/// As a cluster's setting names a secret of the plan's source: the value is put in when the cluster starts, and shows nowhere.
pub fn reference(scope: &str, name: &str) -> String {
    format!("{{{{secrets/{scope}/{name}}}}}")
}

/// Puts them there, in place of what was there under the same names. `reader`: the principal that jobs run as, if it is not
/// who is signed in.
pub async fn put(client: &Client, scope: &str, secrets: &[(String, Secret)], reader: Option<&str>) -> Result<()> {
    if secrets.is_empty() {
        return Ok(());
    }
    client.make_secret_scope(scope).await?;
    for (name, value) in secrets {
        client.put_secret(scope, name, value).await?;
    }
    match reader {
        Some(reader) => client.grant_read_secrets(scope, reader).await,
        None => Ok(()),
    }
}

/// Takes them away again, and the scope once it is empty: somebody may have put something of theirs into it.
pub async fn remove(client: &Client, scope: &str, names: &[String]) -> Result<()> {
    if !client.secret_scopes().await?.iter().any(|one| one.name == scope) {
        return Ok(());
    }
    for name in names {
        client.delete_secret(scope, name).await?;
    }
    if client.secret_keys(scope).await?.is_empty() {
        client.delete_secret_scope(scope).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_states_have_two_scopes_for_one_plan() {
        let (one, other) = (scope("0123456789abcdef", "state a"), scope("0123456789abcdef", "state b"));
        assert!(one.starts_with("icebridge-0123456789ab-") && one != other);
        assert_eq!(one, scope("0123456789abcdef", "state a"));
        assert!(one.len() <= 128);
    }
}

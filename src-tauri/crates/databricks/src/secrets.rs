//! Secrets for jobs: scopes, and what is in them. Values go in and never come out this way.

use crate::client::{Call, Client, Failure, Family, RefusalKind};
use icebridge_model::secret::Secret;
use icebridge_model::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 128 << 10;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretKey {
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub last_updated_timestamp: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretScope {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub backend_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Scopes {
    #[serde(default)]
    scopes: Vec<SecretScope>,
}

#[derive(Debug, Default, Deserialize)]
struct Keys {
    #[serde(default)]
    secrets: Vec<SecretKey>,
}

fn post(path: &str) -> Call {
    // Each says what shall be: made, put or deleted twice is made, put or deleted.
    Call::post(Family::Secrets, format!("/api/2.0/secrets/{path}")).idempotent()
}

fn check_name(name: &str) -> Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '/');
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fine) {
        return Ok(());
    }
    Err(Error::invalid("a name in a secret scope has up to 128 letters, digits, and -_.@/").about(name))
}

impl Client {
    pub async fn secret_scopes(&self) -> Result<Vec<SecretScope>> {
        let all: Scopes = self.fetch(Call::get(Family::Secrets, "/api/2.0/secrets/scopes/list")).await?;
        Ok(all.scopes)
    }

    /// Only its maker may manage it. False: it was there already.
    pub async fn make_secret_scope(&self, scope: &str) -> Result<bool> {
        check_name(scope)?;
        let body = json!({"scope": scope, "scope_backend_type": "DATABRICKS"});
        match self.execute(post("scopes/create").json(&body)?).await {
            Ok(_) => Ok(true),
            Err(Failure::Refused(refusal)) if refusal.exists_already() => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    /// With all that is in it. No error if there was none.
    pub async fn delete_secret_scope(&self, scope: &str) -> Result<()> {
        self.execute_if_there(post("scopes/delete").json(&json!({"scope": scope}))?).await
    }

    pub async fn put_secret(&self, scope: &str, key: &str, value: &Secret) -> Result<()> {
        check_name(key)?;
        if value.expose().len() > LONGEST_VALUE {
            return Err(Error::invalid("a secret has at most 128 KB").about(format!("{scope}/{key}")));
        }
        let body = json!({"scope": scope, "key": key, "string_value": value});
        self.execute(post("put").json(&body)?.scrub(value)).await?;
        Ok(())
    }

    /// Their names only.
    pub async fn secret_keys(&self, scope: &str) -> Result<Vec<SecretKey>> {
        let all: Keys = self.fetch(Call::get(Family::Secrets, "/api/2.0/secrets/list").query("scope", scope)).await?;
        Ok(all.secrets)
    }

    /// No error if there was none.
    pub async fn delete_secret(&self, scope: &str, key: &str) -> Result<()> {
        self.execute_if_there(post("delete").json(&json!({"scope": scope, "key": key}))?).await
    }

    /// Lets a principal read all of a scope, for example the principal that a job runs as.
    pub async fn grant_read_secrets(&self, scope: &str, principal: &str) -> Result<()> {
        let body = json!({"scope": scope, "principal": principal, "permission": "READ"});
        self.execute(post("acls/put").json(&body)?).await?;
        Ok(())
    }
}

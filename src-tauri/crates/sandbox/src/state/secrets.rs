//! Secret scopes.

use super::principals::Principal;
use crate::base::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icebridge_model::secret::Secret;
use std::collections::BTreeMap;

const MAX_NAME: usize = 128;
const MAX_SECRET_BYTES: usize = 128 << 10;
const MAX_SECRETS: usize = 1_000;
const MAX_SCOPES: usize = 1_000;

#[derive(Default)]
pub struct Scopes(BTreeMap<String, Scope>);

pub struct Scope {
    /// In base64, as the API gives them out.
    pub secrets: BTreeMap<String, (Secret, i64)>,
    /// Principal to READ, WRITE or MANAGE.
    pub acls: BTreeMap<String, String>,
}

fn valid(name: &str, what: &str) -> Result<(), Refusal> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(good) {
        return Err(Refusal::invalid(format!("{what} '{name}' is not a valid name")));
    }
    Ok(())
}

fn rank(permission: &str) -> u8 {
    match permission {
        "MANAGE" => 3,
        "WRITE" => 2,
        "READ" => 1,
        _ => 0,
    }
}

fn no_secret(scope: &str, key: &str) -> Refusal {
    Refusal::absent(format!("Failed to get secret {key} for scope {scope}."))
}

impl Scopes {
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub fn create(&mut self, name: &str, manager: &str) -> Result<(), Refusal> {
        valid(name, "Scope")?;
        if self.0.contains_key(name) {
            return Err(Refusal::new(400, "RESOURCE_ALREADY_EXISTS", format!("Scope {name} already exists!")));
        }
        if self.0.len() >= MAX_SCOPES {
            let message = format!("The workspace has {MAX_SCOPES} secret scopes.");
            return Err(Refusal::new(400, "RESOURCE_LIMIT_EXCEEDED", message));
        }
        let acls = [(manager.to_owned(), "MANAGE".to_owned())].into();
        self.0.insert(name.to_owned(), Scope { secrets: BTreeMap::new(), acls });
        Ok(())
    }

    pub fn delete(&mut self, name: &str, caller: &Principal) -> Result<(), Refusal> {
        self.scope(name, caller, "MANAGE")?;
        self.0.remove(name);
        Ok(())
    }

    /// The scope, for a caller who has at least this permission on it.
    pub fn scope(&mut self, name: &str, caller: &Principal, permission: &str) -> Result<&mut Scope, Refusal> {
        let absent = || Refusal::absent(format!("Scope {name} does not exist!"));
        let scope = self.0.get_mut(name).ok_or_else(absent)?;
        let held = scope.acls.iter().filter(|(who, _)| *who == "users" || caller.is(who)).map(|(_, what)| rank(what));
        if held.max().unwrap_or_default() < rank(permission) {
            let message = format!("User {} does not have {permission} permission on scope {name}", caller.name);
            return Err(Refusal::new(403, "PERMISSION_DENIED", message));
        }
        Ok(scope)
    }

    /// `value` is base64.
    pub fn put(&mut self, scope: &str, key: &str, caller: &Principal, value: String, now: i64) -> Result<(), Refusal> {
        valid(key, "Key")?;
        let limit = |message: String| Refusal::new(400, "RESOURCE_LIMIT_EXCEEDED", message);
        if value.len() / 4 * 3 > MAX_SECRET_BYTES {
            return Err(Refusal::invalid("The secret is larger than 128 KB."));
        }
        let own = self.scope(scope, caller, "WRITE")?;
        if own.secrets.len() >= MAX_SECRETS && !own.secrets.contains_key(key) {
            return Err(limit(format!("Scope {scope} has {MAX_SECRETS} secrets.")));
        }
        own.secrets.insert(key.to_owned(), (Secret::new(value), now));
        Ok(())
    }

    /// In base64.
    pub fn get(&mut self, scope: &str, key: &str, caller: &Principal) -> Result<Secret, Refusal> {
        let found = self.scope(scope, caller, "READ")?.secrets.get(key);
        found.map(|(secret, _)| secret.clone()).ok_or_else(|| no_secret(scope, key))
    }

    pub fn delete_secret(&mut self, scope: &str, key: &str, caller: &Principal) -> Result<(), Refusal> {
        let removed = self.scope(scope, caller, "WRITE")?.secrets.remove(key);
        removed.map(|_| ()).ok_or_else(|| no_secret(scope, key))
    }

    pub fn put_acl(
        &mut self,
        scope: &str,
        caller: &Principal,
        principal: &str,
        permission: &str,
    ) -> Result<(), Refusal> {
        if rank(permission) == 0 {
            return Err(Refusal::invalid(format!("permission cannot be {permission}")));
        }
        self.scope(scope, caller, "MANAGE")?.acls.insert(principal.to_owned(), permission.to_owned());
        Ok(())
    }

    /// What `{{secrets/scope/key}}` stands for in a cluster's settings; any other text stands for itself.
    pub fn resolve(&mut self, owner: &Principal, text: &str) -> Result<String, String> {
        let Some(inner) = text.strip_prefix("{{secrets/").and_then(|rest| rest.strip_suffix("}}")) else {
            return Ok(text.to_owned());
        };
        let (scope, key) = inner.split_once('/').ok_or_else(|| format!("{text} names no secret"))?;
        let secret = self.get(scope, key, owner).map_err(|refusal| refusal.message)?;
        let bytes = STANDARD.decode(secret.expose()).unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::principals::{ADMIN, PILOT, Principals};

    #[test]
    fn a_secret_is_for_those_whom_the_scope_lets_in() {
        let principals = Principals::default();
        let (pilot, admin) = (principals.get(PILOT).unwrap(), principals.get(ADMIN).unwrap());
        let mut scopes = Scopes::default();
        scopes.create("s", PILOT).unwrap();
        assert!(scopes.create("s", PILOT).is_err() && scopes.create("a:b", PILOT).is_err());
        scopes.put("s", "k", pilot, STANDARD.encode("värde"), 1).unwrap();
        assert_eq!(scopes.get("s", "k", admin).unwrap_err().status, 403);
        scopes.put_acl("s", pilot, ADMIN, "READ").unwrap();
        assert!(scopes.put_acl("s", pilot, ADMIN, "OWN").is_err());
        assert!(scopes.get("s", "k", admin).is_ok());
        assert_eq!(scopes.put("s", "k", admin, String::new(), 2).unwrap_err().status, 403);
        assert_eq!(scopes.resolve(admin, "{{secrets/s/k}}").unwrap(), "värde");
        assert_eq!(scopes.resolve(admin, "plain").unwrap(), "plain");
        assert!(scopes.resolve(admin, "{{secrets/s/other}}").is_err());
        scopes.delete_secret("s", "k", pilot).unwrap();
        assert_eq!(scopes.get("s", "k", pilot).unwrap_err().status, 404);
        assert!(scopes.delete("s", admin).is_err() && scopes.delete("s", pilot).is_ok());
    }

    #[test]
    fn a_scope_has_its_limits() {
        let principals = Principals::default();
        let pilot = principals.get(PILOT).unwrap();
        let mut scopes = Scopes::default();
        scopes.create("s", "users").unwrap();
        let large = scopes.put("s", "k", pilot, "A".repeat(200_000), 1).unwrap_err();
        assert_eq!(large.code, "INVALID_PARAMETER_VALUE");
        for wrong in ["a b", "a/b", "a@b", "", &"x".repeat(129)] {
            assert!(scopes.create(wrong, "users").is_err() && scopes.put("s", wrong, pilot, String::new(), 1).is_err());
        }
        for at in 0..MAX_SECRETS {
            scopes.put("s", &format!("k{at}"), pilot, String::new(), 1).unwrap();
        }
        assert_eq!(scopes.put("s", "more", pilot, String::new(), 1).unwrap_err().code, "RESOURCE_LIMIT_EXCEEDED");
        assert!(scopes.put("s", "k0", pilot, String::new(), 1).is_ok(), "an old one can be replaced");
    }
}

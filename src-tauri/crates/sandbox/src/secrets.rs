//! Secret scopes.

use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::people::Person;
use crate::world::{Shared, World, locked};
use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icebridge_model::secret::Secret;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

const LONGEST_NAME: usize = 128;
const LARGEST: usize = 128 << 10;
const MOST: usize = 1_000;

#[derive(Default)]
pub struct Scopes(BTreeMap<String, Scope>);

struct Scope {
    /// In base64, as the API gives them out.
    secrets: BTreeMap<String, (Secret, i64)>,
    /// Principal to READ, WRITE or MANAGE.
    acls: BTreeMap<String, String>,
}

type Asked = HashMap<String, String>;

pub fn routes() -> Router<Shared> {
    let secrets = Router::new()
        .route("/scopes/create", post(create_scope))
        .route("/scopes/list", get(list_scopes))
        .route("/scopes/delete", post(delete_scope))
        .route("/put", post(put))
        .route("/get", get(read))
        .route("/list", get(list))
        .route("/delete", post(delete))
        .route("/acls/put", post(put_acl))
        .route("/acls/list", get(list_acls))
        .route("/acls/get", get(get_acl))
        .route("/acls/delete", post(delete_acl));
    Router::new().nest("/api/2.0/secrets", secrets)
}

fn valid(name: &str, what: &str) -> Result<(), Refusal> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-' | '@' | ' ' | '/');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(good) {
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

impl Scopes {
    fn of(&mut self, name: &str, caller: &Person, permission: &str) -> Result<&mut Scope, Refusal> {
        let absent = || Refusal::absent(format!("Scope {name} does not exist!"));
        let scope = self.0.get_mut(name).ok_or_else(absent)?;
        let held = scope.acls.iter().filter(|(who, _)| *who == "users" || caller.is(who)).map(|(_, what)| rank(what));
        if held.max().unwrap_or_default() < rank(permission) {
            let words = format!("User {} does not have {permission} permission on scope {name}", caller.name);
            return Err(Refusal::denied(words));
        }
        Ok(scope)
    }
}

impl World {
    /// What `{{secrets/scope/key}}` stands for in a cluster's settings.
    pub fn secret(&self, owner: &Person, scope: &str, key: &str) -> Result<Secret, Refusal> {
        let mut scopes = locked(&self.scopes);
        let scope_of = scopes.of(scope, owner, "READ")?;
        let (secret, _) = scope_of.secrets.get(key).ok_or_else(|| no_secret(scope, key))?;
        let bytes = STANDARD.decode(secret.expose()).unwrap_or_default();
        Ok(Secret::new(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn no_secret(scope: &str, key: &str) -> Refusal {
    Refusal::absent(format!("Failed to get secret {key} for scope {scope}."))
}

async fn create_scope(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let name = fields.must_text("scope")?;
    valid(name, "Scope")?;
    if fields.text("scope_backend_type")?.is_some_and(|kind| kind != "DATABRICKS") {
        return Err(Refusal::invalid("The sandbox has scopes of the type DATABRICKS only."));
    }
    let first = match fields.text("initial_manage_principal")? {
        None => caller.name.clone(),
        Some("users") => "users".to_owned(),
        Some(other) => return Err(Refusal::invalid(format!("initial_manage_principal cannot be {other}"))),
    };
    let mut scopes = locked(&world.scopes);
    if scopes.0.contains_key(name) {
        return Err(Refusal::new(400, "RESOURCE_ALREADY_EXISTS", format!("Scope {name} already exists!")));
    }
    let acls = [(first, "MANAGE".to_owned())].into();
    scopes.0.insert(name.to_owned(), Scope { secrets: BTreeMap::new(), acls });
    Ok(Json(json!({})))
}

async fn list_scopes(State(world): State<Shared>) -> Answer {
    let scopes = locked(&world.scopes);
    let all: Vec<Value> = scopes.0.keys().map(|name| json!({"name": name, "backend_type": "DATABRICKS"})).collect();
    Ok(Json(json!({"scopes": all})))
}

async fn delete_scope(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let name = fields.must_text("scope")?;
    let mut scopes = locked(&world.scopes);
    scopes.of(name, &caller, "MANAGE")?;
    scopes.0.remove(name);
    Ok(Json(json!({})))
}

async fn put(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let (scope, key) = (fields.must_text("scope")?, fields.must_text("key")?);
    valid(key, "Key")?;
    let value = match (fields.text("string_value")?, fields.text("bytes_value")?) {
        (Some(text), None) => STANDARD.encode(text),
        (None, Some(bytes)) if STANDARD.decode(bytes).is_ok() => bytes.to_owned(),
        (None, Some(_)) => return Err(Refusal::invalid("bytes_value is not base64")),
        _ => return Err(Refusal::invalid("Exactly one of string_value and bytes_value must be given")),
    };
    if value.len() / 4 * 3 > LARGEST {
        return Err(Refusal::new(400, "RESOURCE_LIMIT_EXCEEDED", "The secret is larger than 128 KB."));
    }
    let now = world.clock.now();
    let mut scopes = locked(&world.scopes);
    let of = scopes.of(scope, &caller, "WRITE")?;
    if of.secrets.len() >= MOST && !of.secrets.contains_key(key) {
        return Err(Refusal::new(400, "RESOURCE_LIMIT_EXCEEDED", format!("Scope {scope} has {MOST} secrets.")));
    }
    of.secrets.insert(key.to_owned(), (Secret::new(value), now));
    Ok(Json(json!({})))
}

fn asked_for<'a>(asked: &'a Asked, name: &str) -> Result<&'a str, Refusal> {
    let value = asked.get(name).filter(|value| !value.is_empty());
    value.map(String::as_str).ok_or_else(|| Refusal::invalid(format!("Missing required field: {name}")))
}

/// Meant for jobs; the real one refuses it to nobody who may read the scope.
async fn read(State(world): State<Shared>, caller: Caller, Query(asked): Query<Asked>) -> Answer {
    let (scope, key) = (asked_for(&asked, "scope")?, asked_for(&asked, "key")?);
    let mut scopes = locked(&world.scopes);
    let (secret, _) = scopes.of(scope, &caller, "READ")?.secrets.get(key).ok_or_else(|| no_secret(scope, key))?;
    Ok(Json(json!({"key": key, "value": secret.expose()})))
}

async fn list(State(world): State<Shared>, caller: Caller, Query(asked): Query<Asked>) -> Answer {
    let mut scopes = locked(&world.scopes);
    let of = scopes.of(asked_for(&asked, "scope")?, &caller, "READ")?;
    let all: Vec<Value> =
        of.secrets.iter().map(|(key, (_, at))| json!({"key": key, "last_updated_timestamp": at})).collect();
    Ok(Json(json!({"secrets": all})))
}

async fn delete(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let (scope, key) = (fields.must_text("scope")?, fields.must_text("key")?);
    let mut scopes = locked(&world.scopes);
    scopes.of(scope, &caller, "WRITE")?.secrets.remove(key).ok_or_else(|| no_secret(scope, key))?;
    Ok(Json(json!({})))
}

async fn put_acl(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let (scope, principal) = (fields.must_text("scope")?, fields.must_text("principal")?);
    let permission = fields.must_text("permission")?;
    if rank(permission) == 0 {
        return Err(Refusal::invalid(format!("permission cannot be {permission}")));
    }
    if principal != "users" && !locked(&world.people).knows(principal) {
        return Err(Refusal::absent(format!("User or group {principal} does not exist.")));
    }
    let mut scopes = locked(&world.scopes);
    scopes.of(scope, &caller, "MANAGE")?.acls.insert(principal.to_owned(), permission.to_owned());
    Ok(Json(json!({})))
}

async fn list_acls(State(world): State<Shared>, caller: Caller, Query(asked): Query<Asked>) -> Answer {
    let mut scopes = locked(&world.scopes);
    let of = scopes.of(asked_for(&asked, "scope")?, &caller, "READ")?;
    let all: Vec<Value> = of.acls.iter().map(|(who, what)| json!({"principal": who, "permission": what})).collect();
    Ok(Json(json!({"items": all})))
}

async fn get_acl(State(world): State<Shared>, caller: Caller, Query(asked): Query<Asked>) -> Answer {
    let (scope, principal) = (asked_for(&asked, "scope")?, asked_for(&asked, "principal")?);
    let mut scopes = locked(&world.scopes);
    let permission = scopes.of(scope, &caller, "READ")?.acls.get(principal).cloned();
    let absent = || Refusal::absent(format!("Principal {principal} has no ACL on scope {scope}."));
    Ok(Json(json!({"principal": principal, "permission": permission.ok_or_else(absent)?})))
}

async fn delete_acl(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let (scope, principal) = (fields.must_text("scope")?, fields.must_text("principal")?);
    let mut scopes = locked(&world.scopes);
    let removed = scopes.of(scope, &caller, "MANAGE")?.acls.remove(principal);
    removed.ok_or_else(|| Refusal::absent(format!("Principal {principal} has no ACL on scope {scope}.")))?;
    Ok(Json(json!({})))
}

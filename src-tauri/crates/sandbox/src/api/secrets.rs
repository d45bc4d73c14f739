//! Secret scopes.

use crate::base::{Fields, Params, Refusal, required};
use crate::web::{Answer, Caller, SandboxState, Secrets, done};
use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub fn routes() -> Router<SandboxState> {
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

async fn create_scope(State(state): State<Secrets>, caller: Caller, fields: Fields) -> Answer {
    let name = fields.must_text("scope")?;
    if fields.text("scope_backend_type")?.is_some_and(|kind| kind != "DATABRICKS") {
        return Err(Refusal::invalid("The sandbox has scopes of the type DATABRICKS only."));
    }
    let manager = match fields.text("initial_manage_principal")? {
        None => caller.name.as_str(),
        Some("users") => "users",
        Some(other) => return Err(Refusal::invalid(format!("initial_manage_principal cannot be {other}"))),
    };
    state.scopes.lock().create(name, manager)?;
    done()
}

async fn list_scopes(State(state): State<Secrets>) -> Answer {
    let scopes = state.scopes.lock();
    let all: Vec<Value> = scopes.names().map(|name| json!({"name": name, "backend_type": "DATABRICKS"})).collect();
    Ok(Json(json!({"scopes": all})))
}

async fn delete_scope(State(state): State<Secrets>, caller: Caller, fields: Fields) -> Answer {
    state.scopes.lock().delete(fields.must_text("scope")?, &caller)?;
    done()
}

async fn put(State(state): State<Secrets>, caller: Caller, fields: Fields) -> Answer {
    let (scope, key) = (fields.must_text("scope")?, fields.must_text("key")?);
    let value = match (fields.text("string_value")?, fields.text("bytes_value")?) {
        (Some(text), None) => STANDARD.encode(text),
        (None, Some(bytes)) if STANDARD.decode(bytes).is_ok() => bytes.to_owned(),
        (None, Some(_)) => return Err(Refusal::invalid("bytes_value is not base64")),
        _ => return Err(Refusal::invalid("Exactly one of string_value and bytes_value must be given")),
    };
    state.scopes.lock().put(scope, key, &caller, value, state.common.now())?;
    done()
}

/// Meant for jobs; the real one gives it to any caller who may read the scope.
async fn read(State(state): State<Secrets>, caller: Caller, Query(params): Query<Params>) -> Answer {
    let (scope, key) = (required(&params, "scope")?, required(&params, "key")?);
    let secret = state.scopes.lock().get(scope, key, &caller)?;
    Ok(Json(json!({"key": key, "value": secret.expose()})))
}

async fn list(State(state): State<Secrets>, caller: Caller, Query(params): Query<Params>) -> Answer {
    let mut scopes = state.scopes.lock();
    let scope = scopes.scope(required(&params, "scope")?, &caller, "READ")?;
    let all: Vec<Value> =
        scope.secrets.iter().map(|(key, (_, at))| json!({"key": key, "last_updated_timestamp": at})).collect();
    Ok(Json(json!({"secrets": all})))
}

async fn delete(State(state): State<Secrets>, caller: Caller, fields: Fields) -> Answer {
    let (scope, key) = (fields.must_text("scope")?, fields.must_text("key")?);
    state.scopes.lock().delete_secret(scope, key, &caller)?;
    done()
}

async fn put_acl(State(state): State<Secrets>, caller: Caller, fields: Fields) -> Answer {
    let (scope, principal) = (fields.must_text("scope")?, fields.must_text("principal")?);
    if principal != "users" && !state.common.principals.lock().knows(principal) {
        return Err(Refusal::absent(format!("User or group {principal} does not exist.")));
    }
    state.scopes.lock().put_acl(scope, &caller, principal, fields.must_text("permission")?)?;
    done()
}

async fn list_acls(State(state): State<Secrets>, caller: Caller, Query(params): Query<Params>) -> Answer {
    let mut scopes = state.scopes.lock();
    let scope = scopes.scope(required(&params, "scope")?, &caller, "READ")?;
    let acl = |(principal, permission)| json!({"principal": principal, "permission": permission});
    Ok(Json(json!({"items": scope.acls.iter().map(acl).collect::<Vec<Value>>()})))
}

fn no_acl(scope: &str, principal: &str) -> Refusal {
    Refusal::absent(format!("Principal {principal} has no ACL on scope {scope}."))
}

async fn get_acl(State(state): State<Secrets>, caller: Caller, Query(params): Query<Params>) -> Answer {
    let (scope, principal) = (required(&params, "scope")?, required(&params, "principal")?);
    let mut scopes = state.scopes.lock();
    let permission = scopes.scope(scope, &caller, "READ")?.acls.get(principal);
    Ok(Json(json!({"principal": principal, "permission": permission.ok_or_else(|| no_acl(scope, principal))?})))
}

async fn delete_acl(State(state): State<Secrets>, caller: Caller, fields: Fields) -> Answer {
    let (scope, principal) = (fields.must_text("scope")?, fields.must_text("principal")?);
    let removed = state.scopes.lock().scope(scope, &caller, "MANAGE")?.acls.remove(principal);
    removed.ok_or_else(|| no_acl(scope, principal))?;
    done()
}

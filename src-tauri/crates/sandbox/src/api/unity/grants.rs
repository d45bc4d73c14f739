//! Grants: direct, effective, and their change.

use crate::base::{Fields, Page, Params, Refusal};
use crate::unity::{GrantChange, Kind, Metastore, Securable, deleted};
use crate::web::{Answer, Caller, Unity, page};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The smallest page of permissions is also the server's own.
const PAGE: usize = 150;

type Place = Path<(String, String)>;

fn find(metastore: &Metastore, kind: &str, name: &str) -> Result<Securable, Refusal> {
    let securable = Securable::new(Kind::read(kind)?, name);
    metastore.exists(&securable)?;
    Ok(securable)
}

pub async fn direct(
    State(state): State<Unity>,
    Path((kind, name)): Place,
    Query(params): Query<Params>,
    asked: Page,
) -> Answer {
    let asked = asked.of_permissions()?;
    let metastore = state.metastore.lock();
    let all = assignments(&state, &metastore, &find(&metastore, &kind, &name)?, params.get("principal"));
    page(asked.of("privilege_assignments", &all, asked.unity(PAGE)))
}

fn assignments(state: &Unity, metastore: &Metastore, securable: &Securable, principal: Option<&String>) -> Vec<Value> {
    let wanted = metastore.grants.of(securable).filter(|(name, _)| fits(principal, name));
    wanted.map(|(name, privileges)| assignment(state, name, json!(privileges))).collect()
}

/// Whether these are the privileges of the principal that was asked for.
fn fits(principal: Option<&String>, name: &str) -> bool {
    principal.is_none_or(|one| one == name || (name.contains('@') && one.eq_ignore_ascii_case(name)))
}

fn assignment(state: &Unity, name: &str, privileges: Value) -> Value {
    let how = state.common.settings.lock().behaviour.deleted_principals;
    let mut fields = deleted::holder(name, state.common.principals.lock().id(name), how);
    fields.insert("privileges".to_owned(), privileges);
    Value::Object(fields)
}

pub async fn effective(State(state): State<Unity>, place: Place, Query(params): Query<Params>, asked: Page) -> Answer {
    effective_page(&state, &place.0, &params, asked, "privilege_assignments")
}

pub async fn effective_assignments(
    State(state): State<Unity>,
    place: Place,
    Query(params): Query<Params>,
    asked: Page,
) -> Answer {
    effective_page(&state, &place.0, &params, asked, "effective_privilege_assignments")
}

/// With what comes from above. Ownership is no privilege and does not show; groups are not opened up.
fn effective_page(state: &Unity, (kind, name): &(String, String), params: &Params, asked: Page, field: &str) -> Answer {
    let asked = asked.of_permissions()?;
    let metastore = state.metastore.lock();
    let securable = find(&metastore, kind, name)?;
    let mut by_principal: BTreeMap<&String, Vec<Value>> = BTreeMap::new();
    let lineage = securable.lineage();
    for one in &lineage {
        for (principal, privileges) in metastore.grants.of(one) {
            for privilege in privileges {
                let mut payload = json!({"privilege": privilege});
                if *one != securable {
                    payload["inherited_from_type"] = one.kind.upper().into();
                    payload["inherited_from_name"] = one.name.as_str().into();
                }
                by_principal.entry(principal).or_default().push(payload);
            }
        }
    }
    let wanted = by_principal.into_iter().filter(|(one, _)| fits(params.get("principal"), one));
    let all: Vec<Value> = wanted.map(|(name, privileges)| assignment(state, name, privileges.into())).collect();
    page(asked.of(field, &all, asked.unity(PAGE)))
}

pub async fn patch(State(state): State<Unity>, caller: Caller, Path((kind, name)): Place, fields: Fields) -> Answer {
    let mut changes = Vec::new();
    for change in fields.list("changes") {
        let texts = |name: &str| -> Vec<String> {
            let list = change.get(name).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let principal = change.get("principal").and_then(Value::as_str).unwrap_or_default().to_owned();
        changes.push(GrantChange { principal, add: texts("add"), remove: texts("remove") });
    }
    let mut metastore = state.metastore.lock();
    let securable = find(&metastore, &kind, &name)?;
    metastore.change_grants(&caller, &state.common.principals.lock(), &securable, &changes)?;
    state.common.counts.grants_changed.add_one();
    Ok(Json(json!({"privilege_assignments": assignments(&state, &metastore, &securable, None)})))
}

//! Grants: direct, effective, and their change.

use super::privileges;
use super::securable::{Kind, Securable};
use super::state::Metastore;
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::counts::one;
use crate::page::Page;
use crate::people::Person;
use crate::world::{Shared, World, locked};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The least page of permissions is also the server's own.
const PAGE: usize = 150;

/// Securable to principal to privileges.
#[derive(Debug, Default)]
pub struct Book(BTreeMap<Securable, BTreeMap<String, BTreeSet<String>>>);

impl Book {
    pub fn add(&mut self, securable: &Securable, principal: &str, privilege: &str) {
        let principals = self.0.entry(securable.clone()).or_default();
        principals.entry(principal.to_owned()).or_default().insert(privilege.to_owned());
    }

    pub fn remove(&mut self, securable: &Securable, principal: &str, privilege: &str) {
        if let Some(principals) = self.0.get_mut(securable)
            && let Some(privileges) = principals.get_mut(principal)
        {
            privileges.remove(privilege);
            if privileges.is_empty() {
                principals.remove(principal);
            }
        }
    }

    /// Granted to the person or one of their groups, on this very object.
    pub fn holds(&self, person: &Person, securable: &Securable, privilege: &str) -> bool {
        self.of(securable).any(|(principal, privileges)| person.is(principal) && privileges.contains(privilege))
    }

    pub fn of(&self, securable: &Securable) -> impl Iterator<Item = (&String, &BTreeSet<String>)> {
        self.0.get(securable).into_iter().flatten()
    }

    pub fn all(&self) -> impl Iterator<Item = (&Securable, &String, &BTreeSet<String>)> {
        self.0.iter().flat_map(|(securable, principals)| {
            principals.iter().map(move |(principal, privileges)| (securable, principal, privileges))
        })
    }
}

type Asked = HashMap<String, String>;

fn securable(metastore: &Metastore, kind: &str, name: &str) -> Result<Securable, Refusal> {
    let securable = Securable::new(Kind::read(kind)?, name);
    metastore.exists(&securable)?;
    Ok(securable)
}

pub async fn direct(
    State(world): State<Shared>,
    Path((kind, name)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    page: Page,
) -> Answer {
    let page = page.of_permissions()?;
    let metastore = locked(&world.unity);
    let securable = securable(&metastore, &kind, &name)?;
    let all = told(&metastore, &securable, asked.get("principal"));
    Ok(Json(Value::Object(page.of("privilege_assignments", &all, page.unity(PAGE)))))
}

fn told(metastore: &Metastore, securable: &Securable, principal: Option<&String>) -> Vec<Value> {
    let wanted = metastore.grants.of(securable).filter(|(name, _)| principal.is_none_or(|one| one == *name));
    wanted.map(|(name, privileges)| json!({"principal": name, "privileges": privileges})).collect()
}

pub async fn effective(
    State(world): State<Shared>,
    Path((kind, name)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    page: Page,
) -> Answer {
    effective_page(&world, &kind, &name, &asked, page, "privilege_assignments")
}

pub async fn effective_assignments(
    State(world): State<Shared>,
    Path((kind, name)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    page: Page,
) -> Answer {
    effective_page(&world, &kind, &name, &asked, page, "effective_privilege_assignments")
}

/// With what comes from above. Ownership is no privilege and does not show; groups are not opened up.
fn effective_page(world: &World, kind: &str, name: &str, asked: &Asked, page: Page, field: &str) -> Answer {
    let page = page.of_permissions()?;
    let metastore = locked(&world.unity);
    let securable = securable(&metastore, kind, name)?;
    let mut by_principal: BTreeMap<&String, Vec<Value>> = BTreeMap::new();
    let mut from = securable.parents();
    from.insert(0, securable.clone());
    for one in &from {
        for (principal, privileges) in metastore.grants.of(one) {
            for privilege in privileges {
                let mut told = json!({"privilege": privilege});
                if *one != securable {
                    told["inherited_from_type"] = one.kind.upper().into();
                    told["inherited_from_name"] = one.name.as_str().into();
                }
                by_principal.entry(principal).or_default().push(told);
            }
        }
    }
    let wanted = by_principal.into_iter().filter(|(one, _)| asked.get("principal").is_none_or(|name| name == *one));
    let all: Vec<Value> =
        wanted.map(|(principal, privileges)| json!({"principal": principal, "privileges": privileges})).collect();
    Ok(Json(Value::Object(page.of(field, &all, page.unity(PAGE)))))
}

pub async fn patch(
    State(world): State<Shared>,
    caller: Caller,
    Path((kind, name)): Path<(String, String)>,
    fields: Fields,
) -> Answer {
    let mut changes = Vec::new();
    for change in fields.list("changes") {
        let principal = change.get("principal").and_then(Value::as_str).unwrap_or_default();
        let words = |name: &str| -> Vec<String> {
            let list = change.get(name).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        changes.push(Change { principal: principal.to_owned(), add: words("add"), remove: words("remove") });
    }
    let securable = apply(&world, &caller, &kind, &name, &changes)?;
    let metastore = locked(&world.unity);
    Ok(Json(json!({"privilege_assignments": told(&metastore, &securable, None)})))
}

pub struct Change {
    pub principal: String,
    pub add: Vec<String>,
    pub remove: Vec<String>,
}

/// All changes or none.
pub fn apply(world: &World, caller: &Person, kind: &str, name: &str, changes: &[Change]) -> Result<Securable, Refusal> {
    let mut metastore = locked(&world.unity);
    let securable = securable(&metastore, kind, name)?;
    let mut add = Vec::new();
    let mut remove = Vec::new();
    for change in changes {
        let known = locked(&world.people).knows(&change.principal);
        if !known && !change.add.is_empty() {
            let words = format!("Could not find principal with name {}", change.principal);
            return Err(Refusal::unity(404, "PRINCIPAL_DOES_NOT_EXIST", words));
        }
        for (privileges, into) in [(&change.add, &mut add), (&change.remove, &mut remove)] {
            for privilege in privileges {
                let privilege = privileges::check(privilege, securable.kind)?;
                may_grant(&metastore, caller, &securable, privilege)?;
                into.push((change.principal.clone(), privilege));
            }
        }
    }
    for (principal, privilege) in remove {
        metastore.grants.remove(&securable, &principal, privilege);
    }
    for (principal, privilege) in add {
        metastore.grants.add(&securable, &principal, privilege);
    }
    one(&world.counts.grants_changed);
    Ok(securable)
}

/// EXTERNAL USE SCHEMA is given by the owner of the catalog and by nobody else, owners of schemas and of the metastore included.
fn may_grant(metastore: &Metastore, caller: &Person, securable: &Securable, privilege: &str) -> Result<(), Refusal> {
    if privilege != "EXTERNAL_USE_SCHEMA" {
        return metastore.must_manage(caller, securable);
    }
    let catalog = securable.parents().pop().unwrap_or_else(|| securable.clone());
    if caller.is(&metastore.owner(&catalog)) {
        return Ok(());
    }
    let words = format!("Only the owner of {catalog} can grant or revoke EXTERNAL USE SCHEMA.");
    Err(Refusal::unity(403, "PERMISSION_DENIED", words))
}

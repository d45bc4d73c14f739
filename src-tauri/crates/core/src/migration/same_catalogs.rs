//! A run belongs to the catalogs that it began with. Their names in the local state may come to mean others: then one run
//! would lie in two places, and what it migrated would be looked for where it never was.

use crate::ledger::{RunStarted, run_started};
use crate::{LocalState, workspaces};
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::plan::Plan;
use icebridge_model::{Error, Result};
use std::collections::BTreeMap;

/// Refuses to go on with a run whose source or target is another one now. Earlier versions did not write down which they
/// were.
pub(crate) async fn check(local: &LocalState, run_id: &str, plan: &Plan) -> Result<()> {
    let Some(began) = run_started(local, run_id).await? else { return Ok(()) };
    let specs = [local.store.catalog(&plan.source).await?, local.store.catalog(&plan.target).await?];
    let hosts = hosts(local, &specs).await;
    for spec in &specs {
        let Some(before) = began.catalogs.iter().find(|before| before.name == spec.name) else { continue };
        match (host_then(&began, before), hosts.get(&spec.uri)) {
            (Some(then), Some(now)) if trimmed(then) != trimmed(now) => return Err(another(spec, then, now)),
            // The same workspace, whatever it is called here.
            (Some(_), Some(_)) if (before.kind, &before.warehouse) == (spec.kind, &spec.warehouse) => {}
            _ if identity(before) == identity(spec) => {}
            _ => return Err(another(spec, &told(before), &told(spec))),
        }
    }
    Ok(())
}

/// The address of each workspace that source and target are in, by its name here. One that cannot be told is left out.
pub(super) async fn hosts(local: &LocalState, specs: &[CatalogSpec]) -> BTreeMap<String, String> {
    let mut hosts = BTreeMap::new();
    for spec in specs.iter().filter(|spec| spec.kind == CatalogKind::Unity) {
        if let Ok(client) = workspaces::client(local, &spec.uri).await {
            hosts.insert(spec.uri.clone(), client.host().origin().to_string());
        }
    }
    hosts
}

fn host_then<'a>(began: &'a RunStarted, spec: &CatalogSpec) -> Option<&'a str> {
    if spec.kind != CatalogKind::Unity {
        return None;
    }
    let gate = began.gate.as_ref().filter(|gate| gate.workspace == spec.uri).map(|gate| gate.host.as_str());
    began.hosts.get(&spec.uri).map(String::as_str).or(gate)
}

/// Properties that choose a catalog at an address.
const CHOOSING: [&str; 3] = ["prefix", "sql.catalog-name", "warehouse"];

fn identity(spec: &CatalogSpec) -> (CatalogKind, String, &str, [Option<&String>; 3]) {
    (spec.kind, place(spec), &spec.warehouse, CHOOSING.map(|name| spec.properties.get(name)))
}

/// The address, of a database without the user who signs in: that may be another one tomorrow.
fn place(spec: &CatalogSpec) -> String {
    let address = trimmed(&spec.uri);
    match address.split_once("://") {
        Some(("postgres" | "postgresql", rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("postgresql://{host}/{path}")
        }
        _ => address.to_string(),
    }
}

fn trimmed(address: &str) -> &str {
    address.trim_end_matches('/')
}

fn told(spec: &CatalogSpec) -> String {
    let warehouse = if spec.warehouse.is_empty() { String::new() } else { format!(", {}", spec.warehouse) };
    format!("{}{warehouse}", spec.uri)
}

fn another(spec: &CatalogSpec, then: &str, now: &str) -> Error {
    Error::invalid(format!("this name meant another catalog when the run began: it was {then} and is {now}"))
        .about(&spec.name)
        .with_hint("Give it its earlier address again to go on with this run, or make a new plan for the new one.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::catalog::Role;

    fn spec(kind: CatalogKind, uri: &str, properties: &[(&str, &str)]) -> CatalogSpec {
        CatalogSpec {
            name: "c".into(),
            role: Role::Target,
            kind,
            uri: uri.into(),
            warehouse: "w".into(),
            properties: properties.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            secrets: Vec::new(),
        }
    }

    #[test]
    fn a_catalog_is_known_by_its_place_and_not_by_who_signs_in() {
        let sql = |uri: &str| spec(CatalogKind::Sql, uri, &[]);
        for same in ["postgres://new@host:5432/db", "postgresql://host:5432/db/"] {
            assert_eq!(identity(&sql("postgresql://old@host:5432/db")), identity(&sql(same)), "{same}");
        }
        for other in ["postgresql://old@elsewhere:5432/db", "postgresql://old@host:5432/other"] {
            assert_ne!(identity(&sql("postgresql://old@host:5432/db")), identity(&sql(other)), "{other}");
        }
        let rest = |properties: &[(&str, &str)]| spec(CatalogKind::Rest, "https://host/api/", properties);
        assert_eq!(identity(&rest(&[("scope", "a")])), identity(&rest(&[("scope", "b")])));
        assert_ne!(identity(&rest(&[("prefix", "a")])), identity(&rest(&[("prefix", "b")])));
    }
}

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
pub(super) async fn check(local: &LocalState, run_id: &str, plan: &Plan) -> Result<()> {
    let Some(began) = run_started(local, run_id).await? else { return Ok(()) };
    let specs = [local.store.catalog(&plan.source).await?, local.store.catalog(&plan.target).await?];
    let hosts = hosts(local, &specs).await;
    for spec in &specs {
        let Some(before) = began.catalogs.iter().find(|before| before.name == spec.name) else { continue };
        if identity(before) != identity(spec) {
            return Err(another(spec, &told(before), &told(spec)));
        }
        if let (Some(then), Some(now)) = (host_then(&began, spec), hosts.get(&spec.uri))
            && trimmed(then) != trimmed(now)
        {
            return Err(another(spec, then, now));
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

fn identity(spec: &CatalogSpec) -> (CatalogKind, &str, &str) {
    (spec.kind, trimmed(&spec.uri), &spec.warehouse)
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

//! The governance gate of a workspace, asked anew each time and put on record.

use super::reach::client;
use crate::LocalState;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::databricks::{Gate, GatePassed, GateRequest, SchemaName};
use icebridge_model::{Code, Error, Result};
use serde_json::json;
use std::collections::BTreeSet;

/// Nothing goes to a catalog of Unity Catalog whose gate is not open for every schema it shall go to. Other targets have
/// no gate.
pub(crate) async fn pass(
    local: &LocalState,
    target: &str,
    schemas: impl IntoIterator<Item = &Vec<String>>,
) -> Result<Option<GatePassed>> {
    let spec = match local.store.catalog(target).await {
        Ok(spec) if spec.kind == CatalogKind::Unity => spec,
        Ok(_) => return Ok(None),
        // Opening source and target names all that is not there.
        Err(error) if error.code == Code::CatalogNotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // A namespace of several levels is no schema: a finding says so.
    let schemas: BTreeSet<&String> = schemas.into_iter().filter(|parts| parts.len() == 1).flatten().collect();
    let targets =
        schemas.into_iter().map(|schema| SchemaName { catalog: spec.warehouse.clone(), schema: schema.clone() });
    let request = GateRequest { workspace: spec.uri.clone(), targets: targets.collect() };
    let gate = check(local, &request).await?;
    gate.pass()?;
    let schemas = request.targets.iter().map(|target| format!("{}.{}", target.catalog, target.schema)).collect();
    Ok(Some(GatePassed { workspace: request.workspace, host: gate.host, principal: gate.principal, schemas }))
}

pub async fn check(local: &LocalState, request: &GateRequest) -> Result<Gate> {
    for target in &request.targets {
        if target.catalog.trim().is_empty() || target.schema.trim().is_empty() {
            return Err(Error::invalid("a target is a catalog and a schema")
                .about(format!("{}.{}", target.catalog, target.schema))
                .with_hint("Name targets as catalog.schema."));
        }
    }
    let client = client(local, &request.workspace).await?;
    let gate = client.gate(&request.targets).await.map_err(|e| e.about(&request.workspace))?;
    let body = json!({
        "workspace": request.workspace,
        "targets": request.targets,
        "open": gate.is_open(),
        "gate": gate,
    });
    local.store.append("", "", "gate.checked", body).await?;
    Ok(gate)
}

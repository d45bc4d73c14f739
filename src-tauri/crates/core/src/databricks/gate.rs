//! The governance gate of a workspace, asked anew each time and put on record.

use super::connect::client;
use crate::Workspace;
use icebridge_model::databricks::{Gate, GateRequest};
use icebridge_model::{Error, Result};
use serde_json::json;

pub async fn check(workspace: &Workspace, request: &GateRequest) -> Result<Gate> {
    for target in &request.targets {
        if target.catalog.trim().is_empty() || target.schema.trim().is_empty() {
            return Err(Error::invalid("a target is a catalog and a schema")
                .about(format!("{}.{}", target.catalog, target.schema))
                .with_hint("Name targets as catalog.schema."));
        }
    }
    let client = client(workspace, &request.workspace).await?;
    let gate = client.gate(&request.targets).await.map_err(|e| e.about(&request.workspace))?;
    let body = json!({
        "workspace": request.workspace,
        "targets": request.targets,
        "open": gate.is_open(),
        "gate": gate,
    });
    workspace.store.append("", "", "gate.checked", body).await?;
    Ok(gate)
}

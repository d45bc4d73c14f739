//! The state of a rehearsal: a folder of its own beside the others, which knows the same catalogs and the same secrets.

use crate::LocalState;
use crate::state::STATE_ID;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::plan::Plan;
use icebridge_model::{Code, Error, Result};
use std::path::PathBuf;

const FOLDER: &str = "rehearsals";

/// A folder is one rehearsal's: another one does not go on with what it left.
pub(super) async fn open(local: &LocalState, own: &Plan, schema: &str) -> Result<LocalState> {
    let place = folder(local).join(schema);
    if place.exists() {
        return Err(Error::new(Code::InvalidInput, "there was a rehearsal in this schema").about(schema).with_hint(
            "Name another schema, or none. What the earlier one copied stays in the target until you drop it there.",
        ));
    }
    let (mut catalogs, mut workspaces) = (Vec::new(), Vec::new());
    for name in [&own.source, &own.target] {
        let spec = local.store.catalog(name).await?;
        if spec.kind == CatalogKind::Unity {
            workspaces.push(local.store.workspace(&spec.uri).await?);
        }
        catalogs.push(spec);
    }
    let state = local.beside(place).await?;
    // Secrets are found by it: also by who goes on with the rehearsal's state.
    let id = local.state_dir.join(STATE_ID);
    if id.is_file() {
        tokio::fs::copy(&id, state.state_dir.join(STATE_ID)).await.map_err(|e| {
            Error::new(Code::StateBroken, "the state folder cannot be used").about(id.display()).with_cause(e)
        })?;
    }
    for workspace in &workspaces {
        state.store.save_workspace(workspace).await?;
    }
    for catalog in &catalogs {
        state.store.save_catalog(catalog).await?;
    }
    Ok(state)
}

/// The folder of all of them.
pub(crate) fn folder(local: &LocalState) -> PathBuf {
    local.state_dir.join(FOLDER)
}

/// Of a rehearsal that began no run: its name is free again. Where that fails, another name is.
pub(super) async fn take_back(state: &LocalState) {
    state.store.close().await;
    if let Err(error) = tokio::fs::remove_dir_all(&state.state_dir).await {
        tracing::debug!(%error, "the state of a rehearsal that did not begin stays");
    }
}

//! The state of a rehearsal: a folder of its own beside the others, which knows the same catalogs and the same secrets.

use crate::LocalState;
use icebridge_model::catalog::CatalogKind;
use icebridge_model::plan::Plan;
use icebridge_model::{Code, Error, Result};

const FOLDER: &str = "rehearsals";

/// A folder is one rehearsal's: another one does not go on with what it left.
pub(super) async fn open(local: &LocalState, own: &Plan, schema: &str) -> Result<LocalState> {
    let folder = local.state_dir.join(FOLDER).join(schema);
    if folder.exists() {
        return Err(Error::new(Code::InvalidInput, "there was a rehearsal in this schema")
            .about(schema)
            .with_hint("Name another schema. What the earlier one copied stays in the target until you drop it there."));
    }
    let state = local.beside(folder).await?;
    for name in [&own.source, &own.target] {
        let spec = local.store.catalog(name).await?;
        if spec.kind == CatalogKind::Unity {
            state.store.save_workspace(&local.store.workspace(&spec.uri).await?).await?;
        }
        state.store.save_catalog(&spec).await?;
    }
    Ok(state)
}

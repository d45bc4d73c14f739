//! Where a path of the Files API lies.

use crate::base::Refusal;
use crate::state::{Principal, inside};
use crate::unity::{Kind, Securable};
use crate::web::Files;
use std::path::PathBuf;

/// A path below `/Volumes`, checked to stay in its volume.
pub struct VolumePath {
    pub local: PathBuf,
    /// As the API has it.
    pub shown: String,
    pub volume: Securable,
    /// Whether it is the volume itself.
    pub is_root: bool,
}

/// For a caller who has the privilege on the volume.
pub fn volume_path(state: &Files, caller: &Principal, path: &str, privilege: &str) -> Result<VolumePath, Refusal> {
    let below = path.trim_start_matches('/').strip_prefix("Volumes/");
    let below = below.ok_or_else(|| Refusal::invalid(format!("Invalid path: '/{path}' is not below /Volumes.")))?;
    let relative = inside(below)?;
    let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
    let [catalog, schema, volume, rest @ ..] = parts.as_slice() else {
        return Err(Refusal::invalid(format!("Invalid path: '/{path}' names no volume.")));
    };
    let securable = Securable::new(Kind::Volume, &format!("{catalog}.{schema}.{volume}"));
    let metastore = state.metastore.lock();
    if metastore.exists(&securable).is_err() {
        return Err(Refusal::not_found(format!("Volume '{}' does not exist.", securable.name)));
    }
    metastore.must_allow(caller, &securable, privilege)?;
    let root = state.folder.volumes();
    // A volume is there before its first file is.
    std::fs::create_dir_all(root.join(catalog).join(schema).join(volume))?;
    Ok(VolumePath {
        local: root.join(relative),
        shown: format!("/Volumes/{}", parts.join("/")),
        volume: securable,
        is_root: rest.is_empty(),
    })
}

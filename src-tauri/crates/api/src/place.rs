//! Where the state lives if nobody says otherwise.

use std::path::PathBuf;

pub const STATE_VARIABLE: &str = "ICEBRIDGE_STATE";

/// `ICEBRIDGE_STATE`, else the folder this system has for such things: `~/.local/share/icebridge` (or `XDG_DATA_HOME`),
/// `~/Library/Application Support/icebridge`, `%LOCALAPPDATA%\icebridge\data`.
pub fn default_state_dir() -> PathBuf {
    if let Some(path) = std::env::var_os(STATE_VARIABLE).filter(|path| !path.is_empty()) {
        return path.into();
    }
    match directories::ProjectDirs::from("", "", "icebridge") {
        Some(folders) => folders.data_local_dir().to_path_buf(),
        // No home folder: a daemon, or a bare container.
        None => std::env::temp_dir().join("icebridge"),
    }
}

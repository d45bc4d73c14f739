//! Where things are. The only place that reads xtask's environment variables.

use std::env;
use std::path::{Path, PathBuf};

pub struct Repo {
    pub root: PathBuf,
}

impl Repo {
    pub fn here() -> Self {
        // As cargo says now, where it is asked by cargo: a target folder that clones share may hold a program that was compiled
        // for another one.
        let own = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        Self { root: own.parent().map_or_else(|| own.clone(), Path::to_path_buf) }
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Everything made by xtask and worth keeping; git-ignored.
    pub fn state(&self) -> PathBuf {
        self.path(".icebridge")
    }

    /// Downloads that several clones may share.
    pub fn cache(&self) -> PathBuf {
        match env::var_os("ICEBRIDGE_CACHE") {
            Some(chosen) if !chosen.is_empty() => env::current_dir().unwrap_or_default().join(chosen),
            _ => self.state().join("cache"),
        }
    }

    pub fn target(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(chosen) if !chosen.is_empty() => self.root.join(chosen),
            _ => self.path("target"),
        }
    }

    /// A program that cargo built, with the platform's ending.
    pub fn built(&self, profile_folder: &str, name: &str) -> PathBuf {
        self.target().join(profile_folder).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}

pub fn wasm_choice() -> Option<String> {
    env::var("ICEBRIDGE_WASM").ok().filter(|choice| !choice.is_empty())
}

/// Whether a window can be opened here.
pub fn has_display() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

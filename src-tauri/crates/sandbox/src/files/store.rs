//! The folder of a sandbox.

use crate::answer::Refusal;
use crate::caller::Caller;
use crate::unity::securable::{Kind, Securable};
use crate::world::{World, locked};
use icebridge_model::{Code, Error};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub struct Store {
    root: PathBuf,
    /// Keeps a temporary folder as long as the sandbox lives.
    _temporary: Option<tempfile::TempDir>,
    /// Presigned tokens: a file and when they end.
    presigned: Mutex<BTreeMap<String, (PathBuf, i64)>>,
}

/// A path below `/Volumes`, checked to stay in its volume.
pub struct VolumePath {
    pub local: PathBuf,
    /// As the API tells it.
    pub shown: String,
    pub volume: Securable,
    /// Whether it is the volume itself.
    pub is_root: bool,
}

impl Store {
    pub fn open(folder: Option<&Path>) -> Result<Self, Error> {
        let failed = |error: std::io::Error| {
            Error::new(Code::StorageFailed, "the sandbox's folder cannot be used")
                .with_cause(error)
                .with_hint("Choose another folder with --folder.")
        };
        let (root, temporary) = match folder {
            Some(folder) => (folder.to_owned(), None),
            None => {
                let made = tempfile::Builder::new().prefix("icebridge-sandbox-").tempdir().map_err(failed)?;
                (made.path().to_owned(), Some(made))
            }
        };
        for part in ["Volumes", "Workspace", "runs", "warehouse", "runtime"] {
            std::fs::create_dir_all(root.join(part)).map_err(failed)?;
        }
        let root = root.canonicalize().map_err(failed)?;
        Ok(Self { root, _temporary: temporary, presigned: Mutex::default() })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn warehouse(&self) -> PathBuf {
        self.root.join("warehouse")
    }

    pub fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }

    pub fn run(&self, run: u64) -> PathBuf {
        self.root.join("runs").join(run.to_string())
    }

    /// Where a workspace path lies.
    pub fn workspace(&self, path: &str) -> Result<PathBuf, Refusal> {
        Ok(self.root.join("Workspace").join(inside(path)?))
    }

    pub fn forget_volume(&self, full_name: &str) -> Result<(), Refusal> {
        let folder = self.root.join("Volumes").join(inside(&full_name.replace('.', "/"))?);
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub fn presign(&self, token: String, path: PathBuf, expires: i64) {
        locked(&self.presigned).insert(token, (path, expires));
    }

    pub fn presigned(&self, token: &str, now: i64) -> Option<PathBuf> {
        locked(&self.presigned).get(token).filter(|(_, expires)| *expires > now).map(|(path, _)| path.clone())
    }
}

/// A relative path that cannot leave its folder, on any system.
pub fn inside(path: &str) -> Result<PathBuf, Refusal> {
    let mut relative = PathBuf::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part == "." || part == ".." || part.contains(['\\', '\0', ':']) {
            return Err(Refusal::invalid(format!("Invalid path: {path}")));
        }
        relative.push(part);
    }
    Ok(relative)
}

impl World {
    /// A path of the Files API, for somebody who may read or write there.
    pub fn volume_path(&self, caller: &Caller, path: &str, privilege: &str) -> Result<VolumePath, Refusal> {
        let below = path.trim_start_matches('/').strip_prefix("Volumes/");
        let below = below.ok_or_else(|| Refusal::invalid(format!("Invalid path: '/{path}' is not below /Volumes.")))?;
        let relative = inside(below)?;
        let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
        let [catalog, schema, volume, rest @ ..] = parts.as_slice() else {
            return Err(Refusal::invalid(format!("Invalid path: '/{path}' names no volume.")));
        };
        let securable = Securable::new(Kind::Volume, &format!("{catalog}.{schema}.{volume}"));
        let metastore = locked(&self.unity);
        if metastore.exists(&securable).is_err() {
            let words = format!("Volume '{}' does not exist.", securable.name);
            return Err(Refusal::new(404, "NOT_FOUND", words));
        }
        if !metastore.allows(caller, &securable, privilege) {
            let words = format!("User does not have {} on {securable}.", privilege.replace('_', " "));
            return Err(Refusal::denied(words));
        }
        let root = self.folder.root.join("Volumes");
        // A volume is there before its first file is.
        std::fs::create_dir_all(root.join(catalog).join(schema).join(volume))?;
        Ok(VolumePath {
            local: root.join(relative),
            shown: format!("/Volumes/{}", parts.join("/")),
            volume: securable,
            is_root: rest.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_its_folder() {
        for bad in ["../x", "a/../../x", "a/./b", "a\\..\\b", "C:/x", "a\0b"] {
            assert!(inside(bad).is_err(), "{bad:?}");
        }
        assert_eq!(inside("/a//b c/ü.txt").unwrap(), PathBuf::from("a").join("b c").join("ü.txt"));
    }
}

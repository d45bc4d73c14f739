//! The folder of a sandbox.

use super::reads::Reads;
use crate::base::{Refusal, Shared};
use icebridge_model::{Code, Error};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub struct Folder {
    root: PathBuf,
    /// Keeps a temporary folder as long as the sandbox lives.
    _temporary: Option<tempfile::TempDir>,
    /// The token of each presigned address: its file and when it ends.
    presigned: Shared<BTreeMap<String, (PathBuf, i64)>>,
}

impl Folder {
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
        Ok(Self { root, _temporary: temporary, presigned: Shared::default() })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn reads(&self) -> Reads {
        Reads::new(&self.root)
    }

    pub fn warehouse(&self) -> PathBuf {
        self.root.join("warehouse")
    }

    pub fn runtime(&self) -> PathBuf {
        self.root.join("runtime")
    }

    /// Of a statement that Spark runs.
    pub fn query(&self, id: &str) -> PathBuf {
        self.root.join("queries").join(id)
    }

    pub fn run(&self, run: u64) -> PathBuf {
        self.root.join("runs").join(run.to_string())
    }

    /// Where a workspace path lies.
    pub fn workspace(&self, path: &str) -> Result<PathBuf, Refusal> {
        Ok(self.root.join("Workspace").join(inside(path)?))
    }

    pub fn volumes(&self) -> PathBuf {
        self.root.join("Volumes")
    }

    pub fn remove_volume(&self, full_name: &str) -> Result<(), Refusal> {
        let folder = self.volumes().join(inside(&full_name.replace('.', "/"))?);
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub fn presign(&self, token: String, path: PathBuf, expires: i64) {
        self.presigned.lock().insert(token, (path, expires));
    }

    pub fn presigned(&self, token: &str, now: i64) -> Option<PathBuf> {
        self.presigned.lock().get(token).filter(|(_, expires)| *expires > now).map(|(path, _)| path.clone())
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

//! Folders and files of the state folder.

use super::found::Removal;
use icebridge_model::{Code, Error, Result};
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    entries(folder, FileType::is_dir)
}

pub(super) fn folders_and_files(folder: &Path) -> Result<Vec<PathBuf>> {
    entries(folder, |kind| kind.is_dir() || kind.is_file())
}

/// Links are not followed.
fn entries(folder: &Path, wanted: impl Fn(&FileType) -> bool) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::new(Code::StorageFailed, "the folder cannot be read").about(folder.display()).with_cause(e);
    if fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(Error::invalid("this is a link, and what lies behind it is not looked at").about(folder.display()));
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if wanted(&entry.file_type().map_err(failed)?) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

pub(super) async fn remove(path: &Path) -> Result<Removal> {
    let removed = match path.is_dir() {
        true => tokio::fs::remove_dir_all(path).await,
        false => tokio::fs::remove_file(path).await,
    };
    removed
        .map_err(|e| Error::new(Code::StorageFailed, "this cannot be removed").about(path.display()).with_cause(e))?;
    Ok(Removal::Done)
}

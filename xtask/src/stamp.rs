//! Remembering what is done: a stamp is a small file that holds the hash of everything the work depended on.

use crate::repo::Repo;
use crate::report::{Failure, Result};
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// The content of files, folders and words. The hash need not outlive a compiler: a change only repeats the work.
#[derive(Default)]
pub struct Content(DefaultHasher);

impl Content {
    pub fn word(mut self, word: &str) -> Self {
        word.hash(&mut self.0);
        self
    }

    /// A file, or all files below a folder except those in folders that builds write.
    pub fn path(mut self, path: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(path, &mut files)?;
        files.sort();
        for file in files {
            file.hash(&mut self.0);
            fs::read(&file).map_err(|e| Failure::new(format!("{}: {e}", file.display())))?.hash(&mut self.0);
        }
        Ok(self)
    }

    pub fn key(self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) -> Result {
    if path.is_file() {
        into.push(path.to_path_buf());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !matches!(name.to_str(), Some("dist" | "target" | "__pycache__")) {
            collect(&entry.path(), into)?;
        }
    }
    Ok(())
}

fn file(repo: &Repo, name: &str) -> PathBuf {
    repo.state().join("stamps").join(name)
}

pub fn read(repo: &Repo, name: &str) -> Option<String> {
    fs::read_to_string(file(repo, name)).ok()
}

pub fn is_fresh(repo: &Repo, name: &str, key: &str) -> bool {
    read(repo, name).as_deref() == Some(key)
}

pub fn write(repo: &Repo, name: &str, key: &str) -> Result {
    let file = file(repo, name);
    let folder = file.parent().unwrap_or(&repo.root);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, key))
        .map_err(|e| Failure::new(format!("{}: {e}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_changes_with_a_file_and_not_with_what_builds_write() {
        let folder = std::env::temp_dir().join(format!("icebridge-stamp-{}", std::process::id()));
        fs::create_dir_all(folder.join("dist")).unwrap();
        fs::write(folder.join("a"), "1").unwrap();
        let key = |word: &str| Content::default().word(word).path(&folder).ok().map(Content::key).unwrap();
        let first = key("x");
        fs::write(folder.join("dist/made"), "made").unwrap();
        assert_eq!(first, key("x"));
        assert_ne!(first, key("y"));
        fs::write(folder.join("a"), "2").unwrap();
        assert_ne!(first, key("x"));
        fs::remove_dir_all(&folder).unwrap();
    }
}

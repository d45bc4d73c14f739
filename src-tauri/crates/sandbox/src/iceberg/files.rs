//! A table's metadata on disk, as Spark's file catalog keeps it: `metadata/v<N>.metadata.json`, and a hint at the newest N.

use serde_json::Value;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The newest metadata with its number.
pub fn newest(table: &Path) -> Option<(u64, Value)> {
    let entries = fs::read_dir(table.join("metadata")).ok()?.flatten();
    let number = |path: &PathBuf| -> Option<u64> {
        path.file_name()?.to_str()?.strip_prefix('v')?.strip_suffix(".metadata.json")?.parse().ok()
    };
    let (number, path) = entries.map(|entry| entry.path()).filter_map(|path| Some((number(&path)?, path))).max()?;
    Some((number, serde_json::from_slice(&fs::read(path).ok()?).ok()?))
}

pub fn file(table: &Path, number: u64) -> PathBuf {
    table.join("metadata").join(format!("v{number}.metadata.json"))
}

/// Makes a version visible, whole, if it is not there yet. False: that version exists already.
pub fn put(table: &Path, number: u64, metadata: &Value) -> io::Result<bool> {
    let folder = table.join("metadata");
    fs::create_dir_all(&folder)?;
    let draft = tempfile::NamedTempFile::new_in(&folder)?;
    serde_json::to_writer_pretty(&draft, metadata)?;
    match draft.persist_noclobber(file(table, number)) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error.error),
    }
    // Only a hint: readers look for higher numbers.
    fs::write(folder.join("version-hint.text"), number.to_string())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_two_writers_of_one_version_one_loses() {
        let folder = tempfile::tempdir().unwrap();
        assert!(newest(folder.path()).is_none());
        assert!(put(folder.path(), 9, &json!({"a": 1})).unwrap());
        assert!(put(folder.path(), 10, &json!({"a": 2})).unwrap());
        assert!(!put(folder.path(), 10, &json!({"a": 3})).unwrap());
        assert_eq!(newest(folder.path()).unwrap(), (10, json!({"a": 2})));
    }
}

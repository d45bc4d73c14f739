//! Files of a bundle: written with their checksum, and read as what a stranger hands over.

use icebridge_model::run::FileSum;
use icebridge_model::{Code, Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

/// No file of a bundle that is read whole may be larger: what is handed over must not fill the memory.
pub(super) const LARGEST: u64 = 256 << 20;

/// A file being written; its sum is known at the end.
pub(super) struct Summed {
    path: String,
    bytes: u64,
    hasher: Sha256,
    file: BufWriter<File>,
}

impl Summed {
    pub fn create(folder: &Path, path: &str) -> std::io::Result<Self> {
        let file = BufWriter::new(File::create_new(folder.join(path))?);
        Ok(Self { path: path.to_string(), bytes: 0, hasher: Sha256::new(), file })
    }

    pub fn finish(self) -> std::io::Result<FileSum> {
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(FileSum { path: self.path, bytes: self.bytes, sha256: hex::encode(self.hasher.finalize()) })
    }
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// A file of the bundle.
pub(super) fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<FileSum> {
    let written = Summed::create(folder, path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.finish()
    });
    written.map_err(|e| write_failure(&folder.join(path), e))
}

/// JSON as it stands in a bundle.
pub(super) fn pretty(value: &impl serde::Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::internal("evidence cannot be written as JSON").with_cause(e))?;
    text.push('\n');
    Ok(text)
}

pub(super) fn write_failure(path: &Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind;
    let (code, hint) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Code::StorageFull, "Free space, or export to another disk.")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (Code::StorageDenied, "Export to a folder that you may write to.")
        }
        _ => (Code::StorageFailed, "Export to another folder."),
    };
    Error::new(code, "the bundle cannot be written").about(path.display()).with_hint(hint).with_cause(error)
}

/// A path as a manifest names it: relative, with forward slashes, without a way out of the folder.
pub(super) fn inside(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let plain = !path.is_empty()
        && !path.contains(['\\', '\0', ':'])
        && Path::new(path).components().all(|c| matches!(c, Component::Normal(_)))
        // "a//b" and "a/./b" are other names for files that are listed already.
        && path.split('/').all(|part| !part.is_empty() && part != ".");
    if plain { Ok(folder.join(path)) } else { Err(format!("{path:?} is no path inside the bundle")) }
}

/// Opens a regular file and nothing else: a link leads out of the bundle, a pipe never ends.
pub(super) fn open(path: &Path) -> Result<File, String> {
    let kind = std::fs::symlink_metadata(path).map_err(|e| e.to_string())?;
    if !kind.is_file() {
        return Err("it is no regular file".into());
    }
    File::open(path).map_err(|e| e.to_string())
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    // One more than is allowed, so that a file that grows meanwhile is noticed too.
    open(path)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    Ok(bytes)
}

/// Whether a file is what a manifest says, in flat memory. The size first: a wrong one need not be read to its end.
pub(super) fn compare(path: &Path, said: &FileSum) -> Result<(), String> {
    let file = open(path)?;
    if file.metadata().map_err(|e| e.to_string())?.len() != said.bytes {
        return Err("it has another size".into());
    }
    // A file that grows meanwhile differs, and is not followed.
    let mut file = BufReader::with_capacity(1 << 20, file.take(said.bytes));
    let mut hasher = Sha256::new();
    loop {
        let piece = file.fill_buf().map_err(|e| e.to_string())?;
        if piece.is_empty() {
            break;
        }
        hasher.update(piece);
        let length = piece.len();
        file.consume(length);
    }
    if hex::encode(hasher.finalize()) == said.sha256 { Ok(()) } else { Err("it was changed".into()) }
}

/// Every file at any of the two levels a bundle has, and whatever else is there, by relative path.
pub(super) fn contents(folder: &Path, tables: &str) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == tables && entry.file_type()?.is_dir() {
            for inner in std::fs::read_dir(entry.path())? {
                found.push(format!("{tables}/{}", inner?.file_name().to_string_lossy()));
            }
        } else {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_bundle() {
        let folder = Path::new("/bundle");
        for bad in
            ["", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "C:\\x", "a\\..\\b", "c:x", "a\0b"]
        {
            assert!(inside(folder, bad).is_err(), "{bad:?}");
        }
        assert_eq!(inside(folder, "tables/1.json").unwrap(), Path::new("/bundle/tables/1.json"));
        assert!(inside(folder, "..a").is_ok());
    }

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::TempDir::new().unwrap();
        assert!(open(folder.path()).is_err());
        assert!(open(&folder.path().join("none")).is_err());
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
            assert!(open(&folder.path().join("link")).is_err());
        }
    }
}

//! Files of a bundle as they are written, with their checksum.

use icebridge_model::run::FileSum;
use icebridge_model::{Code, Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Read and written at once.
pub(super) const CHUNK: usize = 1 << 20;

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

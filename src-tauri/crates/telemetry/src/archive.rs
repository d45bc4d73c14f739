//! A tar.gz, written piece by piece.

use flate2::Compression;
use flate2::write::GzEncoder;
use icebridge_model::logs::DiagnosisFile;
use icebridge_model::{Code, Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub struct Archive {
    path: PathBuf,
    /// The folder inside that all files lie in.
    folder: String,
    modified: u64,
    tar: Option<tar::Builder<GzEncoder<Counted>>>,
    files: Vec<DiagnosisFile>,
}

/// Counts and sums what is written.
struct Counted {
    file: File,
    hasher: Sha256,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A finished archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    pub sha256: String,
    pub files: Vec<DiagnosisFile>,
}

impl Archive {
    /// A file that is there is not written over. `modified`: seconds since 1970, of all files inside.
    pub fn create(path: &Path, folder: &str, modified: u64) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|e| failed(path, e))?;
        let counted = Counted { file, hasher: Sha256::new(), bytes: 0 };
        let tar = tar::Builder::new(GzEncoder::new(counted, Compression::default()));
        Ok(Self { path: path.to_path_buf(), folder: folder.to_string(), modified, tar: Some(tar), files: Vec::new() })
    }

    /// What is in it so far.
    pub fn files(&self) -> &[DiagnosisFile] {
        &self.files
    }

    pub fn add(&mut self, path: &str, about: &str, content: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.modified);
        let inside = format!("{}/{path}", self.folder);
        if let Some(tar) = &mut self.tar {
            tar.append_data(&mut header, inside, content).map_err(|e| failed(&self.path, e))?;
        }
        self.files.push(DiagnosisFile { path: path.into(), bytes: content.len() as u64, about: about.into() });
        Ok(())
    }

    /// Durable when it returns.
    pub fn finish(mut self) -> Result<Written> {
        let path = self.path.clone();
        let tar = self.tar.take().ok_or_else(|| Error::internal("the archive was finished twice"))?;
        let done = tar.into_inner().and_then(GzEncoder::finish).and_then(|counted| {
            counted.file.sync_all()?;
            Ok(counted)
        });
        match done {
            Ok(Counted { hasher, bytes, .. }) => {
                Ok(Written { bytes, sha256: hex::encode(hasher.finalize()), files: std::mem::take(&mut self.files) })
            }
            Err(error) => {
                // A piece of an archive is of no use.
                let _ = std::fs::remove_file(&path);
                Err(failed(&path, error))
            }
        }
    }
}

/// One that was not finished is taken away: this process made it.
impl Drop for Archive {
    fn drop(&mut self) {
        if self.tar.take().is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    let (code, hint) = match error.kind() {
        io::ErrorKind::AlreadyExists => (Code::InvalidInput, "Name a file that is not there yet."),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (Code::StorageFull, "Free space there."),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (Code::StorageDenied, "Name a file in a folder that you may write to.")
        }
        io::ErrorKind::NotFound => (Code::InvalidInput, "Name a file in a folder that is there."),
        _ => (Code::StorageFailed, "See the cause, and check the disk."),
    };
    Error::new(code, "the archive cannot be written").about(path.display()).with_hint(hint).with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn what_goes_in_comes_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar.gz");
        let mut archive = Archive::create(&path, "top", 0).unwrap();
        archive.add("one.txt", "the first", b"1").unwrap();
        archive.add("logs/two.txt", "the second", &[7; 3000]).unwrap();
        let written = archive.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((written.bytes, written.files.len()), (bytes.len() as u64, 2));
        assert_eq!(written.sha256, hex::encode(Sha256::digest(&bytes)));
        let mut found = Vec::new();
        for entry in tar::Archive::new(GzDecoder::new(bytes.as_slice())).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.push((entry.path().unwrap().display().to_string(), content.len()));
        }
        assert_eq!(found, [("top/one.txt".to_string(), 1), ("top/logs/two.txt".to_string(), 3000)]);
    }

    #[test]
    fn nothing_is_written_over_and_no_half_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar.gz");
        drop(Archive::create(&path, "top", 0).unwrap());
        assert!(!path.exists());
        std::fs::write(&path, "kept").unwrap();
        assert_eq!(Archive::create(&path, "top", 0).err().unwrap().code, Code::InvalidInput);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
    }
}

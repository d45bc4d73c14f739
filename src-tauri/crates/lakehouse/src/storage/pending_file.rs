//! A local file that appears whole or not at all.

use super::claim::Claim;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file under its temporary name, deleted unless it gets its own. The temporary name is the same at every attempt, so
/// that what a killed process left behind is overwritten by the next one.
#[derive(Debug)]
pub(super) struct PendingFile {
    temporary: PathBuf,
    file: PathBuf,
    kept: bool,
    /// Given back once the temporary file is gone.
    _claim: Claim,
}

impl PendingFile {
    pub(super) fn create(file: &Path, claim: Claim) -> io::Result<(File, Self)> {
        let temporary = temporary_name(file)?;
        let out = match File::create(&temporary) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = file.parent() {
                    fs::create_dir_all(folder)?;
                }
                File::create(&temporary)
            }
            other => other,
        }?;
        Ok((out, Self { temporary, file: file.to_path_buf(), kept: false, _claim: claim }))
    }

    /// Gives the file its name once its bytes are on disk: a file that is seen survives a power failure whole, and a unit
    /// of work that is recorded as done is done.
    pub(super) fn rename(mut self, out: File) -> io::Result<()> {
        out.sync_data()?;
        drop(out);
        fs::rename(&self.temporary, &self.file)?;
        self.kept = true;
        Ok(())
    }

    /// A hard link fails if the name is taken: the one call that is atomic and creates only, on every platform.
    pub(super) fn link_new(self) -> io::Result<bool> {
        match fs::hard_link(&self.temporary, &self.file) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // File systems without hard links: still creates only, but a kill in the middle leaves a short file.
            Err(e) if matches!(e.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
                match File::create_new(&self.file) {
                    Ok(mut out) => {
                        let written =
                            io::copy(&mut File::open(&self.temporary)?, &mut out).and_then(|_| out.sync_all());
                        if written.is_err() {
                            let _ = fs::remove_file(&self.file);
                        }
                        written.map(|()| true)
                    }
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                    Err(e) => Err(e),
                }
            }
            Err(e) => Err(e),
        }
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn temporary_name(file: &Path) -> io::Result<PathBuf> {
    let name = file
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file"))?
        .to_string_lossy();
    // File systems take names of 255 bytes; the longest of them get a short stand-in.
    let short = if name.len() > 240 { hex::encode(&Sha256::digest(name.as_bytes())[..16]) } else { name.into_owned() };
    Ok(file.with_file_name(format!(".{short}.icebridge-part")))
}

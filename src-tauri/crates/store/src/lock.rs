//! One lock for a state folder, between processes. The operating system releases it when its holder dies, however that
//! happens, so that a stale lock cannot exist.

use crate::Store;
use icebridge_model::{Code, Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LOCK_FILE: &str = "state.lock";
const OPENING_FILE: &str = "state.opening.lock";
/// Who holds the lock, in a file of its own: Windows does not let others read a locked file.
const HOLDER_FILE: &str = "state.lock.holder";

const PATIENCE: Duration = Duration::from_millis(400);
const OPENING_PATIENCE: Duration = Duration::from_secs(10);

/// Held until dropped.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
    holder: PathBuf,
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // Best effort: the name is only for messages, and the lock itself goes with the file.
        let _ = std::fs::remove_file(&self.holder);
    }
}

impl Store {
    /// For what must be alone: a run, a validation, whatever writes the journal of a run. Fails within a second if another
    /// process, or another task of this one, has it.
    pub async fn lock(&self) -> Result<StateLock> {
        let path = self.state_dir.join(LOCK_FILE);
        let holder = self.state_dir.join(HOLDER_FILE);
        let Some(file) = acquire(&path, PATIENCE).await? else {
            let name = std::fs::read_to_string(&holder).unwrap_or_default();
            let name = name.trim();
            let message = match name.parse::<u32>() {
                Ok(pid) if pid == std::process::id() => "another operation of this IceBridge is at work".to_string(),
                Ok(pid) => format!("another IceBridge, process {pid}, is at work in this state folder"),
                Err(_) => "another IceBridge is at work in this state folder".to_string(),
            };
            return Err(Error::new(Code::StateLocked, message)
                .about(self.state_dir.display())
                .with_hint("Wait for it to finish, or give this one a state folder of its own.")
                .retryable());
        };
        // The holder's name is a courtesy: a folder that takes no more bytes must not stop a resume.
        if let Err(error) = std::fs::write(&holder, std::process::id().to_string()) {
            tracing::warn!(%error, "cannot note who holds the state lock");
        }
        Ok(StateLock { _file: file, holder })
    }

    /// Whether a process is at work. A run that is `running` while none is has been interrupted.
    pub async fn is_locked(&self) -> Result<bool> {
        let path = self.state_dir.join(LOCK_FILE);
        let file = open(&path)?;
        // Shared, so that two who look do not see each other.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(failed(&path, error)),
        }
    }
}

/// Serialises the opening of a state folder.
pub(crate) async fn for_opening(state_dir: &Path) -> Result<File> {
    acquire(&state_dir.join(OPENING_FILE), OPENING_PATIENCE).await?.ok_or_else(|| {
        Error::new(Code::StateLocked, "another IceBridge is opening this state folder and does not finish")
            .about(state_dir.display())
            .with_hint("Look for an IceBridge process that hangs, end it, and try again.")
            .retryable()
    })
}

async fn acquire(path: &Path, patience: Duration) -> Result<Option<File>> {
    let file = open(path)?;
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(failed(path, error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return Ok(None),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(|e| failed(path, e))
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::StorageFull,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
        _ => Code::StorageFailed,
    };
    Error::new(code, "the lock of the state folder cannot be taken")
        .about(path.display())
        .with_hint("Keep the state folder on a local disk that you may write to.")
        .with_cause(error)
}

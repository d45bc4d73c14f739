//! One process at a time: a lock on a file beside the state, one for each sign-in.

use super::store::GrantKey;
use icebridge_model::{Code, Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// A refresh is one request. Whoever holds the lock for longer is hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Given back when dropped, and by the system when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) async fn of(folder: &Path, key: &GrantKey) -> Result<Self> {
        Self::within(folder, key, PATIENCE).await
    }

    async fn within(folder: &Path, key: &GrantKey, patience: Duration) -> Result<Self> {
        let digest = hex::encode(Sha256::digest(key.as_str().as_bytes()));
        let path = folder.join(format!("sign-in-{}.lock", &digest[..16]));
        let failed = |e: std::io::Error| {
            Error::new(Code::StateBroken, "the lock file of the sign-in cannot be used")
                .about(path.display())
                .with_hint("Check the permissions and the free space of the folder.")
                .with_cause(e)
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let end = Instant::now() + patience;
        let mut pause = Duration::from_millis(5);
        // Asked again and again instead of blocking a thread, so that waiting can be given up.
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(e)) => return Err(failed(e)),
                Err(TryLockError::WouldBlock) if Instant::now() >= end => {
                    return Err(Error::new(
                        Code::StateLocked,
                        "another process holds the sign-in and does not give it back",
                    )
                    .about(path.display())
                    .with_hint("End the other IceBridge process, or wait for it.")
                    .retryable());
                }
                Err(TryLockError::WouldBlock) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(200));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;

    #[tokio::test]
    async fn the_second_waits_and_gives_up_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::parse("https://h.example").unwrap();
        let (one, other) = (GrantKey::of(&host, None, "c"), GrantKey::of(&host, Some("a"), "c"));
        let first = Lock::of(folder.path(), &one).await.unwrap();
        let short = Duration::from_millis(60);
        assert_eq!(Lock::within(folder.path(), &one, short).await.unwrap_err().code, Code::StateLocked);
        Lock::within(folder.path(), &other, short).await.unwrap();
        drop(first);
        Lock::within(folder.path(), &one, short).await.unwrap();
    }
}

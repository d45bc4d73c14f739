//! A copy of a SQLite database in the temporary folder, where SQLite may mend what a killed writer left in the log.

use std::path::{Path, PathBuf};

pub(super) async fn length(file: &Path) -> Option<u64> {
    tokio::fs::metadata(file).await.ok().map(|found| found.len())
}

/// SQLite's names for what lies beside a database.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Bytes 18 and 19 of the header say how the file is written to: 2 is a write-ahead log.
pub(super) async fn is_wal(file: &Path) -> bool {
    use tokio::io::AsyncReadExt;
    let mut header = [0; 20];
    match tokio::fs::File::open(file).await {
        Ok(mut open) => open.read_exact(&mut header).await.is_ok() && header[18] == 2,
        Err(_) => false,
    }
}

/// A private copy of a database and its log.
#[derive(Debug)]
pub(super) struct PrivateCopy {
    folder: PathBuf,
    file: PathBuf,
}

impl PrivateCopy {
    pub(super) async fn of(database: &Path, log: &str) -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("icebridge-{}", uuid::Uuid::new_v4().simple()));
        tokio::fs::create_dir(&folder).await?;
        let copy = Self { file: folder.join("catalog.db"), folder };
        tokio::fs::copy(database, &copy.file).await?;
        tokio::fs::copy(beside(database, log), beside(&copy.file, log)).await?;
        Ok(copy)
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.folder) {
            tracing::debug!(error = %e, "the copy of a catalog's database stays in the temporary folder");
        }
    }
}

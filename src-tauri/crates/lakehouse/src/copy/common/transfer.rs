//! Moving one file: a permit, a checkpoint, a checksum, and an error that names the file's role.

use super::checks::{cancelled, check_cancelled};
use super::contract::CopyTask;
use crate::catalog::Staged;
use crate::storage::OnBytes;
use icebridge_model::run::FileSum;
use icebridge_model::{Code, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::Arc;

pub struct Transfer<'a> {
    pub task: &'a CopyTask<'a>,
    pub staged: &'a Staged,
    each: OnBytes,
}

impl<'a> Transfer<'a> {
    pub fn new(task: &'a CopyTask<'a>, staged: &'a Staged) -> Self {
        let observer = task.observer.clone();
        Self { task, staged, each: Arc::new(move |bytes| observer.bytes(bytes)) }
    }

    pub fn target_path(&self, relative: &str) -> String {
        format!("{}/{relative}", self.staged.location)
    }

    /// Copies a file byte for byte, or finds that an earlier run did.
    pub async fn copy(&self, from: &str, relative: &str) -> Result<FileSum> {
        let unit = format!("clone:{relative}");
        let _permit = self.permit().await?;
        if let Some(done) = self.finished::<FileSum>(&unit).await?
            && self.is_there(&done.path, done.bytes).await?
        {
            self.task.observer.bytes(done.bytes);
            return Ok(done);
        }
        let to = self.target_path(relative);
        let copied =
            self.or_cancelled(self.staged.storage.copy_from(&self.task.source.storage, from, &to, &self.each)).await?;
        let done = FileSum { path: relative.to_string(), bytes: copied.bytes, sha256: copied.sha256 };
        self.finish(&unit, &done).await?;
        Ok(done)
    }

    pub async fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit> {
        let permit = self.or_cancelled(async {
            self.task
                .writers
                .clone()
                .acquire_owned()
                .await
                .map_err(|e| Error::internal("the writers' permits are gone").with_cause(e))
        });
        let permit = permit.await?;
        check_cancelled(self.task)?;
        Ok(permit)
    }

    /// The work, unless the run is cancelled first.
    pub async fn or_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.task.cancel.cancelled() => Err(cancelled()),
            done = work => done,
        }
    }

    /// What a finished unit recorded. A record this version cannot read counts as none: the unit is made again.
    pub async fn finished<T: DeserializeOwned>(&self, unit: &str) -> Result<Option<T>> {
        Ok(self.task.checkpoint.done(unit).await?.and_then(|value| serde_json::from_value(value).ok()))
    }

    pub async fn finish(&self, unit: &str, output: &impl Serialize) -> Result<()> {
        let output = serde_json::to_value(output).map_err(|e| Error::internal("a checkpoint to JSON").with_cause(e))?;
        self.task.checkpoint.record(unit, output).await
    }

    pub async fn is_there(&self, relative: &str, size: u64) -> Result<bool> {
        match self.staged.storage.size(&self.target_path(relative)).await {
            Ok(actual) => Ok(actual == size),
            Err(e) if e.code == Code::FileMissing => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// Names the file's role and snapshot, and says what can be done about a missing one. An error about another file, such as
/// the copy that a full disk had no room for, keeps its object.
pub fn of_snapshot(error: Error, role: &str, path: &str, snapshot: Option<i64>) -> Error {
    if error.object.as_deref().is_some_and(|object| object != path) {
        return error;
    }
    let snapshot = snapshot.map_or(String::new(), |id| format!(" of snapshot {id}"));
    let missing = error.code == Code::FileMissing;
    let mut error = error;
    error.object = Some(format!("{role} {path}{snapshot}"));
    if missing {
        error.hint =
            Some(format!("Restore the {role} at the source, or expire the snapshots that need it, and plan again."));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_about_another_file_keeps_its_object() {
        let missing = Error::new(Code::FileMissing, "gone").about("/lake/1.parquet");
        let named = of_snapshot(missing, "data file", "/lake/1.parquet", Some(7));
        assert_eq!(named.object.as_deref(), Some("data file /lake/1.parquet of snapshot 7"));
        assert!(named.hint.unwrap().contains("Restore the data file"));
        let full = Error::new(Code::StorageFull, "full").about("/managed/1.parquet").with_hint("Free space.");
        assert_eq!(of_snapshot(full.clone(), "data file", "/lake/1.parquet", Some(7)), full);
        let of_none = of_snapshot(Error::new(Code::FileBroken, "short"), "data file", "/lake/1.parquet", None);
        assert_eq!(of_none.object.as_deref(), Some("data file /lake/1.parquet"));
    }
}

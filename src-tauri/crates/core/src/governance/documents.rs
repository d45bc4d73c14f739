//! The Data Docs of a check, downloaded from the volume to this machine. They hold example values of failed expectations:
//! only this user may read the folder, as everything else of a table on this machine.

use crate::LocalState;
use futures::TryStreamExt;
use icebridge_databricks::Client;
use icebridge_databricks::files::DirectoryEntry;
use icebridge_model::{Code, Error, Result};
use std::future::Future;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

const INDEX: &str = "index.html";
/// Files and folders together. A table has two pages and an entry in the index.
const MAX_FILES: usize = 2_000;
const MAX_BYTES: u64 = 200 << 20;

/// Below the state folder.
const FOLDER: &str = "docs";

/// Where the documents of a folder on a volume lie here: its last parts are plan, step with attempt, and the task's folder.
fn place(state_dir: &Path, docs: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = docs.trim_end_matches('/').split('/').filter(|part| !part.is_empty()).collect();
    let [.., plan, step, task] = parts.as_slice() else { return None };
    let plain = |part: &&str| part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    [plan, step, task].iter().all(|part| plain(part)).then(|| state_dir.join(FOLDER).join(plan).join(step).join(task))
}

/// Held by the download at work.
#[derive(Default)]
struct DownloadTurn(Mutex<()>);

/// They are a convenience: the checks themselves are in the validation. What keeps them away is in the log.
pub(crate) async fn download(local: &LocalState, client: &Client, docs: &str, cancel: &CancellationToken) {
    let Some(into) = place(&local.state_dir, docs) else { return };
    // The tables of a task share them.
    let turn = local.extension::<DownloadTurn>();
    let _one_at_a_time = turn.0.lock().await;
    if into.join(INDEX).is_file() {
        return;
    }
    if let Err(error) = fetch(client, docs, &into, cancel).await {
        tracing::warn!(docs, %error, "the Data Docs of a validation could not be downloaded");
    }
}

/// The page to open, if it is here.
pub(crate) fn page(state_dir: &Path, docs: &str) -> Option<String> {
    let page = place(state_dir, docs)?.join(INDEX);
    page.is_file().then(|| page.display().to_string())
}

/// Downloads the folder `docs` of a volume as the local folder `into`, and returns the path of its index. A folder that is
/// there is whole, and is not fetched again: what is on the way lies beside it.
pub async fn fetch(client: &Client, docs: &str, into: &Path, cancel: &CancellationToken) -> Result<PathBuf> {
    let index = into.join(INDEX);
    if is_file(&index).await {
        return Ok(index);
    }
    let files = listed(client, docs.trim_end_matches('/'), cancel).await?;
    if !files.iter().any(|file| file.below == Path::new(INDEX)) {
        return Err(Error::new(Code::ObjectNotFound, "the folder of the documents has no index")
            .about(docs)
            .with_hint("A check that was ended before its end leaves none. Its answers are in the table's result."));
    }
    let above = into.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tokio::fs::create_dir_all(above).await.map_err(|e| unwritable(above, e))?;
    // Taken away again wherever this ends before the rename.
    let beside = tempfile::Builder::new().prefix(".docs-").tempdir_in(above).map_err(|e| unwritable(above, e))?;
    let mut left = MAX_BYTES;
    for file in &files {
        let max = usize::try_from(left).unwrap_or(usize::MAX);
        let content = unless(cancel, client.read_file(&file.remote, max)).await?.ok_or_else(|| {
            Error::new(Code::FileBroken, "the folder of the documents changed while it was read")
                .about(&file.remote)
                .with_hint("Read it again.")
        })?;
        left = left.saturating_sub(content.len() as u64);
        let path = beside.path().join(&file.below);
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(|e| unwritable(folder, e))?;
        }
        tokio::fs::write(&path, content).await.map_err(|e| unwritable(&path, e))?;
    }
    // An empty folder is in the way on some systems; one with something in it is not ours to remove.
    let _ = tokio::fs::remove_dir(into).await;
    match tokio::fs::rename(beside.path(), into).await {
        Ok(()) => Ok(index),
        // Another process was faster.
        Err(_) if is_file(&index).await => Ok(index),
        Err(e) => Err(unwritable(into, e)),
    }
}

struct Listed {
    remote: String,
    /// Below the folder.
    below: PathBuf,
}

/// All files below a folder. Before the first is read, it is known that they are not too many.
async fn listed(client: &Client, docs: &str, cancel: &CancellationToken) -> Result<Vec<Listed>> {
    let (mut files, mut seen, mut bytes) = (Vec::new(), 0_usize, 0_u64);
    let mut folders = vec![(docs.to_owned(), PathBuf::new())];
    while let Some((folder, below)) = folders.pop() {
        let mut entries = client.directory(&folder)?;
        while let Some(entry) = unless(cancel, entries.try_next()).await? {
            let name = name(&entry)?;
            let (remote, below) = (format!("{folder}/{name}"), below.join(name));
            seen += 1;
            bytes = bytes.saturating_add(entry.file_size.unwrap_or(0));
            if seen > MAX_FILES || bytes > MAX_BYTES {
                let message = format!("the documents are more than {MAX_FILES} files or {} MB", MAX_BYTES >> 20);
                return Err(Error::new(Code::Unsupported, message)
                    .about(docs)
                    .with_hint("Open them in the workspace, or copy the folder yourself."));
            }
            if entry.is_directory {
                folders.push((remote, below));
            } else {
                files.push(Listed { remote, below });
            }
        }
    }
    Ok(files)
}

/// One part of a path and nothing that leads elsewhere, whatever the workspace says.
fn name(entry: &DirectoryEntry) -> Result<&str> {
    let last = || entry.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = entry.name.as_deref().unwrap_or_else(last);
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(only)), None) if only == name);
    // A stream or a drive to Windows, and a folder there.
    let strange =
        name.contains(['/', '\0']) || (cfg!(windows) && name.contains(['\\', ':', '<', '>', '"', '|', '?', '*']));
    if plain && !strange {
        return Ok(name);
    }
    Err(Error::new(
        Code::FileBroken,
        "a name in the folder of the documents leads out of it, or cannot be written here",
    )
    .about(format!("{name:?}"))
    .with_hint("Open the documents in the workspace."))
}

async fn is_file(path: &Path) -> bool {
    tokio::fs::metadata(path).await.is_ok_and(|found| found.is_file())
}

async fn unless<T>(cancel: &CancellationToken, asked: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = asked => done,
        () = cancel.cancelled() => Err(Error::new(Code::Cancelled, "fetching the documents was cancelled")),
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::StorageFull,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::StorageDenied,
        _ => Code::StorageFailed,
    };
    Error::new(code, "the documents cannot be written").about(path.display()).with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let entry = |name: Option<&str>, path: &str| DirectoryEntry {
            path: path.into(),
            name: name.map(str::to_owned),
            is_directory: false,
            file_size: None,
            last_modified: None,
        };
        assert_eq!(name(&entry(Some("a b.html"), "/Volumes/x")).unwrap(), "a b.html");
        assert_eq!(name(&entry(None, "/Volumes/c/s/v/docs/expectations/")).unwrap(), "expectations");
        for bad in ["", ".", "..", "/", "/etc/passwd", "../x", "a/..", "a/b", "a/", "./a", "a\0b"] {
            assert!(name(&entry(Some(bad), "/Volumes/c/s/v/docs/fine")).is_err(), "{bad:?}");
        }
        for bad in ["", "/", "/Volumes/c/s/v/docs/.."] {
            assert!(name(&entry(None, bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_place_is_always_below_the_folder() {
        let at = |docs: &str| place(Path::new("/s"), docs);
        assert_eq!(at("/Volumes/a/b/c/0123/large-1/docs-1/"), Some(PathBuf::from("/s/docs/0123/large-1/docs-1")));
        assert_eq!(at("/Volumes/a/../../docs-1"), None);
        assert_eq!(at("docs"), None);
    }
}

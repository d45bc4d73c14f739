//! Local files. Blocking calls run on tokio's blocking threads.

use super::claim::Claim;
use super::common::errors::{NotRegular, from_io};
use super::common::types::{Child, Entry};
use super::pending_file::PendingFile;
use crate::limits::Limit;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use icebridge_model::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Runs a blocking piece of work and gives its failure the path it is about.
pub(super) async fn blocking<T: Send + 'static>(
    doing: &'static str,
    path: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|e| from_io(e, doing, path)),
        Err(e) => Err(Error::internal(format!("{doing} was cut short")).about(path).with_cause(e)),
    }
}

pub(super) async fn read(file: PathBuf, path: &str, limit: Limit) -> Result<Bytes> {
    let bytes = blocking("reading", path, move || {
        let (file, length) = open_regular(&file)?;
        if length > limit.get() {
            return Ok(None);
        }
        // It may grow while it is read.
        let mut bytes = Vec::with_capacity(length as usize);
        file.take(limit.get().saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= limit.get()))
    })
    .await?;
    bytes.map(Bytes::from).ok_or_else(|| limit.exceeded().about(path))
}

pub(super) async fn size(file: PathBuf, path: &str) -> Result<u64> {
    blocking("reading", path, move || regular(&file, &fs::metadata(&file)?)).await
}

/// The length of a regular file. A pipe would keep its reader waiting, a device has no end.
fn regular(file: &Path, found: &fs::Metadata) -> io::Result<u64> {
    if found.is_file() {
        Ok(found.len())
    } else if found.is_dir() {
        Err(io::Error::new(io::ErrorKind::NotFound, "it is a folder"))
    } else {
        Err(io::Error::other(NotRegular(file.to_path_buf())))
    }
}

/// Opens a file to read, if it is a regular one, and gives its length. Looks before it opens: opening a pipe waits for
/// whatever writes to it.
pub(super) fn open_regular(file: &Path) -> io::Result<(File, u64)> {
    regular(file, &fs::metadata(file)?)?;
    let open = File::open(file)?;
    let length = regular(file, &open.metadata()?)?;
    Ok((open, length))
}

pub(super) async fn read_ranges(file: PathBuf, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
    let ranges = ranges.to_vec();
    blocking("reading", path, move || read_all(&open_regular(&file)?.0, &ranges)).await
}

pub(super) fn read_all(file: &File, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
    ranges
        .iter()
        .map(|range| {
            let length = usize::try_from(range.end.saturating_sub(range.start))
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the range does not fit in memory"))?;
            // A broken manifest may ask for more than any file has: look before the memory is taken.
            if range.end > file.metadata()?.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut buffer = vec![0; length];
            read_exact_at(file, &mut buffer, range.start)?;
            Ok(Bytes::from(buffer))
        })
        .collect()
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Walks in a thread of its own; the channel's bound keeps a walk of millions of files from filling the memory.
pub(super) fn list(folder: PathBuf, prefix: String) -> BoxStream<'static, Result<Entry>> {
    let (send, receive) = tokio::sync::mpsc::channel(256);
    tokio::task::spawn_blocking(move || {
        let mut open = vec![(folder, prefix)];
        while let Some((folder, text)) = open.pop() {
            let failed = |e: io::Error| from_io(e, "listing", &text);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return drop(send.blocking_send(Err(failed(e)))),
            };
            for entry in entries {
                let found = entry.and_then(|e| Ok((e.file_type()?, e)));
                let (kind, entry) = match found {
                    Ok(found) => found,
                    Err(e) => return drop(send.blocking_send(Err(failed(e)))),
                };
                let path = format!("{text}/{}", entry.file_name().to_string_lossy());
                if kind.is_dir() {
                    open.push((entry.path(), path));
                    continue;
                }
                // A link counts as what it points to, unless that is a folder: links between folders can go in circles.
                match fs::metadata(entry.path()) {
                    Ok(found) if found.is_file() => {
                        if send.blocking_send(Ok(Entry { path, size: found.len() })).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    // Deleted between the listing and the look.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return drop(send.blocking_send(Err(failed(e)))),
                }
            }
        }
    });
    futures::stream::unfold(receive, |mut receive| async { receive.recv().await.map(|e| (e, receive)) }).boxed()
}

pub(super) async fn children(folder: PathBuf, path: &str) -> Result<Vec<Child>> {
    blocking("listing", path, move || {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(e) => return Err(e),
        };
        let mut children = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let (Ok(name), Ok(found)) = (entry.file_name().into_string(), fs::metadata(entry.path())) {
                children.push(Child { name, is_folder: found.is_dir() });
            }
        }
        Ok(children)
    })
    .await
}

pub(super) async fn delete(file: PathBuf, path: &str) -> Result<()> {
    blocking("deleting", path, move || gone_is_fine(fs::remove_file(file))).await
}

pub(super) async fn delete_folder(folder: PathBuf, path: &str) -> Result<()> {
    if folder.components().filter(|c| matches!(c, std::path::Component::Normal(_))).count() < 2
        || folder.components().any(|c| matches!(c, std::path::Component::ParentDir))
    {
        return Err(Error::internal("a folder this near to the root is never deleted").about(path));
    }
    blocking("deleting", path, move || gone_is_fine(fs::remove_dir_all(folder))).await
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

pub(super) async fn write(file: PathBuf, path: &str, bytes: Bytes) -> Result<()> {
    let claim = Claim::of(path);
    blocking("writing", path, move || {
        let (mut out, pending) = PendingFile::create(&file, claim)?;
        out.write_all(&bytes)?;
        pending.rename(out)
    })
    .await
}

pub(super) async fn write_new(file: PathBuf, path: &str, bytes: Bytes) -> Result<bool> {
    let claim = Claim::of(path);
    blocking("writing", path, move || {
        let (mut out, pending) = PendingFile::create(&file, claim)?;
        out.write_all(&bytes)?;
        out.sync_all()?;
        drop(out);
        let new = pending.link_new()?;
        file.parent().map_or(Ok(()), sync_folder)?;
        Ok(new)
    })
    .await
}

/// Makes the names of a folder's files survive a power failure, at any depth: their bytes are on disk already.
pub(super) async fn make_durable(folder: PathBuf, path: &str) -> Result<()> {
    blocking("writing", path, move || {
        let mut open = vec![folder.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    open.push(entry.path());
                }
            }
            sync_folder(&folder)?;
        }
        // Its own name, and those of the folders that were made for it. What lies further up may not be ours to open.
        for folder in folder.ancestors().skip(1).filter(|f| !f.as_os_str().is_empty()) {
            if sync_folder(folder).is_err() {
                break;
            }
        }
        Ok(())
    })
    .await
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems know no such thing as a folder on disk.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

/// NTFS keeps its folders in a journal, which cannot be waited for.
#[cfg(windows)]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Copies one local file. Reading, hashing and writing share one buffer that fits the processor's cache, so the bytes
/// pass through memory once.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    claim: Claim,
    mut each: impl FnMut(u64) -> bool,
) -> Result<(u64, [u8; 32]), CopyFailure> {
    let (mut source, _) = open_regular(from).map_err(CopyFailure::Read)?;
    let (mut out, pending) = PendingFile::create(to, claim).map_err(CopyFailure::Write)?;
    let mut buffer = vec![0; 256 << 10];
    let (mut sum, mut total, mut uncounted) = (Sha256::new(), 0, 0);
    loop {
        let length = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(CopyFailure::Read(e)),
        };
        sum.update(&buffer[..length]);
        out.write_all(&buffer[..length]).map_err(CopyFailure::Write)?;
        total += length as u64;
        uncounted += length as u64;
        if uncounted >= 4 << 20 && !each(std::mem::take(&mut uncounted)) {
            return Err(CopyFailure::Stopped);
        }
    }
    if uncounted > 0 {
        each(uncounted);
    }
    pending.rename(out).map_err(CopyFailure::Write)?;
    Ok((total, sum.finalize().into()))
}

pub(super) enum CopyFailure {
    Read(io::Error),
    Write(io::Error),
    Stopped,
}

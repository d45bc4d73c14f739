//! The whole table, byte for byte: every snapshot's files are copied and every path relocated, so that the copy stands on
//! its own and each of its snapshots reads as before.
//!
//! Memory stays flat: manifests are read one after the other and shared by snapshots, and of each data file only a hash
//! of its path is kept.

mod known;

use crate::catalog::{Publication, Staged};
use crate::copy::common::checks::{check_cancelled, check_pin, check_register};
use crate::copy::common::marks;
use crate::copy::common::round::write_metadata;
use crate::copy::common::transfer::{Transfer, of_snapshot};
use crate::copy::common::{identity, place};
use crate::copy::relocate::manifests::{self, Entry};
use crate::copy::relocate::{self, PathMap, Relocated, document};
use crate::copy::{Copier, CopyTask, Discarded, Onto, Prepared};
use crate::limits::Limit;
use crate::location::{canonical, is_below};
use crate::manifest::FileContent;
use crate::metadata::{STATISTICS, statistics_path};
use crate::sync::{into_inner, lock};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_model::run::{CopyOutcome, FileSum};
use icebridge_model::{Code, Error, Result};
use known::Known;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;

/// Metadata files in flight: small, and on object stores mostly waiting.
const METADATA_AT_ONCE: usize = 16;
const MANIFESTS_AT_ONCE: usize = 4;

pub struct Clone;

#[async_trait]
impl Copier for Clone {
    #[tracing::instrument(name = "copy", skip_all, fields(mode = "clone"))]
    async fn copy(&self, task: &CopyTask<'_>) -> Result<Prepared> {
        prepare(task).await.map_err(|e| e.about(&task.source.ident))
    }

    async fn discard(&self, task: &CopyTask<'_>) -> Result<Discarded> {
        place::discard(task).await
    }

    #[tracing::instrument(name = "advance", skip_all, fields(mode = "clone", round = onto.round))]
    async fn advance(&self, task: &CopyTask<'_>, onto: &Onto<'_>) -> Result<Prepared> {
        let advance = async {
            document::refuse_encryption(&task.source.metadata)?;
            let staged = Staged::of(onto.target);
            let known = Known::of(onto.target, task.source).await?;
            copy(Run::new(task, &staged, known), Some(onto)).await
        };
        advance.await.map_err(|e| e.about(&task.source.ident))
    }
}

async fn prepare(task: &CopyTask<'_>) -> Result<Prepared> {
    check_pin(task)?;
    check_register(task)?;
    document::refuse_encryption(&task.source.metadata)?;
    let staged = place::stage(task, None).await?;
    copy(Run::new(task, &staged, Known::default()), None).await
}

async fn copy(run: Run<'_>, onto: Option<&Onto<'_>>) -> Result<Prepared> {
    let lists = run.manifest_lists();
    let mut found = run.manifests(&lists).await?;
    let known = |path: &str| run.known.manifest(path, &run.map).map(|length| (canonical(path), length));
    let there: Vec<_> = found.iter().filter_map(|(path, _)| known(path)).collect();
    found.retain(|(path, _)| known(path).is_none());
    let mut lengths = run.copy_manifests(found).await?;
    lengths.extend(there);
    run.copy_lists(lists, &lengths).await?;
    run.copy_statistics().await?;
    let metadata_location = run.write_metadata(onto).await?;
    Ok(run.prepared(metadata_location))
}

/// A manifest's or manifest list's path with a snapshot that needs it.
type Needed = (String, i64);

struct Run<'a> {
    transfer: Transfer<'a>,
    task: &'a CopyTask<'a>,
    staged: &'a Staged,
    map: PathMap,
    /// Hashes of the canonical paths of files that are copied already.
    claimed: Mutex<HashSet<u128>>,
    delete_files: Mutex<HashMap<u128, Arc<OnceCell<Option<Arc<Relocated>>>>>>,
    tally: Mutex<Tally>,
    known: Known,
}

#[derive(Default)]
struct Tally {
    files: u64,
    bytes: u64,
    stale_sizes: u64,
    sums: Vec<FileSum>,
}

/// The checkpoint of a delete file that was written anew.
#[derive(Serialize, Deserialize)]
struct RelocatedFile {
    /// None if its bytes could stay.
    relocated: Option<Relocated>,
    source_bytes: u64,
    #[serde(default)]
    sum: Option<FileSum>,
}

impl<'a> Run<'a> {
    fn new(task: &'a CopyTask<'a>, staged: &'a Staged, known: Known) -> Self {
        Self {
            transfer: Transfer::new(task, staged),
            task,
            staged,
            map: PathMap::new(known.source_location(task.source), &staged.location),
            claimed: Mutex::default(),
            delete_files: Mutex::default(),
            tally: Mutex::default(),
            known,
        }
    }

    /// Those that are to be copied.
    fn manifest_lists(&self) -> Vec<Needed> {
        let mut lists = BTreeMap::new();
        for snapshot in &self.task.source.metadata.snapshots {
            if let Some(list) = snapshot.manifest_list.as_ref().filter(|list| !self.known.has_list(list, &self.map)) {
                lists.entry(canonical(list)).or_insert((list.clone(), snapshot.snapshot_id));
            }
        }
        lists.into_values().collect()
    }

    /// Every manifest that the lists name, once.
    async fn manifests(&self, lists: &[Needed]) -> Result<Vec<Needed>> {
        let mut found: BTreeMap<String, Needed> = BTreeMap::new();
        for snapshot in &self.task.source.metadata.snapshots {
            for path in &snapshot.manifests {
                found.entry(canonical(path)).or_insert((path.clone(), snapshot.snapshot_id));
            }
        }
        let mut listed = stream::iter(lists.to_vec())
            .map(|(list, snapshot)| async move {
                let bytes = self.read(&list, "manifest list", Limit::ManifestList, snapshot).await?;
                Ok::<_, Error>((manifests::listed(bytes, &list)?, snapshot))
            })
            .buffer_unordered(METADATA_AT_ONCE);
        while let Some((paths, snapshot)) = listed.try_next().await? {
            for path in paths {
                found.entry(canonical(&path)).or_insert((path, snapshot));
            }
        }
        Ok(found.into_values().collect())
    }

    /// Copies the manifests with all they name; gives their new lengths by canonical path.
    async fn copy_manifests(&self, found: Vec<Needed>) -> Result<HashMap<String, u64>> {
        stream::iter(found)
            .map(|(path, snapshot)| async move {
                let length = self.copy_manifest(&path, snapshot).await?;
                Ok((canonical(&path), length))
            })
            .buffer_unordered(MANIFESTS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn copy_manifest(&self, path: &str, snapshot: i64) -> Result<u64> {
        let bytes = self.read(path, "manifest", Limit::Manifest, snapshot).await?;
        let entries = manifests::live_files(bytes.clone(), path)?;
        let relocated: Vec<_> = stream::iter(entries)
            .map(|entry| async move {
                let done = self.copy_file(&entry).await;
                let done =
                    done.map_err(|e| of_snapshot(e, role(&entry), &entry.path, entry.snapshot_id.or(Some(snapshot))))?;
                Ok::<_, Error>(done.map(|relocated| (canonical(&entry.path), relocated)))
            })
            .buffer_unordered(self.task.settings.max_parallel_writers.max(1))
            .try_filter_map(|done| async move { Ok(done) })
            .try_collect()
            .await?;
        let relocated: HashMap<_, _> = relocated.into_iter().collect();
        let moved = manifests::relocate_manifest(bytes, path, &self.map, &relocated)?;
        let length = moved.len() as u64;
        self.write(path, moved).await?;
        Ok(length)
    }

    /// Copies a file unless it was copied for another manifest. What it gives must go into the manifest.
    async fn copy_file(&self, entry: &Entry) -> Result<Option<Arc<Relocated>>> {
        let hash = known::path_hash(&entry.path);
        if entry.kind != FileContent::PositionDeletes {
            if lock(&self.claimed).insert(hash) {
                let relative = self.map.relative(&entry.path);
                if self.known.has_file(self.staged, &self.map.absolute(&entry.path), entry.snapshot_id).await? {
                    return Ok(None);
                }
                self.check_outside(&entry.path).await?;
                if let Some(sum) = self.bring(&entry.path, &relative).await? {
                    self.count(sum.bytes, Some(entry.size), Some(sum));
                }
            }
            return Ok(None);
        }
        let cell = lock(&self.delete_files).entry(hash).or_default().clone();
        cell.get_or_try_init(|| self.relocate_delete_file(entry)).await.cloned()
    }

    /// Copies a file byte for byte, unless the target has it: from an attempt of this round, or from a round before whose
    /// snapshots are gone. What the target shows is never written over.
    async fn bring(&self, from: &str, relative: &str) -> Result<Option<FileSum>> {
        let to = self.transfer.target_path(relative);
        if !self.known.is_later_round() || !self.staged.storage.exists(&to).await? {
            return self.transfer.copy(from, relative).await.map(Some);
        }
        let _permit = self.transfer.permit().await?;
        let same = known::is_same(&self.task.source.storage, from, &self.staged.storage, &to);
        if self.transfer.or_cancelled(same).await? { Ok(None) } else { Err(known::name_used_again(from)) }
    }

    /// Writes a file that was made anew; false if the target has it already, byte for byte.
    async fn place(&self, to: &str, bytes: Bytes) -> Result<bool> {
        let storage = &self.staged.storage;
        if self.known.is_later_round() && storage.exists(to).await? {
            let length = bytes.len() as u64;
            if storage.size(to).await? == length && storage.read_range(to, 0..length).await? == bytes {
                return Ok(false);
            }
            return Err(known::name_used_again(to));
        }
        storage.write(to, bytes).await.map(|()| true)
    }

    /// A manifest may name any file that this process can read. What lies outside the table is copied only if it begins as a
    /// file of data does.
    async fn check_outside(&self, path: &str) -> Result<()> {
        const BEGINNINGS: [&[u8]; 4] = [b"PAR1", b"PARE", b"ORC", b"Obj\x01"];
        if is_below(path, &self.task.source.metadata.location) {
            return Ok(());
        }
        let begins = self.task.source.storage.read_range(path, 0..4).await?;
        if BEGINNINGS.iter().any(|magic| begins.starts_with(magic)) {
            return Ok(());
        }
        Err(Error::new(
            Code::FileBroken,
            "this is no Parquet, ORC or Avro file, and it lies outside the table's location",
        )
        .about(path)
        .with_hint("Check at the source why the table's manifests name it. It was not copied."))
    }

    async fn relocate_delete_file(&self, entry: &Entry) -> Result<Option<Arc<Relocated>>> {
        let relative = self.map.relative(&entry.path);
        let unit = format!("clone:{relative}");
        let permit = self.transfer.permit().await?;
        if let Some(done) = self.transfer.finished::<RelocatedFile>(&unit).await? {
            let size = done.relocated.as_ref().map_or(done.source_bytes, |r| r.size);
            if self.transfer.is_there(&relative, size).await? {
                self.task.observer.bytes(done.source_bytes);
                self.count_delete_file(&done, entry.size);
                return Ok(done.relocated.map(Arc::new));
            }
        }
        let bytes = self.transfer.or_cancelled(self.task.source.storage.read(&entry.path, Limit::DeleteFile)).await?;
        let source_bytes = bytes.len() as u64;
        let (map, moved) = (self.map.clone(), entry.clone());
        let work = move || relocate::delete_file(&moved, &bytes, &map).map(|done| (done, bytes));
        let (done, bytes) = tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| Error::internal("relocating a delete file was cut short").with_cause(e))??;
        let to = self.transfer.target_path(&relative);
        let (is_new, relocated, sum) = match done {
            Some((moved, relocated)) => (self.place(&to, Bytes::from(moved)).await?, Some(relocated), None),
            None => {
                let sha256 = hex::encode(Sha256::digest(&bytes));
                let is_new = self.place(&to, bytes).await?;
                (is_new, None, Some(FileSum { path: relative, bytes: source_bytes, sha256 }))
            }
        };
        drop(permit);
        let file = RelocatedFile { relocated, source_bytes, sum };
        if is_new {
            self.transfer.finish(&unit, &file).await?;
            self.task.observer.bytes(source_bytes);
            self.count_delete_file(&file, entry.size);
        }
        Ok(file.relocated.map(Arc::new))
    }

    async fn copy_lists(&self, lists: Vec<Needed>, lengths: &HashMap<String, u64>) -> Result<()> {
        stream::iter(lists)
            .map(|(list, snapshot)| async move {
                check_cancelled(self.task)?;
                let bytes = self.read(&list, "manifest list", Limit::ManifestList, snapshot).await?;
                let length = |path: &str| lengths.get(&canonical(path)).copied();
                let moved = manifests::relocate_list(bytes, &list, &self.map, length)?;
                self.write(&list, moved).await
            })
            .buffer_unordered(METADATA_AT_ONCE)
            .try_collect()
            .await
    }

    /// Statistics hold no paths: their bytes stay.
    async fn copy_statistics(&self) -> Result<()> {
        let mut done = HashSet::new();
        let metadata = &self.task.source.metadata;
        for (key, role) in STATISTICS.iter().zip(["statistics file", "partition statistics file"]) {
            let files = metadata.raw.get(*key).and_then(Value::as_array);
            for file in files.into_iter().flatten() {
                let path = statistics_path(file).filter(|path| is_below(path, &metadata.location));
                let Some(path) = path.filter(|path| done.insert(canonical(path))) else { continue };
                let snapshot = file.get("snapshot-id").and_then(Value::as_i64);
                let named = |e| of_snapshot(e, role, path, snapshot);
                let said = file.get("file-size-in-bytes").and_then(Value::as_u64);
                if snapshot.is_some_and(|id| self.known.has_statistics(&self.map.absolute(path), id)) {
                    continue;
                }
                let relative = self.map.relative(path);
                if let Some(sum) = self.bring(path, &relative).await.map_err(named)? {
                    self.count(sum.bytes, said, Some(sum));
                }
            }
        }
        Ok(())
    }

    async fn write_metadata(&self, onto: Option<&Onto<'_>>) -> Result<String> {
        check_cancelled(self.task)?;
        let mut metadata = document::relocate(&self.task.source.metadata, &self.map)?;
        let uuid = identity::uuid(self.task.plan_hash, self.task.target_ident, "table");
        document::set_uuid(&mut metadata, &uuid.to_string())?;
        marks::set(&mut metadata, self.task)?;
        document::raise_version(&mut metadata, self.task.conversions)?;
        if let Some(onto) = onto {
            onto.check_uuid(self.task)?;
            onto.mark(&mut metadata, self.task)?;
        }
        let first = || place::metadata_location(self.staged, self.task);
        let location = onto.map_or_else(first, |onto| onto.metadata_location(self.task));
        write_metadata(self.staged, &location, &metadata).await?;
        Ok(location)
    }

    async fn read(&self, path: &str, role: &str, limit: Limit, snapshot: i64) -> Result<Bytes> {
        let bytes = self.transfer.or_cancelled(self.task.source.storage.read(path, limit)).await;
        bytes.map_err(|e| if e.code == Code::Cancelled { e } else { of_snapshot(e, role, path, Some(snapshot)) })
    }

    async fn write(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.place(&self.map.absolute(path), Bytes::from(bytes)).await.map(drop)
    }

    /// `said` is the size in the source's metadata.
    fn count(&self, bytes: u64, said: Option<u64>, sum: Option<FileSum>) {
        let mut tally = lock(&self.tally);
        tally.files += 1;
        tally.bytes += bytes;
        tally.stale_sizes += u64::from(said.is_some_and(|said| said != bytes));
        tally.sums.extend(sum);
    }

    fn count_delete_file(&self, file: &RelocatedFile, said: u64) {
        match &file.relocated {
            Some(relocated) => self.count(relocated.size, None, None),
            None => self.count(file.source_bytes, Some(said), file.sum.clone()),
        }
    }

    fn prepared(self, metadata_location: String) -> Prepared {
        let mut tally = into_inner(self.tally);
        tally.sums.sort_by(|a, b| a.path.cmp(&b.path));
        Prepared {
            outcome: CopyOutcome {
                target_metadata_location: metadata_location.clone(),
                target_location: self.staged.location.clone(),
                files_copied: tally.files,
                bytes_written: tally.bytes,
                stale_sizes: tally.stale_sizes,
                checksums: tally.sums,
                ..CopyOutcome::default()
            },
            publication: Publication::Register { metadata_location },
        }
    }
}

fn role(entry: &Entry) -> &'static str {
    match entry.kind {
        FileContent::Data => "data file",
        FileContent::PositionDeletes | FileContent::EqualityDeletes => "delete file",
    }
}

//! What earlier rounds brought into the target: it is not copied again, and not written over. A first copy knows nothing.

use crate::catalog::Staged;
use crate::copy::common::round::source_location;
use crate::copy::relocate::PathMap;
use crate::copy::relocate::manifests::{self, Line};
use crate::limits::Limit;
use crate::location::canonical;
use crate::metadata::{Snapshot, TableMetadata, statistics_path};
use crate::storage::Storage;
use crate::table::Table;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_model::{Code, Error, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Manifests, or pieces of a file, that are read at the same time.
const AT_ONCE: usize = 4;
const PIECE: u64 = 8 << 20;

#[derive(Default)]
pub struct Known {
    /// None: a first copy.
    target: Option<Arc<TableMetadata>>,
    /// Canonical paths of manifest lists in the target.
    lists: HashSet<String>,
    /// By their canonical paths in the target.
    manifests: HashMap<String, Line>,
    /// The live files of those manifests, each with the snapshot that added it; read when they are asked for first.
    files: OnceCell<HashSet<(u128, i64)>>,
}

impl Known {
    /// `source` is the table whose new snapshots are about to be copied: they share manifests with their parents.
    pub async fn of(target: &Table, source: &Table) -> Result<Self> {
        let lists = target.metadata.snapshots.iter().filter_map(|snapshot| snapshot.manifest_list.as_deref());
        let mut known = Self {
            lists: lists.map(canonical).collect(),
            target: Some(Arc::clone(&target.metadata)),
            ..Self::default()
        };
        let parents: HashSet<i64> = source
            .metadata
            .snapshots
            .iter()
            .filter(|snapshot| target.metadata.snapshot(snapshot.snapshot_id).is_none())
            .filter_map(|snapshot| snapshot.parent_snapshot_id)
            .chain(target.metadata.current_snapshot_id)
            .collect();
        for list in parents.iter().filter_map(|id| list_of(target.metadata.snapshot(*id)?)) {
            let bytes = target.storage.read(list, Limit::ManifestList).await?;
            known
                .manifests
                .extend(manifests::lines(bytes, list)?.into_iter().map(|line| (canonical(&line.path), line)));
        }
        Ok(known)
    }

    pub fn is_later_round(&self) -> bool {
        self.target.is_some()
    }

    /// The source's folder that files' places follow from.
    pub fn source_location<'a>(&'a self, source: &'a Table) -> &'a str {
        self.target.as_ref().map_or(&source.metadata.location, |target| source_location(target, &source.metadata))
    }

    pub fn has_list(&self, path: &str, map: &PathMap) -> bool {
        self.lists.contains(&canonical(&map.absolute(path)))
    }

    /// The length of the manifest in the target, if it is there.
    pub fn manifest(&self, path: &str, map: &PathMap) -> Option<u64> {
        self.manifests.get(&canonical(&map.absolute(path))).map(|line| line.length)
    }

    /// Whether the target names these statistics of a snapshot.
    pub fn has_statistics(&self, path: &str, snapshot_id: i64) -> bool {
        let path = canonical(path);
        self.target.iter().flat_map(|target| target.statistics()).any(|file| {
            file.get("snapshot-id").and_then(Value::as_i64) == Some(snapshot_id)
                && statistics_path(file).is_some_and(|known| canonical(known) == path)
        })
    }

    /// Whether the target shows this very file: by its name and the snapshot that added it. A name alone may have been given
    /// to another file since.
    pub async fn has_file(&self, staged: &Staged, path: &str, added_by: Option<i64>) -> Result<bool> {
        let Some(added_by) = added_by.filter(|_| self.is_later_round()) else { return Ok(false) };
        let files = self.files.get_or_try_init(|| self.read_files(&staged.storage)).await?;
        Ok(files.contains(&(path_hash(path), added_by)))
    }

    async fn read_files(&self, storage: &Storage) -> Result<HashSet<(u128, i64)>> {
        let reading: Vec<_> = self.manifests.values().map(|line| read_manifest(storage, line)).collect();
        let mut read = stream::iter(reading).buffer_unordered(AT_ONCE);
        let mut files = HashSet::new();
        while let Some(some) = read.try_next().await? {
            files.extend(some);
        }
        Ok(files)
    }
}

async fn read_manifest(storage: &Storage, line: &Line) -> Result<Vec<(u128, i64)>> {
    let bytes = storage.read(&line.path, Limit::Manifest).await?;
    let entries = manifests::live_files(bytes, &line.path)?;
    let one = |entry: manifests::Entry| Some((path_hash(&entry.path), entry.snapshot_id.or(line.added_snapshot_id)?));
    Ok(entries.into_iter().filter_map(one).collect())
}

fn list_of(snapshot: &Snapshot) -> Option<&str> {
    snapshot.manifest_list.as_deref()
}

/// So that of each file only this is kept.
pub fn path_hash(path: &str) -> u128 {
    let digest = Sha256::digest(canonical(path));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(bytes)
}

/// Whether two files have the same bytes.
pub async fn is_same(source: &Storage, from: &str, target: &Storage, to: &str) -> Result<bool> {
    let size = source.size(from).await?;
    if target.size(to).await? != size {
        return Ok(false);
    }
    let pieces = (0..size.div_ceil(PIECE)).map(|at| {
        let range = at * PIECE..((at + 1) * PIECE).min(size);
        async move {
            let (one, other) =
                futures::try_join!(source.read_range(from, range.clone()), target.read_range(to, range))?;
            Ok::<_, Error>(one == other)
        }
    });
    let mut pieces = stream::iter(pieces).buffered(AT_ONCE);
    while let Some(same) = pieces.try_next().await? {
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

pub fn name_used_again(path: &str) -> Error {
    Error::new(Code::Unsupported, "the source has another file under a name that an earlier file of the table had")
        .about(path)
        .with_hint(
            "What the target has is left as it is. Writers of Iceberg give each file a name of its own; this one was replaced. \
             Drop the table in the target, and copy it anew by a new plan.",
        )
}

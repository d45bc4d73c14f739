//! Whether the data file that a dangling delete names was ever one of the table's.
//!
//! Compaction and overwrites leave deletes behind that no longer delete anything; the snapshots that are kept show the file
//! that they were of. A path that none of them has had is another matter: the file may have been moved, and its rows be alive.
//! So is one whose name a live data file has in another place.

use super::named::{Orphans, file_name};
use crate::location::canonical;
use crate::manifest::{self, EntryStatus, FileContent, Manifest};
use crate::metadata::Snapshot;
use crate::table::Table;
use std::collections::HashSet;

/// Manifests that are looked through, the newest first. A table with a longer history may keep a path unexplained.
const MOST_MANIFESTS: usize = 5_000;

/// Takes out of `orphans` what the table's history explains. A snapshot that cannot be read any more explains nothing.
pub(super) async fn find(table: &Table, current: &Snapshot, orphans: &mut Orphans) {
    let names: HashSet<String> = orphans.paths.keys().map(|path| file_name(path).to_string()).collect();
    let mut read = HashSet::new();
    let mut explained = HashSet::new();
    let earlier = table.metadata.snapshots.iter().rev().filter(|other| other.snapshot_id != current.snapshot_id);
    'history: for snapshot in std::iter::once(current).chain(earlier) {
        let is_current = snapshot.snapshot_id == current.snapshot_id;
        let Ok(lines) = manifest::manifests(&table.storage, snapshot).await else { continue };
        for line in lines {
            if !is_current && (explained.len() == orphans.paths.len() || read.len() >= MOST_MANIFESTS) {
                break 'history;
            }
            if !read.insert(line.path.clone()) {
                continue;
            }
            let Ok(manifest) = Manifest::read(&table.storage, &table.metadata, &line).await else { continue };
            for entry in manifest.entries().filter_map(Result::ok).filter(|e| e.file.content == FileContent::Data) {
                let path = canonical(&entry.file.path);
                if is_current && entry.status != EntryStatus::Deleted && names.contains(file_name(&path)) {
                    orphans.same_name.insert(file_name(&path).to_string(), entry.file.path);
                }
                if orphans.paths.contains_key(&path) {
                    explained.insert(path);
                }
            }
        }
    }
    let Orphans { paths, same_name } = orphans;
    paths.retain(|path, _| !explained.contains(path) || same_name.contains_key(file_name(path)));
}

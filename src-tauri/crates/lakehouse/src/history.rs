//! Whether the files of earlier snapshots are still there, and the statistics files. Lifecycle rules of a bucket remove them,
//! and a clone needs all of them.

use crate::limits::Limit;
use crate::manifest::{self, EntryStatus, Manifest};
use crate::metadata::statistics_path;
use crate::table::Table;
use futures::{StreamExt, stream};
use icebridge_model::facts::HistoryFiles;
use icebridge_model::{Code, Result};
use serde_json::Value;
use std::collections::BTreeSet;

/// How much is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Some files of each kind, spread over the snapshots from the oldest on: a few requests a table.
    Sample,
    /// All of them: as many requests as the history has files.
    Whole,
}

const AT_ONCE: usize = 8;

impl Depth {
    fn most(self) -> usize {
        match self {
            Self::Sample => 16,
            Self::Whole => usize::MAX,
        }
    }
}

/// A file with what it is, for people.
type Needed = (&'static str, String, Option<i64>);

#[derive(Default)]
struct Found {
    files: HistoryFiles,
}

impl Found {
    fn note(&mut self, (role, path, snapshot): &Needed, is_missing: bool) {
        self.files.checked += 1;
        if is_missing {
            self.files.missing += 1;
            let of = snapshot.map_or(String::new(), |id| format!(" of snapshot {id}"));
            self.files.first_missing.get_or_insert_with(|| format!("{role} {path}{of}"));
        }
    }
}

/// Looks for files of earlier snapshots that are gone. What cannot be read for another reason is the copy's to report.
pub(crate) async fn check(table: &Table, depth: Depth) -> Result<HistoryFiles> {
    let metadata = &table.metadata;
    let mut found = Found::default();
    let statistics = metadata.statistics().filter_map(|file| {
        let snapshot = file.get("snapshot-id").and_then(Value::as_i64);
        Some(("statistics file", statistics_path(file)?.to_string(), snapshot))
    });
    look_for(table, &mut found, spread(statistics.collect(), depth.most())).await?;

    let current = metadata.current_snapshot_id.and_then(|id| metadata.snapshot(id));
    let mut known = BTreeSet::new();
    if let Some(current) = current {
        known.extend(manifest::manifests(&table.storage, current).await?.into_iter().map(|line| line.path));
    }
    let earlier =
        metadata.snapshots.iter().filter(|snapshot| Some(snapshot.snapshot_id) != metadata.current_snapshot_id);
    let mut lines = Vec::new();
    for snapshot in spread(earlier.collect(), depth.most()) {
        let list = snapshot.manifest_list.clone().unwrap_or_default();
        let needed = ("manifest list", list, Some(snapshot.snapshot_id));
        match manifest::manifests(&table.storage, snapshot).await {
            Ok(listed) => {
                found.note(&needed, false);
                let new = listed.into_iter().filter(|line| known.insert(line.path.clone()));
                lines.extend(new.map(|line| (line, snapshot.snapshot_id)));
            }
            Err(e) if e.code == Code::FileMissing => found.note(&needed, true),
            Err(_) => {}
        }
    }
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for (line, snapshot) in spread(lines, depth.most()) {
        let needed = ("manifest", line.path.clone(), Some(snapshot));
        match Manifest::read(&table.storage, metadata, &line).await {
            Ok(manifest) => {
                found.note(&needed, false);
                let live = manifest.entries().filter_map(Result::ok).filter(|e| e.status != EntryStatus::Deleted);
                let new = live.filter(|entry| seen.insert(entry.file.path.clone()));
                files.extend(new.map(|entry| ("data or delete file", entry.file.path, Some(snapshot))));
            }
            Err(e) if e.code == Code::FileMissing => found.note(&needed, true),
            Err(_) => {}
        }
        Limit::ManifestEntries.check(files.len() as u64)?;
    }
    look_for(table, &mut found, spread(files, depth.most())).await?;
    Ok(found.files)
}

async fn look_for(table: &Table, found: &mut Found, files: Vec<Needed>) -> Result<()> {
    let looking: Vec<_> = files.into_iter().map(|needed| size_of(table, needed)).collect();
    let mut looked = stream::iter(looking).buffered(AT_ONCE);
    while let Some((needed, size)) = looked.next().await {
        match size {
            Ok(_) => found.note(&needed, false),
            Err(e) if e.code == Code::FileMissing => found.note(&needed, true),
            Err(_) => {}
        }
    }
    Ok(())
}

async fn size_of(table: &Table, needed: Needed) -> (Needed, Result<u64>) {
    let size = table.storage.size(&needed.1).await;
    (needed, size)
}

/// At most so many, evenly, with the first and the last.
fn spread<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let count = all.len();
    if count <= most {
        return all;
    }
    let picked: BTreeSet<usize> = (0..most).map(|at| at * (count - 1) / (most - 1).max(1)).collect();
    all.into_iter().enumerate().filter(|(at, _)| picked.contains(at)).map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Lake, decimal};
    use serde_json::json;
    use std::fs;
    use std::sync::Arc;

    #[test]
    fn a_sample_is_spread_over_all() {
        assert_eq!(spread((0..3).collect(), 16), [0, 1, 2]);
        let picked = spread((0..1000).collect(), 16);
        assert_eq!((picked.len(), picked[0], picked[15]), (16, 0, 999));
    }

    /// The current snapshot has a file of its own, the earlier one another.
    fn table(lake: &mut Lake) -> Table {
        lake.data("old.parquet", &[1], decimal(4, 5));
        let old = lake.table("decimal(9, 2)");
        for name in ["list.avro", "m0.avro"] {
            fs::rename(lake.path(name), lake.path(&format!("old-{name}"))).unwrap();
        }
        lake.entries.clear();
        lake.data("new.parquet", &[1], decimal(4, 5));
        let mut raw = old.metadata.raw.clone();
        raw["snapshots"][0]["snapshot-id"] = json!(7);
        raw["snapshots"][0]["manifest-list"] = json!(lake.path("old-list.avro"));
        let new = lake.table("decimal(9, 2)");
        let mut metadata = new.metadata.raw.clone();
        metadata["snapshots"] = json!([raw["snapshots"][0], metadata["snapshots"][0]]);
        metadata["statistics"] = json!([{"snapshot-id": 7, "statistics-path": lake.path("s.puffin")}]);
        fs::write(lake.path("s.puffin"), "PFA1").unwrap();
        Table { metadata: Arc::new(crate::TableMetadata::from_value(metadata, "x").unwrap()), ..new }
    }

    #[tokio::test]
    async fn each_kind_of_file_that_is_gone_is_named() {
        for (gone, role, missing) in [
            ("", None, 0),
            ("s.puffin", Some("statistics file"), 1),
            ("old-list.avro", Some("manifest list"), 1),
            ("new.parquet", None, 0),
        ] {
            let mut lake = Lake::new();
            let table = table(&mut lake);
            if !gone.is_empty() {
                fs::remove_file(lake.path(gone)).unwrap();
            }
            for depth in [Depth::Sample, Depth::Whole] {
                let found = check(&table, depth).await.unwrap();
                assert_eq!(found.missing, missing, "{gone}");
                assert!(found.checked > 0);
                let first = found.first_missing.unwrap_or_default();
                assert!(
                    first.starts_with(role.unwrap_or(""))
                        && first.ends_with(if missing > 0 { "snapshot 7" } else { "" })
                );
            }
        }
    }
}

//! What the inventory needs to know of a table, from its metadata, its manifests and its delete files.

use crate::footers;
use crate::history::{self, Depth};
use crate::location;
use crate::manifest::{self, DataFile, EntryStatus, FileContent, Manifest};
use crate::metadata::statistics_path;
use crate::records::{self, Counted};
use crate::table::Table;
use icebridge_model::facts::{FileTotals, FooterFacts, SnapshotRef, TableFacts};
use icebridge_model::secret::shown;
use icebridge_model::{Code, Error, Result};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

pub async fn facts(table: &Table, depth: Depth) -> Result<TableFacts> {
    let metadata = &table.metadata;
    let mut walk = Walk::default();
    if let Some(snapshot) = metadata.current_snapshot_id.and_then(|id| metadata.snapshot(id)) {
        for manifest in manifest::manifests(&table.storage, snapshot).await.map_err(|e| e.about(&table.ident))? {
            walk.encrypted |= manifest.has_key_metadata;
            walk.outside += u64::from(!location::is_below(&manifest.path, &metadata.location));
            let manifest =
                Manifest::read(&table.storage, metadata, &manifest).await.map_err(|e| e.about(&table.ident))?;
            walk.totals.manifests += 1;
            walk.totals.manifests_without_ids += u64::from(!manifest.has_field_ids());
            walk.totals.manifest_bytes += manifest.length();
            for entry in manifest.entries() {
                let entry = entry.map_err(|e| e.about(&table.ident))?;
                if entry.status != EntryStatus::Deleted {
                    walk.count(&entry.file, &metadata.location);
                }
            }
            walk.check().map_err(|e| e.about(&table.ident))?;
        }
    }
    let encrypted = walk.encrypted || declares_encryption(&metadata.raw, &metadata.properties);
    let deletes = match walk.has_readable_deletes() && !encrypted {
        true => {
            let counted = records::count(table, metadata.current_snapshot_id, Counted::ByManifests).await;
            Some(counted.map_err(|e| e.about(&table.ident))?.deletes)
        }
        false => None,
    };
    let footers = match encrypted {
        false => footers::look(table, &walk.examples).await,
        true => FooterFacts::default(),
    };
    let (history_files, history_bytes) = history_estimate(table, &walk.totals);
    walk.totals.history_records = removed_records(table);
    walk.totals.history_files = history_files;
    walk.totals.history_bytes = history_bytes;
    let statistics = || metadata.statistics().filter_map(statistics_path);
    Ok(TableFacts {
        ident: table.ident.clone(),
        metadata_location: table.metadata_location.clone(),
        uuid: metadata.uuid.clone(),
        location: metadata.location.clone(),
        format_version: metadata.format_version,
        last_updated_ms: metadata.last_updated_ms,
        schema: metadata.current_schema().clone(),
        partition_specs: metadata.partition_specs.clone(),
        default_spec_id: metadata.default_spec_id,
        sort_order: metadata.sort_order(),
        // Facts are stored and shown.
        properties: metadata.properties.iter().map(|(key, value)| (key.clone(), shown(key, value).into())).collect(),
        snapshot_id: metadata.current_snapshot_id,
        snapshot_count: metadata.snapshots.len(),
        refs: metadata
            .refs
            .iter()
            .map(|(name, r)| SnapshotRef { name: name.clone(), snapshot_id: r.snapshot_id, kind: r.kind.clone() })
            .collect(),
        has_name_mapping: metadata.name_mapping().is_some(),
        encrypted,
        statistics_files: statistics().count(),
        outside_statistics: statistics().filter(|path| !location::is_below(path, &metadata.location)).count(),
        outside_location: walk.outside as usize,
        files: walk.totals,
        deletes,
        history: history::check(table, depth).await.map_err(|e| e.about(&table.ident))?,
        unconfirmed: table.unconfirmed.clone(),
        footers,
    })
}

fn declares_encryption(raw: &Value, properties: &BTreeMap<String, String>) -> bool {
    raw.get("encryption-keys").and_then(Value::as_array).is_some_and(|keys| !keys.is_empty())
        || properties.keys().any(|key| key == "encryption.key-id")
}

#[derive(Default)]
struct Walk {
    totals: FileTotals,
    encrypted: bool,
    outside: u64,
    /// Several deletion vectors share one Puffin file.
    puffin_files: HashSet<String>,
    /// The first and the last data file: those of the newest and of the oldest manifest.
    examples: Vec<DataFile>,
}

/// Larger than any table: 9 quadrillion rows, 144 petabytes. Beyond it sums over tables could overflow.
const MAX_RECORDS: u64 = 1 << 53;
const MAX_BYTES: u64 = 1 << 57;

impl Walk {
    /// Others are found by their format, and block the table.
    fn has_readable_deletes(&self) -> bool {
        self.totals.delete_files() > 0 && self.totals.formats.keys().all(|format| format == "PARQUET")
    }

    /// A sum that saturated is refused with the others.
    fn check(&self) -> Result<()> {
        let totals = &self.totals;
        let records = totals.data_records.max(totals.delete_records);
        let bytes = totals.data_bytes.max(totals.delete_bytes);
        if records <= MAX_RECORDS && bytes <= MAX_BYTES {
            return Ok(());
        }
        Err(Error::new(
            Code::MetadataBroken,
            format!("the manifests add up to {records} records and {bytes} bytes, which no table can have"),
        )
        .with_hint("Check the table at the source with its own engine; rewriting its manifests there may mend it."))
    }

    fn count(&mut self, file: &DataFile, folder: &str) {
        let totals = &mut self.totals;
        self.encrypted |= file.has_key_metadata;
        self.outside += u64::from(!location::is_below(&file.path, folder));
        match file.content {
            FileContent::Data => {
                if file.format == "PARQUET" {
                    self.examples.truncate(1);
                    self.examples.push(file.clone());
                }
                totals.data_files += 1;
                totals.data_bytes = totals.data_bytes.saturating_add(file.size);
                totals.data_records = totals.data_records.saturating_add(file.record_count);
                *totals.formats.entry(file.format.clone()).or_default() += 1;
                *totals.specs_in_use.entry(file.spec_id).or_default() += 1;
            }
            delete => {
                totals.delete_records = totals.delete_records.saturating_add(file.record_count);
                if file.is_deletion_vector() {
                    totals.deletion_vectors += 1;
                    if self.puffin_files.insert(file.path.clone()) {
                        totals.delete_bytes = totals.delete_bytes.saturating_add(file.size);
                    }
                } else {
                    totals.delete_bytes = totals.delete_bytes.saturating_add(file.size);
                    *totals.formats.entry(file.format.clone()).or_default() += 1;
                    match delete {
                        FileContent::EqualityDeletes => totals.equality_delete_files += 1,
                        _ => totals.position_delete_files += 1,
                    }
                }
            }
        }
    }
}

fn number(summary: &BTreeMap<String, String>, key: &str) -> u64 {
    summary.get(key).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The records in data files that one snapshot has and the next has not, by the summaries. A compaction takes none away.
fn removed_records(table: &Table) -> u64 {
    let metadata = &table.metadata;
    let is_kept = |parent: Option<i64>| parent.is_some_and(|id| metadata.snapshot(id).is_some());
    let later = metadata.snapshots.iter().filter(|snapshot| {
        is_kept(snapshot.parent_snapshot_id) && snapshot.summary.get("operation").is_none_or(|name| name != "replace")
    });
    later.fold(0u64, |all, snapshot| all.saturating_add(number(&snapshot.summary, "deleted-records"))).min(MAX_RECORDS)
}

/// What all snapshots together hold, from the summaries: current files plus what later snapshots took away. Reading every
/// manifest of every snapshot would make the inventory of a table with a long history as slow as its copy.
fn history_estimate(table: &Table, totals: &FileTotals) -> (u64, u64) {
    let (mut files, mut bytes) = (totals.data_files + totals.delete_files(), totals.data_bytes + totals.delete_bytes);
    for snapshot in &table.metadata.snapshots {
        for key in ["deleted-data-files", "removed-delete-files"] {
            files = files.saturating_add(number(&snapshot.summary, key)).min(MAX_RECORDS);
        }
        bytes = bytes.saturating_add(number(&snapshot.summary, "removed-files-size"));
    }
    (files, bytes.min(MAX_BYTES))
}

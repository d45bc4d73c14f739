//! How many rows a snapshot has, counted without its data: a second opinion on the reader.
//!
//! It shares with the scan planning what reads a manifest and a delete file, and nothing else. Which rows a position delete
//! takes away is decided by the paths that its content names and by sequence numbers, never by partitions or bounds. So a
//! delete that the planning would lose is seen here as a row too many.

mod explanation;
mod keys;
mod named;

use crate::location::canonical;
use crate::manifest::{self, DataFile, EntryStatus, FileContent, Manifest};
use crate::metadata::Snapshot;
use crate::reader::{self, open_parquet};
use crate::table::Table;
use futures::{StreamExt, TryStreamExt, stream};
use icebridge_model::records::RecordCounts;
use icebridge_model::{Code, Error, Result};
use keys::Keys;
use named::Named;

/// Delete files or footers read at the same time.
const AT_ONCE: usize = 8;

/// What says how many records a data file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Its entry in the manifest, which some writers get wrong.
    ByManifests,
    /// Its Parquet footer: one more request a file.
    ByFooters,
}

/// Counts the records of a snapshot; none means a table without a snapshot, which has none.
#[tracing::instrument(name = "count", skip_all)]
pub async fn count(table: &Table, snapshot_id: Option<i64>, counted: Counted) -> Result<RecordCounts> {
    let Some(snapshot) = snapshot_id.and_then(|id| table.metadata.snapshot(id)) else {
        return Ok(RecordCounts::default());
    };
    let mut counts = RecordCounts::default();
    let deletes = deletes(table, snapshot, &mut counts).await?;
    if deletes.is_empty() && counted == Counted::ByManifests {
        return Ok(counts);
    }
    let mut keys = Keys::default();
    let mut named = Named::default();
    let mut positions = Vec::new();
    for (file, sequence) in deletes {
        match file.content {
            FileContent::EqualityDeletes => keys.add(&table.metadata, &file, sequence),
            _ if file.is_deletion_vector() => named.add_vector(&file, sequence)?,
            _ => positions.push((file, sequence)),
        }
    }
    let loading: Vec<_> = positions.into_iter().map(|(file, sequence)| load(table, file, sequence)).collect();
    let mut loaded = stream::iter(loading).buffer_unordered(AT_ONCE);
    while let Some((paths, sequence)) = loaded.try_next().await? {
        named.add(&paths, sequence)?;
    }

    counts.data = 0;
    for line in manifest::manifests(&table.storage, snapshot).await? {
        let manifest = Manifest::read(&table.storage, &table.metadata, &line).await?;
        let mut files = Vec::new();
        for entry in manifest.entries() {
            let entry = entry?;
            if entry.status != EntryStatus::Deleted && entry.file.content == FileContent::Data {
                files.push((entry.file, entry.sequence_number));
            }
        }
        let counting: Vec<_> =
            files.into_iter().map(|(file, sequence)| records(table, file, sequence, counted)).collect();
        let mut files = stream::iter(counting).buffered(AT_ONCE);
        while let Some((file, sequence, records)) = files.try_next().await? {
            counts.data = counts.data.saturating_add(records);
            named.meet(&canonical(&file.path), sequence, records);
            keys.meet(&file, sequence);
        }
    }
    let mut orphans = named.finish(&mut counts.deletes);
    counts.deletes.keys_out_of_reach = keys.out_of_reach();
    if !orphans.is_empty() {
        explanation::find(table, snapshot, &mut orphans).await;
        orphans.report(&mut counts.deletes);
    }
    Ok(counts)
}

/// The live delete files with their sequence numbers. Counts by the manifests what lies on the way.
async fn deletes(table: &Table, snapshot: &Snapshot, counts: &mut RecordCounts) -> Result<Vec<(DataFile, i64)>> {
    let mut found = Vec::new();
    for line in manifest::manifests(&table.storage, snapshot).await? {
        let manifest = Manifest::read(&table.storage, &table.metadata, &line).await?;
        for entry in manifest.entries() {
            let entry = entry?;
            match entry.file.content {
                _ if entry.status == EntryStatus::Deleted => {}
                FileContent::Data => counts.data = counts.data.saturating_add(entry.file.record_count),
                content => {
                    if content == FileContent::EqualityDeletes {
                        counts.deletes.keys = counts.deletes.keys.saturating_add(entry.file.record_count);
                    }
                    found.push((entry.file, entry.sequence_number));
                }
            }
        }
    }
    Ok(found)
}

async fn load(table: &Table, file: DataFile, sequence: i64) -> Result<(reader::PositionsByFile, i64)> {
    let about = || format!("{}, delete file {}", table.ident, file.path);
    if file.format != "PARQUET" {
        return Err(Error::new(Code::Unsupported, format!("{} delete files cannot be read", file.format))
            .about(about())
            .with_hint("Compact the table at the source so that its deletes are applied there."));
    }
    Ok((reader::positions(table, &file).await.map_err(|e| e.about(about()))?, sequence))
}

/// How many a data file has.
async fn records(table: &Table, file: DataFile, sequence: i64, counted: Counted) -> Result<(DataFile, i64, u64)> {
    let records = match counted {
        Counted::ByManifests => file.record_count,
        Counted::ByFooters => {
            let opened = open_parquet(&table.storage, &file.path).await?;
            opened
                .metadata()
                .row_groups()
                .iter()
                .fold(0u64, |all, group| all.saturating_add(u64::try_from(group.num_rows()).unwrap_or(0)))
        }
    };
    Ok((file, sequence, records))
}

#[cfg(test)]
mod tests;

//! What a read of a snapshot has to open: each live data file with the deletes that apply to it (spec, "Scan Planning").

mod delete_index;
mod read_key;

use crate::manifest::{self, DataFile, EntryStatus, FileContent, Manifest};
use crate::table::Table;
use delete_index::DeleteIndex;
use icebridge_model::{Code, Error, Result};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct FileTask {
    pub file: DataFile,
    /// The file's data sequence number.
    pub sequence_number: i64,
    pub deletes: Vec<Arc<DataFile>>,
}

/// Plans the read of `snapshot_id`; none means a table without a snapshot, which has no rows.
#[tracing::instrument(name = "scan", skip_all, fields(scanned = %table.ident, snapshot_id))]
pub async fn plan(table: &Table, snapshot_id: Option<i64>) -> Result<Vec<FileTask>> {
    let Some(snapshot_id) = snapshot_id else { return Ok(Vec::new()) };
    let metadata = &table.metadata;
    let snapshot = metadata.snapshot(snapshot_id).ok_or_else(|| {
        Error::new(Code::TableNotFound, format!("the table has no snapshot {snapshot_id}"))
            .about(&table.ident)
            .with_hint("It may have been expired at the source; refresh the inventory and plan again.")
    })?;
    let mut data = Vec::new();
    let mut deletes = DeleteIndex::default();
    for manifest in manifest::manifests(&table.storage, snapshot).await? {
        let manifest = Manifest::read(&table.storage, metadata, &manifest).await?;
        for entry in manifest.entries() {
            let entry = entry?;
            if entry.status == EntryStatus::Deleted {
                continue;
            }
            match entry.file.content {
                FileContent::Data => data.push((entry.file, entry.sequence_number)),
                _ => {
                    let unpartitioned = entry.file.is_unpartitioned(metadata);
                    deletes.add(entry.file, entry.sequence_number, unpartitioned)?;
                }
            }
        }
    }
    deletes.sort();
    Ok(data
        .into_iter()
        .map(|(file, sequence_number)| FileTask {
            deletes: deletes.for_file(&file, sequence_number),
            file,
            sequence_number,
        })
        .collect())
}

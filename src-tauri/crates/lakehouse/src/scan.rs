//! What a read of a snapshot has to open: each live data file with the deletes that apply to it (spec, "Scan Planning").

use crate::manifest::{self, DataFile, EntryStatus, FileContent, PartitionValue};
use crate::table::Table;
use icebridge_model::{Code, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct FileTask {
    pub file: DataFile,
    /// The file's data sequence number.
    pub sequence_number: i64,
    pub deletes: Vec<Arc<DataFile>>,
}

/// Plans the read of `snapshot_id`; none means a table without a snapshot, which has no rows.
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
        for entry in manifest::entries(&table.storage, metadata, &manifest).await? {
            if entry.status == EntryStatus::Deleted {
                continue;
            }
            match entry.file.content {
                FileContent::Data => data.push((entry.file, entry.sequence_number)),
                _ => deletes.add(table, entry.file, entry.sequence_number),
            }
        }
    }
    Ok(data
        .into_iter()
        .map(|(file, sequence_number)| FileTask {
            deletes: deletes.for_file(&file, sequence_number),
            file,
            sequence_number,
        })
        .collect())
}

type PartitionKey = (i32, Vec<Option<PartitionValue>>);
type Sequenced = Vec<(i64, Arc<DataFile>)>;

/// Delete files by where they can apply, so that planning is linear in the number of files.
#[derive(Default)]
struct DeleteIndex {
    vectors: HashMap<String, (i64, Arc<DataFile>)>,
    positions_by_path: HashMap<String, Sequenced>,
    positions_by_partition: HashMap<PartitionKey, Sequenced>,
    equality_by_partition: HashMap<PartitionKey, Sequenced>,
    /// Equality deletes of an unpartitioned spec apply to every partition of every spec.
    equality_global: Sequenced,
}

impl DeleteIndex {
    fn add(&mut self, table: &Table, file: DataFile, sequence: i64) {
        let key = (file.spec_id, file.partition.clone());
        let file = Arc::new(file);
        let entry = (sequence, file.clone());
        if file.is_deletion_vector() {
            // The spec allows one vector a data file; should a writer leave two, the newer one includes the older.
            if let Some(path) = &file.referenced_data_file
                && self.vectors.get(path).is_none_or(|(older, _)| *older <= sequence)
            {
                self.vectors.insert(path.clone(), entry);
            }
        } else if file.content == FileContent::PositionDeletes {
            match &file.referenced_data_file {
                Some(path) => self.positions_by_path.entry(path.clone()).or_default().push(entry),
                None => self.positions_by_partition.entry(key).or_default().push(entry),
            }
        } else if table.metadata.partition_spec(file.spec_id).is_some_and(|s| s.is_unpartitioned()) {
            self.equality_global.push(entry);
        } else {
            self.equality_by_partition.entry(key).or_default().push(entry);
        }
    }

    fn for_file(&self, file: &DataFile, sequence: i64) -> Vec<Arc<DataFile>> {
        let key = (file.spec_id, file.partition.clone());
        let mut out = Vec::new();
        let mut take = |list: Option<&Sequenced>, applies: fn(i64, i64) -> bool| {
            for (delete, file) in list.into_iter().flatten() {
                if applies(*delete, sequence) {
                    out.push(file.clone());
                }
            }
        };
        // A position delete of the same commit applies, an equality delete does not.
        match self.vectors.get(&file.path).filter(|(delete, _)| *delete >= sequence) {
            // Position deletes older than a vector are contained in it.
            Some((_, vector)) => out.push(vector.clone()),
            None => {
                take(self.positions_by_path.get(&file.path), |delete, data| delete >= data);
                take(self.positions_by_partition.get(&key), |delete, data| delete >= data);
            }
        }
        let mut take = |list: Option<&Sequenced>| {
            for (delete, file) in list.into_iter().flatten() {
                if *delete > sequence {
                    out.push(file.clone());
                }
            }
        };
        take(self.equality_by_partition.get(&key));
        take(Some(&self.equality_global));
        out
    }
}

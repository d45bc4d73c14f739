//! The numbers of a table, each defined once: every page, command and document uses these.

use crate::facts::{InventoryOutcome, InventoryRow, TableFacts};
use crate::run::TableState;
use crate::schema::{PartitionField, Schema, Transform};

impl TableFacts {
    /// "bytes": live data files and delete files at the pinned snapshot.
    pub fn live_bytes(&self) -> u64 {
        self.files.data_bytes.saturating_add(self.files.delete_bytes)
    }

    /// "rows": at the pinned snapshot with deletes applied. Position deletes and deletion vectors name one row an entry, and
    /// those that delete nothing are not counted; how many rows an equality delete takes, only a read tells, so that none is
    /// taken off then.
    pub fn live_rows(&self) -> u64 {
        if self.files.equality_delete_files > 0 {
            return self.files.data_records;
        }
        let deleted = self.deletes.as_ref().map_or(self.files.delete_records, |deletes| deletes.applied);
        self.files.data_records.saturating_sub(deleted)
    }

    /// "files": live data files and delete files at the pinned snapshot.
    pub fn live_files(&self) -> u64 {
        self.files.data_files.saturating_add(self.files.delete_files())
    }

    /// `day(ordered_at), bucket[16](id)`; empty for an unpartitioned table.
    pub fn partitioning(&self) -> String {
        let spec = self.partition_spec();
        if spec.is_unpartitioned() {
            return String::new();
        }
        spec.fields.iter().map(|field| partition_field(&self.schema, field)).collect::<Vec<_>>().join(", ")
    }
}

pub fn partition_field(schema: &Schema, field: &PartitionField) -> String {
    let column = schema.find(field.source_id).map_or_else(|| field.name.clone(), |(path, _)| path);
    match &field.transform {
        Transform::Identity => column,
        transform => format!("{transform}({column})"),
    }
}

impl InventoryRow {
    /// The `state` of the inventory's view.
    pub fn view_state(&self) -> &'static str {
        match &self.outcome {
            InventoryOutcome::Problem(_) => "unreadable",
            InventoryOutcome::Facts(facts) if facts.snapshot_id.is_none() => "empty",
            InventoryOutcome::Facts(_) => "read",
        }
    }
}

/// How much of a table's copy is done, as parts of a whole. By its state first: a registered or empty table has no bytes,
/// and the bytes to copy are an estimate until they are copied.
pub fn progress(state: TableState, counted: (u64, u64)) -> (u64, u64) {
    match state {
        TableState::Queued => (0, 1),
        TableState::Committing | TableState::Committed | TableState::Validating | TableState::Migrated => (1, 1),
        TableState::Copying | TableState::Failed | TableState::Cancelled => (counted.0, counted.1.max(1)),
    }
}

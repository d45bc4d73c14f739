//! What the jobs of clusters note on the tables that they make and bring up to their sources (docs/spark-jobs.md).

use super::round::{is_replacing, snapshots_since};
use crate::metadata::TableMetadata;
use crate::provenance::{PROPERTY_PLAN, PROPERTY_SOURCE_SNAPSHOT, PROPERTY_SYNCED};

/// The source's snapshot that a table has, as its job says; the inner none: one without rows. The outer none: no job of this plan
/// made the table.
pub fn noted_by_job(metadata: &TableMetadata, plan_hash: &str) -> Option<Option<i64>> {
    let property = |key: &str| metadata.properties.get(key).map(String::as_str);
    if property(PROPERTY_PLAN) != Some(plan_hash) {
        return None;
    }
    let noted = property(PROPERTY_SYNCED).map(|noted| noted.split_once('@').map_or(noted, |(snapshot, _)| snapshot));
    Some(noted.or(property(PROPERTY_SOURCE_SNAPSHOT)).and_then(|snapshot| snapshot.parse().ok()))
}

/// How many commits came since a snapshot, or since the table had none, that are no compaction. None: the history does not go back to it.
pub fn commits_since(metadata: &TableMetadata, snapshot_id: Option<i64>) -> Option<usize> {
    Some(snapshots_since(metadata, snapshot_id)?.iter().filter(|one| !is_replacing(one)).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn table(properties: &Value) -> TableMetadata {
        let snapshot = |id: i64, parent: Option<i64>, operation: &str| {
            json!({"snapshot-id": id, "parent-snapshot-id": parent, "sequence-number": id, "timestamp-ms": id,
                "summary": {"operation": operation}, "manifest-list": "/x"})
        };
        let raw = json!({"format-version": 2, "table-uuid": "u", "location": "/t", "last-updated-ms": 9, "last-sequence-number": 3,
            "last-column-id": 1, "current-schema-id": 0, "current-snapshot-id": 3, "default-spec-id": 0,
            "schemas": [{"schema-id": 0, "type": "struct", "fields": []}],
            "partition-specs": [{"spec-id": 0, "fields": []}], "properties": properties,
            "snapshots": [snapshot(1, None, "append"), snapshot(2, Some(1), "overwrite"), snapshot(3, Some(2), "replace")]});
        TableMetadata::from_value(raw, "x").unwrap()
    }

    #[test]
    fn a_table_says_which_snapshot_its_job_brought() {
        let of = |properties| noted_by_job(&table(&properties), "p");
        assert_eq!(of(json!({"icebridge.plan": "p", "icebridge.source-snapshot-id": "7"})), Some(Some(7)));
        let synced =
            json!({"icebridge.plan": "p", "icebridge.source-snapshot-id": "7", "icebridge.synced-snapshot-id": "8@"});
        assert_eq!(of(synced), Some(Some(8)));
        assert_eq!(of(json!({"icebridge.plan": "p"})), Some(None));
        assert_eq!(of(json!({"icebridge.plan": "q", "icebridge.source-snapshot-id": "7"})), None);
    }

    #[test]
    fn compaction_is_no_commit_that_counts() {
        let table = table(&json!({}));
        let since = [Some(3), Some(2), Some(1), None, Some(9)].map(|id| commits_since(&table, id));
        assert_eq!(since, [Some(0), Some(0), Some(1), Some(2), None]);
    }
}

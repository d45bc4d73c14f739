//! Whether a table found under our name is the one we were about to publish: a commit whose answer was lost, or the work
//! of a process that was killed before it could write down its success.

use crate::metadata::TableMetadata;
use crate::provenance::PROPERTY_PLAN;
use icebridge_model::{Code, Error, TableIdent};

/// `wanted` is the document we publish. A table from the same plan with our uuid or our snapshot is ours, even if another writer
/// has committed to it since; a table without a plan (zero-copy registration) is the same if nothing tells them apart.
pub(in crate::catalog) fn is_ours(existing: &TableMetadata, wanted: &TableMetadata) -> bool {
    let same_uuid = !wanted.uuid.is_empty() && existing.uuid.eq_ignore_ascii_case(&wanted.uuid);
    let has_snapshot = wanted.current_snapshot_id.is_some_and(|id| existing.snapshot(id).is_some());
    match (existing.properties.get(PROPERTY_PLAN), wanted.properties.get(PROPERTY_PLAN)) {
        (Some(theirs), Some(ours)) => theirs == ours && (same_uuid || has_snapshot),
        (None, None) => {
            same_uuid
                && existing.current_snapshot_id == wanted.current_snapshot_id
                && existing.location.trim_end_matches('/') == wanted.location.trim_end_matches('/')
        }
        _ => false,
    }
}

pub(in crate::catalog) fn table_exists(table: &TableIdent) -> Error {
    Error::new(Code::TableExists, "the target already has another table of this name")
        .about(table)
        .with_hint("Map the source to another name, or drop the table in the target if it is not needed.")
}

pub(in crate::catalog) fn target_changed(table: &TableIdent) -> Error {
    Error::new(Code::TargetChanged, "somebody else has written to the table in the target").about(table)
}

pub(in crate::catalog) fn commit_unknown(table: &TableIdent) -> Error {
    Error::new(
        Code::CommitUnknown,
        "the answer to the commit was lost, and the target does not say whether it happened",
    )
    .about(table)
    .with_hint("Run the same plan again: it asks the target first and adopts the table if it is there.")
    .retryable()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(uuid: &str, plan: Option<&str>, snapshot: Option<i64>, location: &str) -> TableMetadata {
        let snapshots: Vec<_> = snapshot.iter().map(|id| json!({"snapshot-id": id})).collect();
        let properties = plan.map_or(json!({}), |p| json!({ PROPERTY_PLAN: p }));
        let raw = json!({"format-version": 2, "table-uuid": uuid, "location": location, "properties": properties,
            "schemas": [{"schema-id": 0, "fields": []}], "current-schema-id": 0,
            "current-snapshot-id": snapshot, "snapshots": snapshots});
        TableMetadata::from_value(raw, "x").unwrap()
    }

    #[test]
    fn only_our_own_table_is_adopted() {
        let ours = metadata("u", Some("p"), Some(1), "/w/t");
        assert!(is_ours(&metadata("U", Some("p"), Some(2), "/w/t"), &ours));
        assert!(is_ours(&metadata("other", Some("p"), Some(1), "/w/t"), &ours));
        assert!(!is_ours(&metadata("u", Some("q"), Some(1), "/w/t"), &ours));
        assert!(!is_ours(&metadata("other", Some("p"), Some(2), "/w/t"), &ours));
        assert!(!is_ours(&metadata("u", None, Some(1), "/w/t"), &ours));
        let registered = metadata("u", None, Some(1), "/w/t");
        assert!(is_ours(&metadata("u", None, Some(1), "/w/t/"), &registered));
        assert!(!is_ours(&metadata("u", None, Some(2), "/w/t"), &registered));
        assert!(!is_ours(&metadata("u", None, Some(1), "/other"), &registered));
    }
}

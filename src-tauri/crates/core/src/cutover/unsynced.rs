//! Tables that no round brings on during a move are moved as they are: only if their source has not moved on since.

use super::sides::source_now;
use crate::sync::Session;
use icebridge_lakehouse::TableMetadata;
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Error, Result};

/// An error: the source is not what was copied.
pub(super) async fn check_source(session: &Session<'_>, planned: &PlannedTable, copied: &TableMetadata) -> Result<()> {
    let source = source_now(session, planned).await?;
    match is_later(copied, &source.metadata) {
        true => Err(moved_on(planned)),
        false => Ok(()),
    }
}

pub(super) fn moved_on(planned: &PlannedTable) -> Error {
    let (message, hint) = match planned.cluster {
        Some(_) => (
            "the source has moved on since the table was synced last",
            "A cluster brings this table on, which takes minutes: stop its writers, run `icebridge sync`, and move it then.",
        ),
        None => (
            "the source has moved on since the table was copied",
            "This table cannot be synced (docs/sync.md says which can). Stop its writers, copy it anew by a new plan, and cut it over \
             before they go on.",
        ),
    };
    Error::new(Code::SourceNotQuiet, message).about(&planned.source).with_hint(hint)
}

/// Rows, columns, or how rows are laid out. A comment or a property is nothing that a reader of the copy would miss.
pub(super) fn is_later(copied: &TableMetadata, now: &TableMetadata) -> bool {
    let fields = |metadata: &TableMetadata| metadata.current_schema().without_comments();
    let spec = |metadata: &TableMetadata| {
        metadata.partition_spec(metadata.default_spec_id).map(|spec| spec.fields.clone()).unwrap_or_default()
    };
    copied.current_snapshot_id != now.current_snapshot_id || fields(copied) != fields(now) || spec(copied) != spec(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn table(change: impl FnOnce(&mut Value)) -> TableMetadata {
        let inner = json!([{"id": 3, "name": "x", "required": false, "type": "long", "doc": "a"}]);
        let mut raw = json!({"format-version": 2, "table-uuid": "u", "location": "/t", "last-updated-ms": 9000,
            "last-sequence-number": 1, "current-schema-id": 0, "current-snapshot-id": 1, "default-spec-id": 0,
            "schemas": [{"schema-id": 0, "type": "struct", "fields": [
                {"id": 1, "name": "id", "required": true, "type": "long"},
                {"id": 2, "name": "all", "required": false, "type": {"type": "list", "element-id": 4,
                    "element-required": false, "element": {"type": "struct", "fields": inner}}}]}],
            "partition-specs": [{"spec-id": 0, "fields": []}],
            "snapshots": [{"snapshot-id": 1, "sequence-number": 1, "timestamp-ms": 1, "summary": {"operation": "append"}}]});
        change(&mut raw);
        TableMetadata::from_value(raw, "x").unwrap()
    }

    #[test]
    fn comments_and_properties_are_no_later_state() {
        let copied = table(|_| {});
        for is_other in [
            |raw: &mut Value| raw["properties"] = json!({"owner": "b"}),
            |raw: &mut Value| raw["schemas"][0]["fields"][0]["doc"] = json!("b"),
            |raw: &mut Value| raw["schemas"][0]["fields"][1]["type"]["element"]["fields"][0]["doc"] = json!("b"),
        ] {
            assert!(!is_later(&copied, &table(is_other)));
        }
        for is_other in [
            |raw: &mut Value| raw["current-snapshot-id"] = json!(null),
            |raw: &mut Value| raw["schemas"][0]["fields"][0]["name"] = json!("b"),
            |raw: &mut Value| raw["schemas"][0]["fields"][0]["required"] = json!(false),
            |raw: &mut Value| raw["schemas"][0]["fields"][0]["id"] = json!(9),
            |raw: &mut Value| raw["schemas"][0]["fields"][1]["type"]["element"]["fields"][0]["type"] = json!("int"),
            |raw: &mut Value| {
                let field = json!({"source-id": 1, "field-id": 1000, "name": "id", "transform": "identity"});
                raw["partition-specs"][0]["fields"] = json!([field]);
            },
        ] {
            assert!(is_later(&copied, &table(is_other)));
        }
    }
}

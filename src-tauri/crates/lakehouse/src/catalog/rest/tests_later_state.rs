//! What is sent to a REST catalog of a later state, and what is not.

use super::later_state::{requirements, updates};
use crate::metadata::TableMetadata;
use icebridge_model::Code;
use serde_json::{Value, json};

fn table(schemas: &[i64], snapshots: &[i64], refs: Value) -> TableMetadata {
    let schema = |id: &i64| {
        let fields: Vec<Value> = (0..=*id)
            .map(|n| json!({"id": n + 1, "name": format!("c{n}"), "required": false, "type": "int"}))
            .collect();
        json!({"schema-id": id, "type": "struct", "fields": fields})
    };
    let raw = json!({"format-version": 2, "table-uuid": "u", "location": "/t", "last-column-id": 9,
        "schemas": schemas.iter().map(schema).collect::<Vec<_>>(), "current-schema-id": schemas.last(),
        "partition-specs": [{"spec-id": 0, "fields": []}], "default-spec-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0,
        "properties": {"round": snapshots.len().to_string()}, "current-snapshot-id": snapshots.last(), "refs": refs,
        "last-sequence-number": snapshots.iter().max().copied().unwrap_or(0),
        "snapshots": snapshots.iter().map(|id| json!({"snapshot-id": id, "sequence-number": id})).collect::<Vec<_>>()});
    TableMetadata::from_value(raw, "x").unwrap()
}

fn actions(from: &TableMetadata, next: &TableMetadata) -> Vec<String> {
    updates(from, next).unwrap().iter().map(|one| one["action"].as_str().unwrap().to_string()).collect()
}

fn sent(from: &TableMetadata, next: &TableMetadata) -> Vec<i64> {
    let all = updates(from, next).unwrap();
    all.iter().filter_map(|one| one["snapshot"]["snapshot-id"].as_i64()).collect()
}

#[test]
fn what_a_later_state_has_more_is_sent_in_order() {
    let from = table(&[0], &[1], json!({"main": {"snapshot-id": 1, "type": "branch"}}));
    let next = table(
        &[0, 1],
        &[1, 3, 2],
        json!({"main": {"snapshot-id": 2, "type": "branch"}, "v1": {"snapshot-id": 1, "type": "tag"}}),
    );
    assert_eq!(
        actions(&from, &next),
        [
            "add-schema",
            "set-current-schema",
            "add-snapshot",
            "add-snapshot",
            "set-snapshot-ref",
            "set-snapshot-ref",
            "set-properties"
        ]
    );
    assert_eq!(sent(&from, &next), [2, 3]);
    assert!(actions(&next, &next).is_empty());
    // The target has expired its first snapshot.
    let later = table(&[0], &[1, 4], json!({}));
    assert_eq!(sent(&table(&[0], &[2], json!({})), &later), [4]);
    // A source without a snapshot any more.
    let mut marked = from.clone();
    marked.properties.insert("icebridge.source-snapshot-id".into(), "1".into());
    let emptied = actions(&marked, &table(&[0], &[], json!({})));
    for action in ["remove-snapshot-ref", "remove-properties"] {
        assert!(emptied.contains(&action.to_string()), "{emptied:?}");
    }
    let tagged = requirements(&from, &next);
    assert!(tagged.contains(&json!({"type": "assert-ref-snapshot-id", "ref": "v1", "snapshot-id": null})));
}

#[test]
fn what_another_writer_left_is_not_overwritten() {
    let refuses = |from: &TableMetadata, next: &TableMetadata| {
        assert_eq!(updates(from, next).unwrap_err().code, Code::TargetChanged);
    };
    let cannot = |from: &TableMetadata, next: &TableMetadata| {
        assert_eq!(updates(from, next).unwrap_err().code, Code::Unsupported);
    };
    let mut theirs = table(&[0, 1], &[1], json!({}));
    theirs.raw["schemas"][1]["fields"][1]["name"] = json!("theirs");
    cannot(&theirs, &table(&[0, 1, 2], &[1], json!({})));
    cannot(&table(&[0, 5], &[1], json!({})), &table(&[0, 1], &[1], json!({})));
    // Nested columns of one name and id are two if their fields are.
    let nested = |field: &str| {
        let mut one = table(&[0, 1], &[1], json!({}));
        let inner = json!({"type": "struct", "fields": [{"id": 5, "name": field, "required": false, "type": "int"}]});
        one.raw["schemas"][1]["fields"][1]["type"] = inner;
        one
    };
    cannot(&nested("theirs"), &nested("ours"));
    updates(&nested("ours"), &nested("ours")).unwrap();
    // The source's next schema would get another number, or its ref names what the target does not take any more.
    cannot(&table(&[0], &[1], json!({})), &table(&[0, 2], &[1], json!({})));
    cannot(&table(&[0], &[7], json!({})), &table(&[0], &[5], json!({})));
    let branch = |id: i64| json!({"b": {"snapshot-id": id, "type": "branch"}});
    refuses(&table(&[0], &[1, 7], branch(7)), &table(&[0], &[1, 2], branch(2)));
}

/// A ref that we left at a snapshot is ours wherever the source has it now; one that stands elsewhere is not.
#[test]
fn a_mark_tells_whose_a_ref_is() {
    let branch = |id: i64| json!({"dev": {"snapshot-id": id, "type": "branch"}});
    let marked = |at: i64, mark: &str| {
        let mut from = table(&[0], &[1, 2, 3], branch(at));
        from.properties.insert("icebridge.refs".into(), mark.into());
        from
    };
    // It was moved, and its snapshot is expired at the source.
    let next = table(&[0], &[3, 4], branch(4));
    assert!(actions(&marked(2, r#"{"dev": 2}"#), &next).contains(&"set-snapshot-ref".to_string()));
    // Others have moved it, or made it, though the source has that snapshot, too.
    for mark in [r#"{"dev": 2}"#, "{}"] {
        assert_eq!(updates(&marked(3, mark), &next).unwrap_err().code, Code::TargetChanged);
    }
    // The source has dropped it: ours goes, theirs stays.
    let without = table(&[0], &[3, 4], json!({}));
    let dropped = |from: &TableMetadata| actions(from, &without).contains(&"remove-snapshot-ref".to_string());
    assert!(
        dropped(&marked(2, r#"{"dev": 2}"#)) && !dropped(&marked(3, r#"{"dev": 2}"#)) && !dropped(&marked(2, "{}"))
    );
    assert!(!dropped(&table(&[0], &[1, 2, 3], branch(2))), "without a mark nobody knows");
    let required = requirements(&marked(2, r#"{"dev": 2}"#), &without);
    assert!(required.contains(&json!({"type": "assert-ref-snapshot-id", "ref": "dev", "snapshot-id": 2})));
}

/// A server wants of a snapshot what the table's version asks for.
#[test]
fn a_version_is_raised_between_the_snapshots_of_both() {
    let with = |version: u8, snapshots: Value, next_row_id: i64| {
        let mut raw = table(&[0], &[], json!({})).raw;
        raw["format-version"] = json!(version);
        raw["last-sequence-number"] = json!(snapshots.as_array().map_or(0, Vec::len));
        raw["current-snapshot-id"] = snapshots.as_array().unwrap().last().unwrap()["snapshot-id"].clone();
        raw["snapshots"] = snapshots;
        raw["next-row-id"] = json!(next_row_id);
        TableMetadata::from_value(raw, "x").unwrap()
    };
    let one = |id: i64| json!({"snapshot-id": id, "sequence-number": id});
    let third =
        |id: i64, first: i64| json!({"snapshot-id": id, "sequence-number": id, "first-row-id": first, "added-rows": 5});
    let from = with(2, json!([one(1)]), 0);
    let next = with(3, json!([one(1), one(2), third(3, 0)]), 5);
    assert_eq!(actions(&from, &next)[..3], ["add-snapshot", "upgrade-format-version", "add-snapshot"]);
    let refused = |from: &TableMetadata, next: &TableMetadata| updates(from, next).unwrap_err().code;
    // Row ids that were given in a snapshot which nobody can send any more.
    assert_eq!(refused(&from, &with(3, json!([one(1), third(3, 5)]), 10)), Code::Unsupported);
    // The target was raised by the plan, or by others.
    assert_eq!(refused(&with(3, json!([one(1)]), 0), &with(3, json!([one(1), one(2)]), 0)), Code::Unsupported);
    assert_eq!(refused(&with(3, json!([one(1)]), 0), &with(2, json!([one(1), one(2)]), 0)), Code::TargetChanged);
}

#[test]
fn old_writers_name_the_one_schema_and_spec_otherwise() {
    let old = |fields: Value| {
        let mut raw = table(&[0], &[1], json!({"main": {"snapshot-id": 1, "type": "branch"}})).raw;
        raw["format-version"] = json!(1);
        let object = raw.as_object_mut().unwrap();
        for key in ["schemas", "partition-specs", "sort-orders", "current-schema-id", "default-spec-id"] {
            object.remove(key);
        }
        raw["schema"] = json!({"type": "struct", "fields": fields});
        raw["partition-spec"] = json!([{"name": "c0", "transform": "identity", "source-id": 1}]);
        TableMetadata::from_value(raw, "x").unwrap()
    };
    let column = |id: i64| json!({"id": id, "name": format!("c{id}"), "required": false, "type": "int"});
    let both = old(json!([column(1), column(2)]));
    assert!(actions(&both, &both).is_empty());
    // Its id is the same, so that the server would keep what it has.
    assert_eq!(updates(&old(json!([column(1)])), &both).unwrap_err().code, Code::Unsupported);
    let mut numbered = both.clone();
    numbered.raw["partition-specs"] = json!([{"spec-id": 0, "fields":
        [{"name": "c0", "transform": "identity", "source-id": 1, "field-id": 1000}]}]);
    assert!(actions(&numbered, &both).is_empty());
}

/// The unsorted order has the id 0, whenever a table gets it.
#[test]
fn a_table_that_was_made_sorted_can_become_unsorted() {
    let order = |id: i64| {
        json!({"order-id": id, "fields": [{"source-id": 1, "transform": "identity", "direction": "asc",
        "null-order": "nulls-first"}]})
    };
    let with = |orders: Value, default: i64| {
        let mut raw = table(&[0], &[1], json!({"main": {"snapshot-id": 1, "type": "branch"}})).raw;
        raw["sort-orders"] = orders;
        raw["default-sort-order-id"] = json!(default);
        TableMetadata::from_value(raw, "x").unwrap()
    };
    let unsorted = json!({"order-id": 0, "fields": []});
    let sorted = with(json!([order(1)]), 1);
    assert_eq!(actions(&sorted, &with(json!([order(1), unsorted]), 0)), ["add-sort-order", "set-default-sort-order"]);
}

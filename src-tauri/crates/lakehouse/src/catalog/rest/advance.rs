//! Bringing a table that is there to a later state of its source: one commit of what the state's metadata has more.
//!
//! Schemas, specs, sort orders and snapshots keep the source's ids; a server that would number them otherwise has got others
//! from somebody else. Snapshots and refs that the source no longer has stay: nothing tells them from another writer's.

use super::RestCatalog;
use super::service::RefusalKind;
use crate::catalog::common::adoption::{commit_unknown, target_changed};
use crate::catalog::common::contract::{Catalog, Turns};
use crate::metadata::TableMetadata;
use crate::provenance::PROPERTY_SOURCE_METADATA;
use crate::table::Table;
use icebridge_http::Failure;
use icebridge_model::{Code, Error, Result};
use serde_json::{Map, Value, json};

const ATTEMPTS: u32 = 4;

impl RestCatalog {
    pub(super) async fn advance_by_updates(
        &self,
        from: &Table,
        metadata_location: &str,
        turns: &mut dyn Turns,
    ) -> Result<Table> {
        let table = &from.ident;
        let next = Table::open(table.clone(), metadata_location.to_string(), from.storage.clone()).await?;
        let body = json!({
            "identifier": {"namespace": table.namespace, "name": table.name},
            "requirements": requirements(&from.metadata, &next.metadata),
            "updates": updates(&from.metadata, &next.metadata).map_err(|e| e.about(table))?,
        });
        let advanced = self.commit_updates(from, &next, &body, turns).await?;
        // The catalog writes metadata files of its own: ours has told what is in it.
        if advanced.metadata_location != metadata_location
            && let Err(error) = from.storage.delete(metadata_location).await
        {
            tracing::warn!(path = metadata_location, %error, "a metadata file that nobody needs is left");
        }
        Ok(advanced)
    }

    async fn commit_updates(&self, from: &Table, next: &Table, body: &Value, turns: &mut dyn Turns) -> Result<Table> {
        let path = self.client.table_path(&from.ident)?;
        let (mut last, mut in_doubt) = (None, false);
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(self.client.retry().backoff(attempt)).await;
            }
            turns.next().await;
            match self.client.post::<Value>(&path, body).await {
                Ok(_) => return self.load(&from.ident).await.map_err(|e| e.about(&from.ident)),
                Err(Failure::Refused(refusal)) if refusal.is_conflict() => {
                    turns.lost();
                    last = Some(refusal.into_error());
                }
                Err(Failure::Unknown(error)) => (in_doubt, last) = (true, Some(error)),
                Err(failure) if in_doubt => last = Some(failure.into()),
                Err(failure) => return Err(Error::from(failure).about(&from.ident)),
            }
            match self.load(&from.ident).await {
                Ok(now) if is_at(&now.metadata, &next.metadata) => return Ok(now),
                // As before: the commit lost against nothing, and may be tried again.
                Ok(now) if now.metadata_location == from.metadata_location => {}
                Ok(_) => return Err(target_changed(&from.ident)),
                Err(e) if in_doubt => return Err(commit_unknown(&from.ident).with_cause(e)),
                Err(e) => last = Some(e),
            }
        }
        let last = last.unwrap_or_else(|| Error::internal("a commit without an answer"));
        Err(if in_doubt { commit_unknown(&from.ident).with_cause(last) } else { last.about(&from.ident) })
    }
}

/// Both tell which state of the source they have, and in one step with it.
fn is_at(now: &TableMetadata, next: &TableMetadata) -> bool {
    let source = |metadata: &TableMetadata| metadata.properties.get(PROPERTY_SOURCE_METADATA).cloned();
    now.current_snapshot_id == next.current_snapshot_id && source(now) == source(next)
}

/// Each ref that is set was not moved by others meanwhile.
fn requirements(from: &TableMetadata, next: &TableMetadata) -> Vec<Value> {
    let last_column = from.raw.get("last-column-id").and_then(Value::as_i64);
    let mut all = vec![
        json!({"type": "assert-table-uuid", "uuid": from.uuid}),
        json!({"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": from.current_snapshot_id}),
        json!({"type": "assert-current-schema-id", "current-schema-id": from.current_schema_id}),
        json!({"type": "assert-default-spec-id", "default-spec-id": from.default_spec_id}),
        json!({"type": "assert-default-sort-order-id", "default-sort-order-id": from.default_sort_order_id}),
    ];
    all.extend(
        next.refs
            .keys()
            .filter(|name| *name != "main")
            .map(|name| json!({"type": "assert-ref-snapshot-id", "ref": name, "snapshot-id": from.reference(name)})),
    );
    all.extend(last_column.map(|id| json!({"type": "assert-last-assigned-field-id", "last-assigned-field-id": id})));
    all
}

fn updates(from: &TableMetadata, next: &TableMetadata) -> Result<Vec<Value>> {
    let mut updates = Vec::new();
    if next.format_version > from.format_version {
        updates.push(json!({"action": "upgrade-format-version", "format-version": next.format_version}));
    }
    let last_column = &next.raw["last-column-id"];
    for schema in added(from, next, "schemas", "schema-id")? {
        updates.push(json!({"action": "add-schema", "schema": schema, "last-column-id": last_column}));
    }
    if next.current_schema_id != from.current_schema_id {
        updates.push(json!({"action": "set-current-schema", "schema-id": next.current_schema_id}));
    }
    for spec in added(from, next, "partition-specs", "spec-id")? {
        updates.push(json!({"action": "add-spec", "spec": spec}));
    }
    if next.default_spec_id != from.default_spec_id {
        updates.push(json!({"action": "set-default-spec", "spec-id": next.default_spec_id}));
    }
    for order in added(from, next, "sort-orders", "order-id")? {
        updates.push(json!({"action": "add-sort-order", "sort-order": order}));
    }
    if next.default_sort_order_id != from.default_sort_order_id {
        updates.push(json!({"action": "set-default-sort-order", "sort-order-id": next.default_sort_order_id}));
    }
    updates.extend(snapshots(from, next));
    updates.extend(refs(from, next)?);
    check_refs(from, next)?;
    updates.extend(properties(from, next));
    Ok(updates)
}

/// The elements that `next` has more, in the order of their ids. A server numbers them on from the highest it has.
fn added<'a>(from: &'a TableMetadata, next: &'a TableMetadata, list: &str, key: &str) -> Result<Vec<&'a Value>> {
    let all = |of: &'a TableMetadata| of.raw.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let id = |element: &Value| element.get(key).and_then(Value::as_i64);
    let mut new: Vec<&Value> = Vec::new();
    for element in all(next) {
        match all(from).iter().find(|known| id(known) == id(element)) {
            None => new.push(element),
            Some(known) if is_same(known, element) => {}
            Some(_) => return Err(changed_by_others(&format!("other {list}"))),
        }
    }
    new.sort_by_key(|element| id(element));
    let mut highest = all(from).iter().filter_map(id).max().unwrap_or(-1);
    for element in &new {
        highest += 1;
        match id(element) {
            Some(id) if id == highest => {}
            Some(id) if id < highest => {
                return Err(changed_by_others(&format!("{list} that the source does not have")));
            }
            _ => return Err(numbered_with_gaps(list)),
        }
    }
    Ok(new)
}

/// Whether two schemas, specs or sort orders say the same. A server may leave out what is empty, and add what is usual.
fn is_same(one: &Value, other: &Value) -> bool {
    const TELLING: [&str; 21] = [
        "fields",
        "id",
        "name",
        "type",
        "required",
        "element-id",
        "element",
        "element-required",
        "key-id",
        "key",
        "value-id",
        "value",
        "value-required",
        "source-id",
        "source-ids",
        "field-id",
        "transform",
        "direction",
        "null-order",
        "initial-default",
        "write-default",
    ];
    fn telling(value: &Value) -> Value {
        match value {
            Value::Object(object) => Value::Object(
                object
                    .iter()
                    .filter(|(key, value)| TELLING.contains(&key.as_str()) && !value.is_null())
                    .map(|(key, value)| (key.clone(), telling(value)))
                    .collect(),
            ),
            Value::Array(all) => Value::Array(all.iter().map(telling).collect()),
            other => other.clone(),
        }
    }
    let fields = |element: &Value| element.get("fields").map(telling).unwrap_or_else(|| json!([]));
    fields(one) == fields(other)
}

fn snapshots<'a>(from: &'a TableMetadata, next: &'a TableMetadata) -> impl Iterator<Item = Value> + 'a {
    let all = next.raw.get("snapshots").and_then(Value::as_array);
    let id = |snapshot: &Value| snapshot.get("snapshot-id").and_then(Value::as_i64);
    let number = |snapshot: &Value, key: &str| snapshot.get(key).and_then(Value::as_i64).unwrap_or(0);
    // What the target has expired by itself does not come back: a server takes no snapshot from before its last.
    let is_later = move |snapshot: &Value| match number(snapshot, "sequence-number") {
        0 => true,
        sequence => sequence > from.last_sequence_number,
    };
    let is_new =
        move |snapshot: &&Value| id(snapshot).is_some_and(|id| from.snapshot(id).is_none()) && is_later(snapshot);
    let mut new: Vec<&Value> = all.into_iter().flatten().filter(is_new).collect();
    new.sort_by_key(|snapshot| (number(snapshot, "sequence-number"), number(snapshot, "timestamp-ms")));
    new.into_iter().map(|snapshot| json!({"action": "add-snapshot", "snapshot": snapshot}))
}

/// What a ref of the source names must be there after the commit.
fn check_refs(from: &TableMetadata, next: &TableMetadata) -> Result<()> {
    let sent: Vec<Value> = snapshots(from, next).map(|sent| sent["snapshot"]["snapshot-id"].clone()).collect();
    let named = next.refs.values().map(|reference| reference.snapshot_id).chain(next.current_snapshot_id);
    match named.into_iter().find(|id| from.snapshot(*id).is_none() && !sent.contains(&json!(id))) {
        None => Ok(()),
        Some(id) => Err(Error::new(
            Code::Unsupported,
            format!(
                "the source goes on from an earlier point of its history: the target cannot take snapshot {id} any more"
            ),
        )
        .with_hint("The target keeps the state that it has. Copy the table anew, by a new plan.")),
    }
}

/// Of those that the source has.
fn refs(from: &TableMetadata, next: &TableMetadata) -> Result<Vec<Value>> {
    let mut updates = Vec::new();
    let known = from.raw.get("refs").and_then(Value::as_object);
    let mut wanted: Map<String, Value> = next.raw.get("refs").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(id) = next.current_snapshot_id {
        wanted.entry("main").or_insert_with(|| json!({"snapshot-id": id, "type": "branch"}));
    } else if from.current_snapshot_id.is_some() {
        updates.push(json!({"action": "remove-snapshot-ref", "ref-name": "main"}));
    }
    for (name, reference) in &wanted {
        if known.and_then(|known| known.get(name)) == Some(reference) {
            continue;
        }
        let theirs = from.reference(name).filter(|id| next.snapshot(*id).is_none());
        if theirs.is_some() && name != "main" {
            return Err(changed_by_others(&format!("the ref {name} at a snapshot that the source does not have")));
        }
        let mut set = Map::from_iter([("action".into(), json!("set-snapshot-ref")), ("ref-name".into(), json!(name))]);
        set.extend(reference.as_object().cloned().unwrap_or_default());
        updates.push(Value::Object(set));
    }
    Ok(updates)
}

fn properties(from: &TableMetadata, next: &TableMetadata) -> Vec<Value> {
    // Marks of ours that no longer hold, such as the snapshot of a source that has none any more.
    let gone: Vec<&String> = from
        .properties
        .keys()
        .filter(|key| key.starts_with("icebridge.") && !next.properties.contains_key(*key))
        .collect();
    let changed: Map<String, Value> = next
        .properties
        .iter()
        .filter(|(key, value)| from.properties.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    let mut updates = Vec::new();
    if !changed.is_empty() {
        updates.push(json!({"action": "set-properties", "updates": changed}));
    }
    if !gone.is_empty() {
        updates.push(json!({"action": "remove-properties", "removals": gone}));
    }
    updates
}

fn numbered_with_gaps(list: &str) -> Error {
    Error::new(Code::Unsupported, format!("the source numbers its {list} with gaps, which a REST catalog would close"))
        .with_hint("The target keeps the state that it has. Copy the table anew, by a new plan.")
}

fn changed_by_others(what: &str) -> Error {
    Error::new(Code::TargetChanged, format!("somebody else has written to the table in the target: it has {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let sent: Vec<_> = snapshots(&from, &next).map(|one| one["snapshot"]["snapshot-id"].clone()).collect();
        assert_eq!(sent, [2, 3]);
        assert!(actions(&next, &next).is_empty());
        // The target has expired its first snapshot.
        let later = table(&[0], &[1, 4], json!({}));
        let sent: Vec<_> = snapshots(&table(&[0], &[2], json!({})), &later).collect();
        assert_eq!(sent.len(), 1);
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
        let mut theirs = table(&[0, 1], &[1], json!({}));
        theirs.raw["schemas"][1]["fields"][1]["name"] = json!("theirs");
        refuses(&theirs, &table(&[0, 1, 2], &[1], json!({})));
        refuses(&table(&[0, 5], &[1], json!({})), &table(&[0, 1], &[1], json!({})));
        // Nested columns of one name and id are two if their fields are.
        let nested = |field: &str| {
            let mut one = table(&[0, 1], &[1], json!({}));
            let inner =
                json!({"type": "struct", "fields": [{"id": 5, "name": field, "required": false, "type": "int"}]});
            one.raw["schemas"][1]["fields"][1]["type"] = inner;
            one
        };
        refuses(&nested("theirs"), &nested("ours"));
        updates(&nested("ours"), &nested("ours")).unwrap();
        // The source's next schema would get another number, or its ref names what the target does not take any more.
        let cannot = |from: &TableMetadata, next: &TableMetadata| {
            assert_eq!(updates(from, next).unwrap_err().code, Code::Unsupported);
        };
        cannot(&table(&[0], &[1], json!({})), &table(&[0, 2], &[1], json!({})));
        cannot(&table(&[0], &[7], json!({})), &table(&[0], &[5], json!({})));
        let branch = |id: i64| json!({"b": {"snapshot-id": id, "type": "branch"}});
        refuses(&table(&[0], &[1, 7], branch(7)), &table(&[0], &[1, 2], branch(2)));
    }
}

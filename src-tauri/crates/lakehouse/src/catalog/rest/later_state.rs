//! What a later state of a table has more than the one that a REST catalog has, as the updates of a commit.
//!
//! Schemas, specs, sort orders and snapshots keep the source's ids; where a server would number them otherwise, nothing is sent.
//! Snapshots that the source no longer has stay: nothing tells them from another writer's. Of refs, a mark tells which are ours.

use crate::metadata::TableMetadata;
use crate::name_mapping::PROPERTY_NAME_MAPPING;
use crate::provenance::MarkedRefs;
use icebridge_model::{Code, Error, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Each ref that is set was not moved by others meanwhile.
pub(super) fn requirements(from: &TableMetadata, next: &TableMetadata) -> Vec<Value> {
    let last_column = from.raw.get("last-column-id").and_then(Value::as_i64);
    let mut all = vec![
        json!({"type": "assert-table-uuid", "uuid": from.uuid}),
        json!({"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": from.current_snapshot_id}),
        json!({"type": "assert-current-schema-id", "current-schema-id": from.current_schema_id}),
        json!({"type": "assert-default-spec-id", "default-spec-id": from.default_spec_id}),
        json!({"type": "assert-default-sort-order-id", "default-sort-order-id": from.default_sort_order_id}),
    ];
    let touched: BTreeSet<&String> = next.refs.keys().chain(dropped_refs(from, next)).collect();
    all.extend(
        touched
            .into_iter()
            .filter(|name| *name != "main")
            .map(|name| json!({"type": "assert-ref-snapshot-id", "ref": name, "snapshot-id": from.reference(name)})),
    );
    all.extend(last_column.map(|id| json!({"type": "assert-last-assigned-field-id", "last-assigned-field-id": id})));
    all
}

pub(super) fn updates(from: &TableMetadata, next: &TableMetadata) -> Result<Vec<Value>> {
    if from.format_version > next.format_version {
        return Err(changed_by_others(&format!("format version {}", from.format_version)));
    }
    let new = snapshots(from, next);
    check_row_ids(from, next, &new)?;
    let mut updates = Vec::new();
    // A snapshot of an older version goes before the version is raised: afterwards a server wants of it what it does not have.
    let mut version = from.format_version;
    let mut later = Vec::new();
    for snapshot in &new {
        match version_of(snapshot) < next.format_version {
            true => {
                raise(&mut updates, &mut version, version_of(snapshot));
                updates.push(json!({"action": "add-snapshot", "snapshot": snapshot}));
            }
            false => later.push(json!({"action": "add-snapshot", "snapshot": snapshot})),
        }
    }
    raise(&mut updates, &mut version, next.format_version);
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
    updates.extend(later);
    updates.extend(refs(from, next)?);
    check_refs(from, next, &new)?;
    updates.extend(properties(from, next));
    Ok(updates)
}

fn raise(updates: &mut Vec<Value>, version: &mut u8, to: u8) {
    if to > *version {
        updates.push(json!({"action": "upgrade-format-version", "format-version": to}));
        *version = to;
    }
}

/// The format version in which a snapshot was made, by what it has.
fn version_of(snapshot: &Value) -> u8 {
    match snapshot.get("first-row-id").and_then(Value::as_i64) {
        Some(_) => 3,
        None if number(snapshot, "sequence-number") > 0 => 2,
        None => 1,
    }
}

/// A server counts row ids by the snapshots that it is sent, and gives later writers the next ones.
fn check_row_ids(from: &TableMetadata, next: &TableMetadata, new: &[&Value]) -> Result<()> {
    if from.format_version >= 3 && new.iter().any(|snapshot| version_of(snapshot) < 3) {
        return Err(Error::new(
            Code::Unsupported,
            "the target has format version 3, and the source's snapshots have no row ids, which a REST catalog wants",
        )
        .with_hint("The target keeps the state that it has. Copy the table anew, in the source's format version."));
    }
    let counted = |metadata: &TableMetadata| number(&metadata.raw, "next-row-id");
    let sent: i64 = new.iter().map(|snapshot| number(snapshot, "added-rows")).fold(0, i64::saturating_add);
    match next.format_version >= 3 && counted(next) > counted(from).saturating_add(sent) {
        false => Ok(()),
        true => Err(Error::new(
            Code::Unsupported,
            "the source has given row ids in snapshots that are expired, and a REST catalog would give them once more",
        )
        .with_hint("The target keeps the state that it has. Copy the table anew, by a new plan; sync more often than snapshots expire.")),
    }
}

fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or(0)
}

/// The schemas, specs or sort orders of a table. Old writers of version 1 have one of each, under another name.
fn all(of: &TableMetadata, list: &str) -> Vec<Value> {
    match (of.raw.get(list).and_then(Value::as_array), list) {
        (Some(all), "partition-specs") => all.iter().cloned().map(with_field_ids).collect(),
        (Some(all), _) => all.clone(),
        (None, "schemas") => {
            of.raw.get("schema").map(|schema| with_id(schema.clone(), "schema-id")).into_iter().collect()
        }
        (None, "partition-specs") => {
            let spec = |fields: &Value| with_field_ids(with_id(json!({"fields": fields}), "spec-id"));
            of.raw.get("partition-spec").map(spec).into_iter().collect()
        }
        (None, _) => Vec::new(),
    }
}

/// Version 1 may leave them out: "In v1, partition field IDs were not tracked, but were assigned sequentially starting at 1000" (spec,
/// "Partition Evolution").
fn with_field_ids(mut spec: Value) -> Value {
    for (at, field) in spec["fields"].as_array_mut().into_iter().flatten().enumerate() {
        if let Some(field) = field.as_object_mut() {
            field.entry("field-id").or_insert_with(|| json!(1000 + at));
        }
    }
    spec
}

fn with_id(mut element: Value, key: &str) -> Value {
    if let Some(object) = element.as_object_mut() {
        object.entry(key).or_insert_with(|| json!(0));
    }
    element
}

/// The elements that `next` has more, in the order of their ids. A server numbers them on from the highest it has.
fn added(from: &TableMetadata, next: &TableMetadata, list: &str, key: &str) -> Result<Vec<Value>> {
    let id = |element: &Value| element.get(key).and_then(Value::as_i64);
    let is_unsorted = |element: &Value| {
        list == "sort-orders" && element.get("fields").and_then(Value::as_array).is_none_or(Vec::is_empty)
    };
    let known = all(from, list);
    let mut new = Vec::new();
    for element in all(next, list) {
        match known.iter().find(|known| id(known) == id(&element)) {
            None => new.push(element),
            Some(known) if is_same(known, &element) => {}
            Some(_) => return Err(numbered_anew(list, id(&element))),
        }
    }
    new.sort_by_key(|element| id(element));
    let mut highest = known.iter().filter_map(id).max().unwrap_or(-1);
    // Before its own first order a server counts from that of the unsorted.
    if list == "sort-orders" {
        highest = highest.max(0);
    }
    for element in &new {
        match id(element) {
            Some(0) if is_unsorted(element) => {}
            Some(id) if id == highest + 1 => highest = id,
            Some(id) if id <= highest => return Err(numbered_anew(list, Some(id))),
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

/// Those that the target lacks, in the order in which they were made.
fn snapshots<'a>(from: &'a TableMetadata, next: &'a TableMetadata) -> Vec<&'a Value> {
    let all = next.raw.get("snapshots").and_then(Value::as_array);
    let id = |snapshot: &Value| snapshot.get("snapshot-id").and_then(Value::as_i64);
    // What the target has expired by itself does not come back: a server takes no snapshot from before its last.
    let is_later = |snapshot: &Value| match number(snapshot, "sequence-number") {
        0 => true,
        sequence => sequence > from.last_sequence_number,
    };
    let is_new = |snapshot: &&Value| id(snapshot).is_some_and(|id| from.snapshot(id).is_none()) && is_later(snapshot);
    let mut new: Vec<&Value> = all.into_iter().flatten().filter(is_new).collect();
    new.sort_by_key(|snapshot| (number(snapshot, "sequence-number"), number(snapshot, "timestamp-ms")));
    new
}

/// Whether a snapshot that would be sent is older than what the catalog has seen of the table.
pub(super) fn is_older_than_the_last_change(from: &TableMetadata, next: &TableMetadata) -> bool {
    snapshots(from, next).iter().any(|snapshot| number(snapshot, "timestamp-ms") < from.last_updated_ms)
}

/// What a ref of the source names must be there after the commit.
fn check_refs(from: &TableMetadata, next: &TableMetadata, new: &[&Value]) -> Result<()> {
    let sent: Vec<&Value> = new.iter().map(|sent| &sent["snapshot-id"]).collect();
    let named = next.refs.values().map(|reference| reference.snapshot_id).chain(next.current_snapshot_id);
    match named.into_iter().find(|id| from.snapshot(*id).is_none() && !sent.contains(&&json!(id))) {
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

/// Of ours that the source no longer has, and nobody has moved since.
fn dropped_refs<'a>(from: &'a TableMetadata, next: &'a TableMetadata) -> Vec<&'a String> {
    let Some(ours) = MarkedRefs::of(from) else { return Vec::new() };
    let is_dropped =
        |name: &&String| *name != "main" && !next.refs.contains_key(*name) && ours.get(name) == from.reference(name);
    from.refs.keys().filter(is_dropped).collect()
}

fn refs(from: &TableMetadata, next: &TableMetadata) -> Result<Vec<Value>> {
    let mut updates = Vec::new();
    let known = from.raw.get("refs").and_then(Value::as_object);
    let ours = MarkedRefs::of(from);
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
        let is_ours = |at: i64| match &ours {
            Some(ours) => ours.get(name) == Some(at),
            // A table of an earlier version of this program has no such mark.
            None => next.snapshot(at).is_some(),
        };
        let wanted_at = reference.get("snapshot-id").and_then(Value::as_i64);
        if let Some(theirs) = from.reference(name).filter(|at| Some(*at) != wanted_at && !is_ours(*at))
            && name != "main"
        {
            return Err(changed_by_others(&format!("the ref {name}, which the source has too, at snapshot {theirs}")));
        }
        let mut set = Map::from_iter([("action".into(), json!("set-snapshot-ref")), ("ref-name".into(), json!(name))]);
        set.extend(reference.as_object().cloned().unwrap_or_default());
        updates.push(Value::Object(set));
    }
    let dropped = dropped_refs(from, next);
    updates.extend(dropped.iter().map(|name| json!({"action": "remove-snapshot-ref", "ref-name": name})));
    Ok(updates)
}

fn properties(from: &TableMetadata, next: &TableMetadata) -> Vec<Value> {
    // Marks of ours that no longer hold, such as the snapshot of a source that has none any more; and the name mapping, by which
    // rows are read.
    let is_ours = |key: &str| key.starts_with("icebridge.") || key == PROPERTY_NAME_MAPPING;
    let gone: Vec<&String> =
        from.properties.keys().filter(|key| is_ours(key) && !next.properties.contains_key(*key)).collect();
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

fn numbered_anew(list: &str, id: Option<i64>) -> Error {
    let id = id.map(|id| format!(" {id}")).unwrap_or_default();
    Error::new(
        Code::Unsupported,
        format!("of the {list} of source and target,{id} are not the same, and a REST catalog keeps what it has"),
    )
    .with_hint(
        "Either the source has used the id again, which happens where metadata is cleaned together with old snapshots or the source \
         is set back; or somebody else has written to the target. It keeps the state that it has. Copy the table anew, by a new plan.",
    )
}

fn numbered_with_gaps(list: &str) -> Error {
    Error::new(Code::Unsupported, format!("the source numbers its {list} with gaps, which a REST catalog would close"))
        .with_hint("The target keeps the state that it has. Copy the table anew, by a new plan.")
}

fn changed_by_others(what: &str) -> Error {
    Error::new(Code::TargetChanged, format!("somebody else has written to the table in the target: it has {what}"))
}

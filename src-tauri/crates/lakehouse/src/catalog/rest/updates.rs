//! A whole metadata document as the updates that make a table of it. Sent this way, and not as a `create`, because the
//! server then keeps the field ids it is given: data files are read by them.

use crate::metadata::TableMetadata;
use crate::provenance::{PROPERTY_FILLED_BY_PLAN, PROPERTY_FILLED_FROM};
use icebridge_model::{Error, Result};
use serde_json::{Map, Value, json};

/// `uuid`: the one the server gave at staging, where it did.
pub(super) fn updates(metadata: &Value, uuid: Option<&str>) -> Result<Vec<Value>> {
    let uuid = uuid.or_else(|| metadata["table-uuid"].as_str()).ok_or_else(|| unfit("has no table-uuid"))?;
    let version = metadata["format-version"].as_i64().ok_or_else(|| unfit("has no format-version"))?;
    let mut updates = vec![
        json!({"action": "assign-uuid", "uuid": uuid}),
        json!({"action": "upgrade-format-version", "format-version": version}),
    ];

    // The server numbers schemas, specs and orders itself, from the first number of each kind.
    let current = &metadata["current-schema-id"];
    let mut schema = element(metadata, "schemas", "schema-id", current)?.clone();
    schema["schema-id"] = json!(0);
    let mut add = json!({"action": "add-schema", "schema": schema});
    if let Some(last) = metadata["last-column-id"].as_i64() {
        add["last-column-id"] = json!(last);
    }
    updates.push(add);
    updates.push(json!({"action": "set-current-schema", "schema-id": -1}));

    let spec = element(metadata, "partition-specs", "spec-id", &metadata["default-spec-id"])?;
    if spec["spec-id"] != 0 {
        return Err(unfit("has a default partition spec whose id is not 0, as its manifests must say"));
    }
    updates.push(json!({"action": "add-spec", "spec": spec}));
    updates.push(json!({"action": "set-default-spec", "spec-id": -1}));

    updates.extend(sort_order(metadata)?);

    let location = metadata["location"].as_str().ok_or_else(|| unfit("has no location"))?;
    updates.push(json!({"action": "set-location", "location": location}));
    if let Some(properties) = metadata["properties"].as_object().filter(|p| !p.is_empty()) {
        updates.push(json!({"action": "set-properties", "updates": properties}));
    }

    updates.extend(snapshot(metadata, 0)?);
    Ok(updates)
}

/// What fills a table that was made empty: its schema and spec are there, under the ids that the server gave. `empty`: the
/// table as the server has it.
pub(super) fn filling(metadata: &Value, empty: &TableMetadata) -> Result<Vec<Value>> {
    let version = metadata["format-version"].as_i64().ok_or_else(|| unfit("has no format-version"))?;
    let mut updates = Vec::new();
    if version > i64::from(empty.format_version) {
        updates.push(json!({"action": "upgrade-format-version", "format-version": version}));
    }
    let order = sort_order(metadata)?;
    if !empty.sort_order().fields.is_empty() || order[0]["sort-order"]["order-id"] != 0 {
        updates.extend(order);
    }
    if let Some(properties) = metadata["properties"].as_object().filter(|p| !p.is_empty()) {
        updates.push(json!({"action": "set-properties", "updates": properties}));
    }
    updates.push(json!({"action": "remove-properties", "removals": [PROPERTY_FILLED_BY_PLAN, PROPERTY_FILLED_FROM]}));
    updates.extend(snapshot(metadata, empty.current_schema_id)?);
    Ok(updates)
}

fn sort_order(metadata: &Value) -> Result<[Value; 2]> {
    let order = element(metadata, "sort-orders", "order-id", &metadata["default-sort-order-id"])?;
    let unsorted = order["fields"].as_array().is_none_or(Vec::is_empty);
    if order["order-id"] != i32::from(!unsorted) {
        return Err(unfit("has a default sort order whose id is not 1 (or 0 for none)"));
    }
    Ok([
        json!({"action": "add-sort-order", "sort-order": order}),
        json!({"action": "set-default-sort-order", "sort-order-id": -1}),
    ])
}

/// The one snapshot, if there is one, and what names it.
fn snapshot(metadata: &Value, schema_id: i32) -> Result<Vec<Value>> {
    let mut updates = Vec::new();
    let snapshots = metadata["snapshots"].as_array().map(Vec::as_slice).unwrap_or_default();
    if snapshots.len() > 1 {
        return Err(unfit("has several snapshots; a catalog takes one in a commit"));
    }
    if let Some(snapshot) = snapshots.first() {
        let mut snapshot = snapshot.clone();
        if let Some(of) = snapshot.get_mut("schema-id") {
            *of = json!(schema_id);
        }
        let id = snapshot["snapshot-id"].as_i64().ok_or_else(|| unfit("has a snapshot without an id"))?;
        updates.push(json!({"action": "add-snapshot", "snapshot": snapshot}));
        let main = json!({"main": {"snapshot-id": id, "type": "branch"}});
        let refs = metadata["refs"].as_object().filter(|refs| !refs.is_empty());
        for (name, reference) in refs.or(main.as_object()).into_iter().flatten() {
            let mut set =
                Map::from_iter([("action".into(), json!("set-snapshot-ref")), ("ref-name".into(), json!(name))]);
            set.extend(reference.as_object().cloned().unwrap_or_default());
            updates.push(Value::Object(set));
        }
    }
    Ok(updates)
}

/// The body of a request that makes the table without a row, with marks that say who fills it.
pub(super) fn creation(name: &str, draft: &Value, marks: &[(&str, &str)]) -> Result<Value> {
    let mut body = staging(name, draft, None)?;
    if let Some(body) = body.as_object_mut() {
        body.remove("stage-create");
    }
    for (key, value) in marks {
        body["properties"][*key] = json!(value);
    }
    Ok(body)
}

/// The body of a staging request: the same table without its snapshot.
pub(super) fn staging(name: &str, draft: &Value, location: Option<&str>) -> Result<Value> {
    let schema = element(draft, "schemas", "schema-id", &draft["current-schema-id"])?;
    // The place is all that is asked for. Properties and sort order come with the commit, as far as the target takes them; a
    // server that manages such things itself refuses the source's. Nobody stages a table of version 1 any more.
    let version = draft["format-version"].as_i64().unwrap_or(2).max(2);
    let properties = json!({"format-version": version.to_string()});
    let mut body = json!({"name": name, "schema": schema, "stage-create": true, "properties": properties});
    if let Ok(spec) = element(draft, "partition-specs", "spec-id", &draft["default-spec-id"]) {
        body["partition-spec"] = spec.clone();
    }
    if let Some(location) = location {
        body["location"] = json!(location);
    }
    Ok(body)
}

fn element<'a>(metadata: &'a Value, list: &str, key: &str, id: &Value) -> Result<&'a Value> {
    let found = metadata[list].as_array().and_then(|all| all.iter().find(|e| e[key] == *id));
    found.ok_or_else(|| unfit(&format!("names an element that is not among its {list}")))
}

fn unfit(what: &str) -> Error {
    Error::internal(format!("the metadata document to publish {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({"format-version": 2, "table-uuid": "u", "location": "s3://b/t", "last-column-id": 7,
            "schemas": [{"schema-id": 3, "type": "struct", "fields": [{"id": 7, "name": "a", "required": true, "type": "int"}]}],
            "current-schema-id": 3, "partition-specs": [{"spec-id": 0, "fields": []}], "default-spec-id": 0,
            "sort-orders": [{"order-id": 1, "fields": [{"source-id": 7, "transform": "identity", "direction": "asc",
            "null-order": "nulls-first"}]}], "default-sort-order-id": 1, "properties": {"p": "q"},
            "snapshots": [{"snapshot-id": 9, "schema-id": 3, "manifest-list": "s3://b/t/l"}], "current-snapshot-id": 9})
    }

    #[test]
    fn field_ids_survive_and_the_snapshot_follows_the_schema() {
        let all = updates(&document(), Some("theirs")).unwrap();
        let actions: Vec<_> = all.iter().map(|u| u["action"].as_str().unwrap()).collect();
        assert_eq!(
            actions,
            [
                "assign-uuid",
                "upgrade-format-version",
                "add-schema",
                "set-current-schema",
                "add-spec",
                "set-default-spec",
                "add-sort-order",
                "set-default-sort-order",
                "set-location",
                "set-properties",
                "add-snapshot",
                "set-snapshot-ref"
            ]
        );
        assert_eq!(all[0]["uuid"], "theirs");
        assert_eq!(all[2]["schema"]["fields"][0]["id"], 7);
        assert_eq!((&all[2]["schema"]["schema-id"], &all[2]["last-column-id"]), (&json!(0), &json!(7)));
        assert_eq!(all[10]["snapshot"]["schema-id"], 0);
        assert_eq!(all[11]["snapshot-id"], 9);
    }

    #[test]
    fn what_a_server_would_renumber_is_refused() {
        for (pointer, value) in [("/partition-specs/0/spec-id", json!(4)), ("/sort-orders/0/order-id", json!(2))] {
            let mut document = document();
            *document.pointer_mut(pointer).unwrap() = value.clone();
            document["default-spec-id"] = document["partition-specs"][0]["spec-id"].clone();
            document["default-sort-order-id"] = document["sort-orders"][0]["order-id"].clone();
            assert!(updates(&document, None).is_err(), "{pointer}");
        }
        let mut two = document();
        two["snapshots"] = json!([{"snapshot-id": 1}, {"snapshot-id": 2}]);
        assert!(updates(&two, None).is_err());
    }

    #[test]
    fn an_empty_table_has_no_snapshot_to_send() {
        let mut empty = document();
        empty["snapshots"] = json!([]);
        empty["properties"] = json!({});
        let all = updates(&empty, None).unwrap();
        assert_eq!(all.last().unwrap()["action"], "set-location");
        let body = staging("t", &empty, Some("s3://b/x")).unwrap();
        assert_eq!(body["properties"]["format-version"], "2");
        assert_eq!((&body["location"], &body["stage-create"]), (&json!("s3://b/x"), &json!(true)));
    }
}

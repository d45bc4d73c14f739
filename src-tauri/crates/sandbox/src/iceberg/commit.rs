//! A commit: what the client requires of the table, and what it changes.

use super::error::IcebergError;
use super::rules::Rules;
use super::{create, fields};
use serde_json::{Map, Value, json};

/// The table after a commit. `now` is the time that new entries get.
pub fn apply(mut table: Value, request: &Map<String, Value>, now: i64, rules: &Rules) -> Result<Value, IcebergError> {
    let list = |name: &str| request.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for requirement in list("requirements") {
        require(&table, &requirement).map_err(|why| rules.conflict(&why))?;
    }
    let updates = list("updates");
    if updates.iter().filter(|one| one["action"] == "add-snapshot").count() > 1 {
        return Err(IcebergError::bad("Adding multiple snapshots in a single update is not supported"));
    }
    let mut last = Last::default();
    for update in &updates {
        change(&mut table, update, &mut last, now, rules)?;
    }
    if table["current-schema-id"] == -1 {
        return Err(IcebergError::bad("the table would have no schema"));
    }
    table["last-updated-ms"] = json!(now);
    Ok(table)
}

/// "Whatever was added last" is written as -1.
#[derive(Default)]
struct Last {
    schema: Option<Value>,
    spec: Option<Value>,
    order: Option<Value>,
}

fn require(table: &Value, requirement: &Value) -> Result<(), String> {
    let same = |name: &str, params: &str| {
        let (is, wanted) = (&table[name], &requirement[params]);
        if is == wanted { Ok(()) } else { Err(format!("{name} is {is}, required was {wanted}")) }
    };
    match requirement["type"].as_str().unwrap_or_default() {
        // Decided by who stores it: there is a first version, or there is none yet.
        "assert-create" => Ok(()),
        "assert-table-uuid" => same("table-uuid", "uuid"),
        "assert-current-schema-id" => same("current-schema-id", "current-schema-id"),
        "assert-last-assigned-field-id" => same("last-column-id", "last-assigned-field-id"),
        "assert-last-assigned-partition-id" => same("last-partition-id", "last-assigned-partition-id"),
        "assert-default-spec-id" => same("default-spec-id", "default-spec-id"),
        "assert-default-sort-order-id" => same("default-sort-order-id", "default-sort-order-id"),
        "assert-ref-snapshot-id" => {
            let name = requirement["ref"].as_str().unwrap_or_default();
            let (is, wanted) = (&table["refs"][name]["snapshot-id"], &requirement["snapshot-id"]);
            if is == wanted { Ok(()) } else { Err(format!("branch {name} is at {is}, required was {wanted}")) }
        }
        other => Err(format!("the requirement {other} is not known")),
    }
}

fn change(table: &mut Value, update: &Value, last: &mut Last, now: i64, rules: &Rules) -> Result<(), IcebergError> {
    match update["action"].as_str().unwrap_or_default() {
        "assign-uuid" => {
            if !table["snapshots"].as_array().is_some_and(Vec::is_empty) && table["table-uuid"] != update["uuid"] {
                return Err(IcebergError::bad("a table's uuid cannot be changed"));
            }
            table["table-uuid"] = update["uuid"].clone();
        }
        "upgrade-format-version" => {
            let version = update["format-version"].as_i64().unwrap_or_default();
            rules.check_version(version)?;
            if table["format-version"].as_i64().is_some_and(|is| version < is) {
                return Err(IcebergError::bad("a format version cannot be lowered"));
            }
            table["format-version"] = json!(version);
        }
        "add-schema" => {
            fields::check(&update["schema"])?;
            let id = add(&mut table["schemas"], &update["schema"], "schema-id", 0);
            let highest = fields::last(&update["schema"]).max(table["last-column-id"].as_i64().unwrap_or_default());
            table["last-column-id"] = json!(highest);
            last.schema = Some(id);
        }
        "set-current-schema" => {
            table["current-schema-id"] = chosen(&update["schema-id"], last.schema.as_ref())?;
        }
        "add-spec" => {
            rules.check_spec(&update["spec"])?;
            let id = add(&mut table["partition-specs"], &update["spec"], "spec-id", 0);
            let highest =
                create::last_partition(&update["spec"]).max(table["last-partition-id"].as_i64().unwrap_or(999));
            table["last-partition-id"] = json!(highest);
            last.spec = Some(id);
        }
        "set-default-spec" => table["default-spec-id"] = chosen(&update["spec-id"], last.spec.as_ref())?,
        "add-sort-order" => {
            let unsorted = update["sort-order"]["fields"].as_array().is_none_or(Vec::is_empty);
            let id = add(&mut table["sort-orders"], &update["sort-order"], "order-id", i64::from(!unsorted));
            last.order = Some(id);
        }
        "set-default-sort-order" => {
            table["default-sort-order-id"] = chosen(&update["sort-order-id"], last.order.as_ref())?;
        }
        "set-location" => {
            if table["location"] != update["location"] {
                return Err(IcebergError::bad("the location of a managed table is its catalog's"));
            }
        }
        "set-properties" => {
            create::allowed(&update["updates"])?;
            for (name, value) in update["updates"].as_object().into_iter().flatten() {
                table["properties"][name] = value.clone();
            }
        }
        "remove-properties" => {
            let names: Vec<&str> =
                update["removals"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if let Some(properties) = table["properties"].as_object_mut() {
                properties.retain(|name, _| !names.contains(&name.as_str()));
            }
        }
        "add-snapshot" => add_snapshot(table, &update["snapshot"])?,
        "set-snapshot-ref" => set_reference(table, update, now)?,
        "remove-snapshots" => {
            let gone = update["snapshot-ids"].as_array().cloned().unwrap_or_default();
            if let Some(snapshots) = table["snapshots"].as_array_mut() {
                snapshots.retain(|one| !gone.contains(&one["snapshot-id"]));
            }
        }
        other => return Err(IcebergError::bad(format!("the update {other} is not supported"))),
    }
    Ok(())
}

/// Adds an element under the next number, unless the same is there; gives its number.
fn add(list: &mut Value, element: &Value, key: &str, first: i64) -> Value {
    let Some(all) = list.as_array_mut() else { return json!(first) };
    let bare = |one: &Value| {
        let mut one = one.clone();
        if let Some(fields) = one.as_object_mut() {
            fields.remove(key);
        }
        one
    };
    if let Some(known) = all.iter().find(|one| bare(one) == bare(element)) {
        return known[key].clone();
    }
    let next = all.iter().filter_map(|one| one[key].as_i64()).max().map_or(first, |highest| (highest + 1).max(first));
    let mut element = element.clone();
    element[key] = json!(next);
    all.push(element);
    json!(next)
}

fn chosen(id: &Value, last: Option<&Value>) -> Result<Value, IcebergError> {
    match (id.as_i64(), last) {
        (Some(-1), Some(last)) => Ok(last.clone()),
        (Some(id), _) if id >= 0 => Ok(json!(id)),
        _ => Err(IcebergError::bad("nothing was added that -1 could mean")),
    }
}

fn add_snapshot(table: &mut Value, snapshot: &Value) -> Result<(), IcebergError> {
    let sequence = snapshot["sequence-number"].as_i64().unwrap_or_default();
    let before = table["last-sequence-number"].as_i64().unwrap_or_default();
    let second = table["format-version"] != 1;
    if second && sequence <= before && !snapshot["parent-snapshot-id"].is_null() {
        return Err(IcebergError::bad(format!("the sequence number {sequence} is not above {before}")));
    }
    let known = table["snapshots"].as_array().into_iter().flatten();
    if known.into_iter().any(|one| one["snapshot-id"] == snapshot["snapshot-id"]) {
        return Err(IcebergError::bad("the snapshot is there already"));
    }
    table["last-sequence-number"] = json!(sequence.max(before));
    if let Some(all) = table["snapshots"].as_array_mut() {
        all.push(snapshot.clone());
    }
    Ok(())
}

fn set_reference(table: &mut Value, update: &Value, now: i64) -> Result<(), IcebergError> {
    if update["ref-name"] != "main" {
        return Err(IcebergError::bad("branches and tags are not supported for managed Iceberg tables"));
    }
    let id = update["snapshot-id"].clone();
    let snapshots = table["snapshots"].as_array().into_iter().flatten();
    let found = snapshots.into_iter().find(|one| one["snapshot-id"] == id).cloned();
    let snapshot = found.ok_or_else(|| IcebergError::bad(format!("there is no snapshot {id}")))?;
    let mut reference = update.as_object().cloned().unwrap_or_default();
    reference.remove("action");
    reference.remove("ref-name");
    table["refs"]["main"] = Value::Object(reference);
    table["current-snapshot-id"] = id.clone();
    let at = snapshot["timestamp-ms"].as_i64().unwrap_or(now);
    if let Some(log) = table["snapshot-log"].as_array_mut() {
        log.push(json!({"snapshot-id": id, "timestamp-ms": at}));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::behaviour::{Behaviour, ManagedV3, PartitionTransforms};

    fn rules(conflicts_as_400: bool) -> Rules {
        Rules::new(&Behaviour::default(), conflicts_as_400)
    }

    fn table() -> Value {
        let mut table = create::empty("u", "file:///t", 2, 1);
        table["current-schema-id"] = json!(0);
        table["schemas"] = json!([{"schema-id": 0, "type": "struct", "fields": []}]);
        table
    }

    fn with(updates: Value, requirements: Value) -> Result<Value, IcebergError> {
        let request = json!({"updates": updates, "requirements": requirements});
        apply(table(), request.as_object().unwrap(), 5, &rules(false))
    }

    fn snapshot(id: i64, sequence: i64) -> Value {
        json!({"action": "add-snapshot", "snapshot": {"snapshot-id": id, "sequence-number": sequence, "timestamp-ms": 3}})
    }

    #[test]
    fn one_snapshot_a_commit_on_main_alone() {
        let main =
            |id: i64| json!({"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": id});
        let done = with(json!([snapshot(7, 1), main(7)]), json!([])).unwrap();
        assert_eq!((&done["current-snapshot-id"], &done["last-sequence-number"]), (&json!(7), &json!(1)));
        assert_eq!(done["refs"]["main"], json!({"type": "branch", "snapshot-id": 7}));
        let two = with(json!([snapshot(7, 1), snapshot(8, 2), main(8)]), json!([])).unwrap_err();
        assert!(two.message.contains("multiple snapshots"));
        let tag = json!({"action": "set-snapshot-ref", "ref-name": "v1", "type": "tag", "snapshot-id": 7});
        assert_eq!(with(json!([snapshot(7, 1), tag]), json!([])).unwrap_err().status, 400);
        assert!(with(json!([main(9)]), json!([])).is_err());
    }

    #[test]
    fn a_requirement_that_does_not_hold_is_a_conflict() {
        let moved = json!([{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 4}]);
        assert_eq!(with(json!([]), moved.clone()).unwrap_err().status, 409);
        let request = json!({"requirements": moved});
        let other = apply(table(), request.as_object().unwrap(), 5, &rules(true)).unwrap_err();
        assert_eq!(other.status, 400);
        assert!(other.message.contains("[ErrorCode: 2010]"));
        let none = json!([{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": null}]);
        assert!(with(json!([]), none).is_ok());
    }

    #[test]
    fn transforms_and_version_3_go_by_the_settings() {
        let spec =
            json!({"action": "add-spec", "spec": {"fields": [{"source-id": 1, "transform": "hour", "name": "h"}]}});
        let third = json!({"action": "upgrade-format-version", "format-version": 3});
        let ask = |update: &Value, behaviour: &Behaviour| {
            let request = json!({"updates": [update]});
            apply(table(), request.as_object().unwrap(), 5, &Rules::new(behaviour, false)).map_err(|error| error.status)
        };
        let usual = Behaviour::default();
        let other = Behaviour {
            partition_transforms: PartitionTransforms::Refused,
            managed_v3: ManagedV3::Taken,
            ..Behaviour::default()
        };
        assert!(ask(&spec, &usual).is_ok() && ask(&spec, &other) == Err(400));
        assert!(ask(&third, &usual) == Err(400) && ask(&third, &other).is_ok());
        let plain = json!({"action": "add-spec", "spec": {"fields": [{"source-id": 1, "transform": "identity"}]}});
        assert!(ask(&plain, &other).is_ok());
    }

    #[test]
    fn what_is_added_gets_the_next_number_once() {
        let schema = json!({"action": "add-schema", "schema": {"type": "struct", "fields": [{"id": 4, "name": "a", "type": "int"}]}});
        let set = json!({"action": "set-current-schema", "schema-id": -1});
        let done = with(json!([schema, set, schema, set]), json!([])).unwrap();
        assert_eq!(done["schemas"].as_array().unwrap().len(), 2);
        assert_eq!((&done["current-schema-id"], &done["last-column-id"]), (&json!(1), &json!(4)));
        assert!(with(json!([set]), json!([])).is_err());
    }
}

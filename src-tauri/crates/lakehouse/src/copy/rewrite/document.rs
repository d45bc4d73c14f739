//! metadata.json of the new table.

use super::manifests::Commit;
use super::numbering::{Numbering, made_otherwise};
use super::partition::BoundSpec;
use crate::copy::common::converted::Converted;
use crate::metadata::TableMetadata;
use crate::name_mapping::PROPERTY_NAME_MAPPING;
use icebridge_model::properties::{Carry, carry};
use icebridge_model::schema::{Schema, SortOrder};
use icebridge_model::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The new table has one schema, one spec and one sort order: their ids begin where every engine begins.
pub const SCHEMA_ID: i32 = 0;
pub const SPEC_ID: i32 = 0;

#[derive(Clone, Debug)]
pub struct Shape {
    pub format_version: u8,
    pub schema: Schema,
    pub spec: BoundSpec,
    pub spec_id: i32,
    pub sort_order: SortOrder,
    pub properties: BTreeMap<String, String>,
    /// Of the snapshot that brings the rows.
    pub sequence_number: i64,
    /// The snapshot that it follows, if the table was made empty by a server that begins with one.
    pub parent: Option<i64>,
    pub last_column_id: i64,
}

impl Shape {
    /// What of `source` goes along. v1 becomes v2: nothing that reads v2 cannot read it, and v1 cannot be written safely.
    pub fn of(source: &TableMetadata, converted: &Converted, engine_managed: bool) -> Result<Self> {
        let Converted { format_version, spec, schema, .. } = converted;
        let mut sort_order = source.sort_order();
        // A column that is gone cannot be sorted by any more, and one of another type may have another order.
        if !converted.keeps_order || sort_order.fields.iter().any(|f| schema.find(f.source_id).is_none()) {
            sort_order.fields.clear();
        }
        sort_order.order_id = i32::from(!sort_order.fields.is_empty());
        let schema = Schema { schema_id: SCHEMA_ID, ..schema.clone() };
        let used = schema.walk().iter().map(|(_, id, _)| i64::from(*id)).max().unwrap_or(0);
        let known = source.raw.get("last-column-id").and_then(Value::as_i64).unwrap_or(0);
        let carried =
            source.properties.iter().filter(|(key, value)| carry(key, value, engine_managed) == Carry::Carried);
        Ok(Self {
            format_version: *format_version,
            spec: BoundSpec::new(spec, &schema)?,
            spec_id: SPEC_ID,
            schema,
            sort_order,
            properties: carried.map(|(key, value)| (key.clone(), value.clone())).collect(),
            sequence_number: 1,
            parent: None,
            last_column_id: used.max(known),
        })
    }

    /// The same for a table that was made empty: with the ids that the server gave, and those of ours that they stand for.
    pub fn filling(&self, empty: &TableMetadata) -> Result<(Self, Numbering)> {
        let Some(theirs) = empty.schemas.iter().find(|one| one.schema_id == empty.current_schema_id) else {
            return Err(made_otherwise("without a schema"));
        };
        let numbering = Numbering::between(&self.schema, theirs)?;
        if (theirs.schema_id, empty.default_spec_id) != (SCHEMA_ID, SPEC_ID) {
            return Err(made_otherwise("and does not number its schemas and partition specs from 0"));
        }
        let fields = empty.partition_spec(SPEC_ID).map(|spec| spec.fields.as_slice()).unwrap_or_default();
        let mut filled = self.clone();
        filled.schema = numbering.schema(&self.schema);
        filled.spec = self.spec.numbered(&numbering, fields)?;
        for field in &mut filled.sort_order.fields {
            field.source_id = numbering.of(field.source_id);
            field.source_ids.iter_mut().for_each(|id| *id = numbering.of(*id));
        }
        filled.format_version = self.format_version.max(empty.format_version);
        filled.sequence_number = empty.last_sequence_number + 1;
        filled.parent = empty.current_snapshot_id;
        if !numbering.keeps_ids() {
            filled.properties.remove(PROPERTY_NAME_MAPPING);
        }
        Ok((filled, numbering))
    }

    /// What the metadata files of the snapshot that has this shape agree on.
    pub fn commit<'a>(
        &'a self,
        snapshot_id: i64,
        schema: &'a Value,
        location: &'a str,
        first_row_id: u64,
    ) -> Commit<'a> {
        Commit {
            format_version: self.format_version,
            snapshot_id,
            sequence_number: self.sequence_number,
            sort_order_id: self.sort_order.order_id,
            schema,
            spec: &self.spec,
            spec_id: self.spec_id,
            parent: self.parent,
            first_row_id,
            location,
        }
    }

    pub fn schema_json(&self) -> Result<Value> {
        let mut schema = to_json(&self.schema)?;
        if let Some(object) = schema.as_object_mut() {
            object.insert("type".into(), "struct".into());
        }
        Ok(schema)
    }

    /// The document without a snapshot.
    pub fn document(&self, uuid: &str, location: &str, timestamp_ms: i64) -> Result<Value> {
        let last_partition_id = self.spec.fields.iter().map(|f| f.field.field_id).max().unwrap_or(999);
        let mut orders = vec![json!({"order-id": 0, "fields": []})];
        if self.sort_order.order_id > 0 {
            orders[0] = to_json(&self.sort_order)?;
        }
        let mut document = json!({
            "format-version": self.format_version,
            "table-uuid": uuid,
            "location": location,
            "last-sequence-number": 0,
            "last-updated-ms": timestamp_ms,
            "last-column-id": self.last_column_id,
            "current-schema-id": SCHEMA_ID,
            "schemas": [self.schema_json()?],
            "default-spec-id": SPEC_ID,
            "partition-specs": [{"spec-id": SPEC_ID, "fields": self.spec.to_json()}],
            "last-partition-id": last_partition_id,
            "default-sort-order-id": self.sort_order.order_id,
            "sort-orders": orders,
            "properties": self.properties,
            "refs": {},
            "snapshots": [],
            "statistics": [],
            "partition-statistics": [],
            "snapshot-log": [],
            "metadata-log": [],
        });
        if self.format_version >= 3 {
            document["next-row-id"] = 0.into();
        }
        Ok(document)
    }
}

/// The snapshot that brings the rows.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub id: i64,
    pub schema_id: i32,
    pub parent: Option<i64>,
    pub sequence_number: i64,
    pub timestamp_ms: i64,
    pub manifest_list: String,
    pub summary: BTreeMap<String, String>,
    /// Row ids that it gives, in format version 3.
    pub row_ids: u64,
}

pub fn add_snapshot(document: &mut Value, format_version: u8, snapshot: &Snapshot) -> Result<()> {
    let mut entry = json!({
        "snapshot-id": snapshot.id,
        "sequence-number": snapshot.sequence_number,
        "timestamp-ms": snapshot.timestamp_ms,
        "manifest-list": snapshot.manifest_list,
        "schema-id": snapshot.schema_id,
        "summary": snapshot.summary,
    });
    if let Some(parent) = snapshot.parent {
        entry["parent-snapshot-id"] = parent.into();
    }
    let top: &mut Map<String, Value> =
        document.as_object_mut().ok_or_else(|| Error::internal("table metadata is no JSON object"))?;
    if format_version >= 3 {
        let first = top.get("next-row-id").and_then(Value::as_u64).unwrap_or(0);
        entry["first-row-id"] = first.into();
        entry["added-rows"] = snapshot.row_ids.into();
        top.insert("next-row-id".into(), first.saturating_add(snapshot.row_ids).into());
    }
    top.insert("last-sequence-number".into(), snapshot.sequence_number.into());
    top.insert("last-updated-ms".into(), snapshot.timestamp_ms.into());
    top.insert("current-snapshot-id".into(), snapshot.id.into());
    push(top, "snapshot-log", json!({"timestamp-ms": snapshot.timestamp_ms, "snapshot-id": snapshot.id}));
    push(top, "snapshots", entry);
    let refs = top.entry("refs").or_insert_with(|| json!({}));
    refs["main"] = json!({"snapshot-id": snapshot.id, "type": "branch"});
    Ok(())
}

fn push(top: &mut Map<String, Value>, list: &str, element: Value) {
    match top.get_mut(list).and_then(Value::as_array_mut) {
        Some(all) => all.push(element),
        None => drop(top.insert(list.into(), json!([element]))),
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal("table metadata to JSON").with_cause(e))
}

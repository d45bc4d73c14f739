//! The shape of a table that is there already, after its source has changed: what it has stays under its ids, and what is new
//! gets the next ones.

use super::document::Shape;
use super::numbering::Numbering;
use super::partition::BoundSpec;
use crate::metadata::TableMetadata;
use crate::name_mapping::PROPERTY_NAME_MAPPING;
use icebridge_model::schema::{Field, PartitionField, PartitionSpec, Schema, Type};
use icebridge_model::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

impl Shape {
    /// `target`: the table as it is. `describes`: the table's comments, identifier and version are the source's; in Unity Catalog they are
    /// others' business.
    pub fn onto(&self, target: &TableMetadata, numbering: &Numbering, describes: bool) -> Result<Self> {
        let mut next = self.clone();
        next.schema = numbering.schema(&self.schema);
        if !describes {
            let mut comments = BTreeMap::new();
            gather_comments(&target.current_schema().fields, &mut comments);
            set_comments(&mut next.schema.fields, &comments);
            // It takes none, and a primary key is another's business, too.
            next.schema.identifier_field_ids.clone_from(&target.current_schema().identifier_field_ids);
        }
        next.schema.schema_id = schema_id(&next.schema, target);
        (next.spec, next.spec_id) = spec(&self.spec, target, numbering)?;
        for field in &mut next.sort_order.fields {
            field.source_id = numbering.of(field.source_id);
            field.source_ids.iter_mut().for_each(|id| *id = numbering.of(*id));
        }
        next.sort_order.order_id = match next.sort_order.fields.is_empty() {
            true => 0,
            false => {
                let known = target.sort_orders.iter().find(|known| known.fields == next.sort_order.fields);
                let following = || following(target.sort_orders.iter().map(|order| order.order_id)).max(1);
                known.map_or_else(following, |known| known.order_id)
            }
        };
        if !numbering.keeps_ids() {
            next.properties.remove(PROPERTY_NAME_MAPPING);
        }
        // Unity Catalog raises tables by itself.
        next.format_version =
            if describes { self.format_version.max(target.format_version) } else { target.format_version };
        next.sequence_number = target.last_sequence_number.saturating_add(1);
        next.parent = target.current_snapshot_id;
        let highest = next.schema.walk().iter().map(|(_, id, _)| i64::from(*id)).max().unwrap_or(0);
        next.last_column_id = highest.max(number(&target.raw, "last-column-id"));
        Ok(next)
    }

    /// The table's metadata with this shape, and no other snapshot.
    pub fn apply(&self, metadata: &mut Value) -> Result<()> {
        let schema = self.schema_json()?;
        let spec = json!({"spec-id": self.spec_id, "fields": self.spec.to_json()});
        let order = match self.sort_order.order_id {
            0 => json!({"order-id": 0, "fields": []}),
            _ => serde_json::to_value(&self.sort_order)
                .map_err(|e| Error::internal("a sort order to JSON").with_cause(e))?,
        };
        let last_partition_id = self.spec.kept().map(|(_, f)| i64::from(f.field.field_id)).max().unwrap_or(999);
        let top = metadata.as_object_mut().ok_or_else(|| Error::internal("table metadata is no JSON object"))?;
        add(top, "schemas", "schema-id", schema);
        add(top, "partition-specs", "spec-id", spec);
        add(top, "sort-orders", "order-id", order);
        // What others have set stays; so does what the source had once, but for what rows are read by.
        let mut properties = top.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        properties.remove(PROPERTY_NAME_MAPPING);
        properties.extend(self.properties.iter().map(|(key, value)| (key.clone(), json!(value))));
        let raised = |key: &str, to: i64| to.max(top.get(key).and_then(Value::as_i64).unwrap_or(0));
        let (last_column_id, last_partition_id) =
            (raised("last-column-id", self.last_column_id), raised("last-partition-id", last_partition_id));
        for (key, value) in [
            ("format-version", json!(self.format_version)),
            ("current-schema-id", json!(self.schema.schema_id)),
            ("default-spec-id", json!(self.spec_id)),
            ("default-sort-order-id", json!(self.sort_order.order_id)),
            ("last-column-id", json!(last_column_id)),
            ("last-partition-id", json!(last_partition_id)),
            ("properties", Value::Object(properties)),
        ] {
            top.insert(key.into(), value);
        }
        if self.format_version >= 3 {
            top.entry("next-row-id").or_insert_with(|| json!(0));
        }
        Ok(())
    }
}

fn add(top: &mut Map<String, Value>, list: &str, key: &str, element: Value) {
    let all = top.entry(list).or_insert_with(|| json!([]));
    if let Some(all) = all.as_array_mut()
        && all.iter().all(|known| known[key] != element[key])
    {
        all.push(element);
    }
}

fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or(0)
}

fn following(ids: impl Iterator<Item = i32>) -> i32 {
    ids.max().map_or(0, |highest| highest.saturating_add(1))
}

fn schema_id(wanted: &Schema, target: &TableMetadata) -> i32 {
    let sorted = |ids: &[i32]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    let same = |known: &&Schema| {
        known.fields == wanted.fields && sorted(&known.identifier_field_ids) == sorted(&wanted.identifier_field_ids)
    };
    let current = Some(target.current_schema()).filter(same);
    let known = current.or_else(|| target.schemas.iter().find(same));
    known.map_or_else(|| following(target.schemas.iter().map(|schema| schema.schema_id)), |known| known.schema_id)
}

/// By field id, at every depth.
fn gather_comments(fields: &[Field], out: &mut BTreeMap<i32, Option<String>>) {
    for field in fields {
        out.insert(field.id, field.doc.clone());
        each_struct(&field.field_type, &mut |inner| gather_comments(inner, out));
    }
}

fn each_struct(within: &Type, visit: &mut dyn FnMut(&[Field])) {
    match within {
        Type::Primitive(_) => {}
        Type::Struct(fields) => visit(fields),
        Type::List(list) => each_struct(&list.element, visit),
        Type::Map(map) => {
            each_struct(&map.key, visit);
            each_struct(&map.value, visit);
        }
    }
}

fn set_comments(fields: &mut [Field], comments: &BTreeMap<i32, Option<String>>) {
    for field in fields {
        if let Some(known) = comments.get(&field.id) {
            field.doc.clone_from(known);
        }
        set_comments_in(&mut field.field_type, comments);
    }
}

fn set_comments_in(within: &mut Type, comments: &BTreeMap<i32, Option<String>>) {
    match within {
        Type::Primitive(_) => {}
        Type::Struct(fields) => set_comments(fields, comments),
        Type::List(list) => set_comments_in(&mut list.element, comments),
        Type::Map(map) => {
            set_comments_in(&mut map.key, comments);
            set_comments_in(&mut map.value, comments);
        }
    }
}

/// The source's spec under the table's ids. A field that the table has had keeps its id ("Partition Evolution" in the
/// specification).
fn spec(ours: &BoundSpec, target: &TableMetadata, numbering: &Numbering) -> Result<(BoundSpec, i32)> {
    let known: Vec<&PartitionField> = target.partition_specs.iter().flat_map(|spec| &spec.fields).collect();
    let mut spec = ours.clone();
    let given = known.iter().map(|field| field.field_id).chain(spec.fields.iter().map(|bound| bound.field.field_id));
    let last = i32::try_from(number(&target.raw, "last-partition-id")).unwrap_or(999);
    let mut last = given.fold(last.max(999), i32::max);
    let mut used = BTreeSet::new();
    for field in spec.fields.iter_mut().filter(|bound| bound.has_source()).map(|bound| &mut bound.field) {
        field.source_id = numbering.of(field.source_id);
        let same = |one: &&&PartitionField| {
            one.source_id == field.source_id && one.transform == field.transform && one.name == field.name
        };
        let is_new = |id: i32| id >= 1000 && known.iter().all(|one| one.field_id != id);
        let had = known.iter().find(same).map(|one| one.field_id);
        let id = had.or_else(|| Some(field.field_id).filter(|id| is_new(*id))).filter(|id| !used.contains(id));
        field.field_id = id.unwrap_or_else(|| {
            last = last.saturating_add(1);
            last
        });
        used.insert(field.field_id);
    }
    let fields: Vec<&PartitionField> = spec.kept().map(|(_, bound)| &bound.field).collect();
    let same = |known: &PartitionSpec| known.fields.iter().collect::<Vec<_>>() == fields;
    let default = target.partition_spec(target.default_spec_id).filter(|known| same(known));
    let id = default.or_else(|| target.partition_specs.iter().find(|known| same(known))).map(|known| known.spec_id);
    let id = id.unwrap_or_else(|| following(target.partition_specs.iter().map(|known| known.spec_id)));
    Ok((spec, id))
}

//! Partition tuples: which spec a manifest's are of, and each value in its field's type.

use super::fields::{PARTITION, broken};
use super::types::ManifestFile;
use crate::avro::{AvroFile, AvroRecord, AvroSchema, Record};
use crate::metadata::{TableMetadata, with_v1_field_ids};
use crate::partition::{PartitionValue, field_types};
use icebridge_model::Result;
use icebridge_model::schema::{PartitionField, PartitionSpec, Primitive};

/// Reads the partition tuples of one manifest.
#[derive(Debug)]
pub(super) struct PartitionReader {
    spec: PartitionSpec,
    types: Vec<Vec<Primitive>>,
    /// Where each of the spec's fields lies in the Avro record.
    positions: Vec<usize>,
}

impl PartitionReader {
    pub(super) fn new(file: &AvroFile, metadata: &TableMetadata, list: &ManifestFile) -> Result<Self> {
        let tuple = tuple_schema(file);
        let header_id = file.header.text("partition-spec-id").and_then(|id| id.trim().parse::<i32>().ok());
        let mut known = Vec::new();
        // Engines take the list's; if the tuple does not fit that spec, the header's is right.
        for id in [list.partition_spec_id, header_id].into_iter().flatten() {
            known.extend(metadata.partition_spec(id).cloned());
        }
        if list.partition_spec_id.is_none() && header_id.is_none() {
            known.extend(metadata.partition_spec(0).cloned());
        }
        // A spec that was cleaned out of the metadata is still in the manifest's header.
        let id = list.partition_spec_id.or(header_id).unwrap_or(0);
        known.extend(header_spec(file, id));
        if known.is_empty() {
            return Err(broken(format!("partition spec {id} is not in the table's metadata")));
        }
        let fields = tuple.map_or(0, |t| t.fields.len());
        let by_id = known.iter().find_map(|spec| Some((spec, by_id(spec, tuple)?)));
        let fitting = by_id.or_else(|| known.iter().find_map(|spec| Some((spec, by_place(spec, fields)?))));
        let (spec, positions) = fitting.ok_or_else(|| {
            let spec = &known[0];
            broken(format!(
                "a partition tuple has {fields} values where spec {} has {} fields",
                spec.spec_id,
                spec.fields.len()
            ))
        })?;
        let types = spec.fields.iter().map(|field| field_types(metadata, field)).collect();
        Ok(Self { spec: spec.clone(), types, positions })
    }

    pub(super) fn spec_id(&self) -> i32 {
        self.spec.spec_id
    }

    /// `record` is the tuple; none where a file has no partition.
    pub(super) fn tuple(&self, record: Option<&Record<'_>>) -> Result<Vec<Option<PartitionValue>>> {
        let Some(record) = record else {
            if self.spec.fields.is_empty() {
                return Ok(Vec::new());
            }
            return Err(broken(format!("a file of partition spec {} has no partition tuple", self.spec.spec_id)));
        };
        let value =
            |(at, results): (&usize, &Vec<Primitive>)| match (record.values.get(*at), record.schema.fields.get(*at)) {
                (Some(stored), Some(field)) => PartitionValue::of_stored(results, stored, field),
                _ => Err(broken("a partition tuple is shorter than its schema")),
            };
        self.positions.iter().zip(&self.types).map(value).collect()
    }
}

fn tuple_schema(file: &AvroFile) -> Option<&AvroRecord> {
    fn inner<'a>(record: &'a AvroRecord, id: i32, name: &str) -> Option<&'a AvroRecord> {
        match record.fields[record.position(id, name)?].schema.non_null() {
            AvroSchema::Record(inner) => Some(inner),
            _ => None,
        }
    }
    inner(inner(&file.schema, 2, "data_file")?, PARTITION.0, PARTITION.1)
}

/// By id, and by name where there are no ids. None if the tuple is of another spec.
fn by_id(spec: &PartitionSpec, tuple: Option<&AvroRecord>) -> Option<Vec<usize>> {
    let Some(tuple) = tuple else { return spec.fields.is_empty().then(Vec::new) };
    if spec.fields.len() != tuple.fields.len() {
        return None;
    }
    spec.fields.iter().map(|f| tuple.position(f.field_id, &f.name)).collect()
}

/// Where the writer counted its ids otherwise.
fn by_place(spec: &PartitionSpec, fields: usize) -> Option<Vec<usize>> {
    (spec.fields.len() == fields).then(|| (0..fields).collect())
}

/// `partition-spec` of the header: the fields, as JSON.
fn header_spec(file: &AvroFile, spec_id: i32) -> Option<PartitionSpec> {
    let fields: Vec<PartitionField> = serde_json::from_str(file.header.text("partition-spec")?).ok()?;
    Some(with_v1_field_ids(PartitionSpec { spec_id, fields }))
}

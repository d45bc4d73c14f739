//! The manifests and the manifest list of a snapshot that we make (spec, "Manifests", "Manifest Lists").

use super::data_file::DataFile;
use super::partition::{BoundField, BoundSpec, Summary};
use crate::avro::{AvroWriter, Header, Value};
use icebridge_model::schema::Primitive;
use icebridge_model::{Error, Result};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Files to a manifest: some 8 MB with metrics of many columns, which is what engines aim at.
pub const FILES_PER_MANIFEST: usize = 10_000;

/// What all metadata files of a commit agree on.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    pub format_version: u8,
    pub snapshot_id: i64,
    pub sequence_number: i64,
    pub sort_order_id: i32,
    pub schema: &'a Json,
    pub spec: &'a BoundSpec,
    pub spec_id: i32,
    pub parent: Option<i64>,
    /// Format version 3: the first row id that the table has not given yet.
    pub first_row_id: u64,
    /// The table's folder.
    pub location: &'a str,
}

/// A manifest as the list tells of it.
#[derive(Clone, Debug)]
pub struct Line {
    pub path: String,
    pub length: u64,
    pub spec_id: i32,
    pub sequence_number: i64,
    /// The lowest one of its live files.
    pub min_sequence_number: i64,
    pub snapshot_id: i64,
    pub added: Count,
    pub existing: Count,
    pub deleted: Count,
    /// A summary of each partition field.
    pub partitions: Value,
    /// Format version 3: none where it is still to be given.
    pub first_row_id: Option<i64>,
}

/// Of entries of one status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub files: u64,
    pub rows: u64,
}

impl Count {
    pub fn add(&mut self, rows: u64) {
        self.files += 1;
        self.rows += rows;
    }
}

impl Commit<'_> {
    /// The bytes of a manifest of `files`, and its line in the list.
    pub fn manifest(&self, path: String, sync: [u8; 16], files: &[DataFile]) -> Result<(Vec<u8>, Line)> {
        let partition_spec = self.spec.to_json();
        let header = header(
            sync,
            &self.entry_schema()?,
            [
                ("schema", self.schema.to_string()),
                ("schema-id", self.schema["schema-id"].to_string()),
                ("partition-spec", partition_spec.to_string()),
                ("partition-spec-id", self.spec_id.to_string()),
                ("format-version", self.format_version.to_string()),
                ("content", "data".into()),
            ],
        );
        let mut writer = AvroWriter::new(&header)?;
        let mut summaries = vec![Summary::default(); self.spec.kept().count()];
        let mut added = Count::default();
        for file in files {
            writer.append(&self.entry(file)?)?;
            added.add(file.records);
            for (summary, (at, field)) in summaries.iter_mut().zip(self.spec.kept()) {
                summary.add(&field.result, file.partition.get(at).and_then(Option::as_ref));
            }
        }
        let bytes = writer.finish()?;
        let line = Line {
            path,
            length: bytes.len() as u64,
            spec_id: self.spec_id,
            sequence_number: self.sequence_number,
            min_sequence_number: self.sequence_number,
            snapshot_id: self.snapshot_id,
            added,
            existing: Count::default(),
            deleted: Count::default(),
            partitions: self.partitions(&summaries),
            first_row_id: None,
        };
        Ok((bytes, line))
    }

    fn partitions(&self, summaries: &[Summary]) -> Value {
        // Engines disagree about the order of uuids, and would skip the manifest by bounds in the other one.
        let is_in_doubt = |((_, field), summary): ((usize, &BoundField), &Summary)| {
            field.result == Primitive::Uuid && summary.has_range()
        };
        if self.spec.kept().zip(summaries).any(is_in_doubt) {
            return Value::Null;
        }
        let optional = |bytes: Option<Vec<u8>>| bytes.map_or(Value::Null, Value::Bytes);
        let one = |((_, field), summary): ((usize, &BoundField), &Summary)| {
            let (low, high) = summary.bounds(&field.result);
            Value::Record(vec![
                Value::Boolean(summary.contains_null),
                Value::Boolean(summary.contains_nan),
                optional(low),
                optional(high),
            ])
        };
        Value::Array(self.spec.kept().zip(summaries).map(one).collect())
    }

    fn entry(&self, file: &DataFile) -> Result<Value> {
        let optional_map = |map: &BTreeMap<i32, i64>| {
            if map.is_empty() { Value::Null } else { pairs(map.iter().map(|(k, v)| (*k, Value::Long(*v)))) }
        };
        let bounds = |map: &BTreeMap<i32, Vec<u8>>| {
            if map.is_empty() { Value::Null } else { pairs(map.iter().map(|(k, v)| (*k, Value::Bytes(v.clone())))) }
        };
        let metrics = &file.metrics;
        let mut data_file = vec![
            Value::Long(0),
            Value::String(format!("{}/{}", self.location, file.path)),
            Value::String("PARQUET".into()),
            self.spec.avro_value(&file.partition)?,
            long(file.records)?,
            long(file.size)?,
            optional_map(&metrics.column_sizes),
            optional_map(&metrics.value_counts),
            optional_map(&metrics.null_value_counts),
            optional_map(&metrics.nan_value_counts),
            bounds(&metrics.lower_bounds),
            bounds(&metrics.upper_bounds),
            Value::Null,
            Value::Array(file.split_offsets.iter().map(|o| Value::Long(*o)).collect()),
            Value::Null,
            Value::Long(if file.sorted { self.sort_order_id.into() } else { 0 }),
        ];
        if self.format_version >= 3 {
            // first_row_id is inherited from the manifest list; the other three are for deletes.
            data_file.extend([Value::Null, Value::Null, Value::Null, Value::Null]);
        }
        // Sequence numbers are inherited from the manifest list.
        let snapshot = Value::Long(self.snapshot_id);
        Ok(Value::Record(vec![Value::Long(1), snapshot, Value::Null, Value::Null, Value::Record(data_file)]))
    }

    fn entry_schema(&self) -> Result<Json> {
        let mut fields = vec![
            required("content", 134, json!("int")),
            required("file_path", 100, json!("string")),
            required("file_format", 101, json!("string")),
            required("partition", 102, self.spec.avro_schema()?),
            required("record_count", 103, json!("long")),
            required("file_size_in_bytes", 104, json!("long")),
            optional("column_sizes", 108, map(117, 118, "long")),
            optional("value_counts", 109, map(119, 120, "long")),
            optional("null_value_counts", 110, map(121, 122, "long")),
            optional("nan_value_counts", 137, map(138, 139, "long")),
            optional("lower_bounds", 125, map(126, 127, "bytes")),
            optional("upper_bounds", 128, map(129, 130, "bytes")),
            optional("key_metadata", 131, json!("bytes")),
            optional("split_offsets", 132, json!({"type": "array", "items": "long", "element-id": 133})),
            optional("equality_ids", 135, json!({"type": "array", "items": "int", "element-id": 136})),
            optional("sort_order_id", 140, json!("int")),
        ];
        if self.format_version >= 3 {
            fields.extend(v3_fields());
        }
        Ok(json!({"type": "record", "name": "manifest_entry", "fields": [
            required("status", 0, json!("int")),
            optional("snapshot_id", 1, json!("long")),
            optional("sequence_number", 3, json!("long")),
            optional("file_sequence_number", 4, json!("long")),
            required("data_file", 2, json!({"type": "record", "name": "r2", "fields": fields})),
        ]}))
    }

    /// The bytes of the manifest list, and how many row ids it gives. In format version 3 manifests without row ids get the table's
    /// next ones, in their order ("First Row ID Assignment" in the specification).
    pub fn manifest_list(&self, sync: [u8; 16], lines: &[Line]) -> Result<(Vec<u8>, u64)> {
        let parent = self.parent.map_or_else(|| "null".to_string(), |id| id.to_string());
        let header = header(
            sync,
            &self.list_schema(),
            [
                ("snapshot-id", self.snapshot_id.to_string()),
                ("parent-snapshot-id", parent),
                ("sequence-number", self.sequence_number.to_string()),
                ("format-version", self.format_version.to_string()),
            ],
        );
        let mut writer = AvroWriter::new(&header)?;
        let mut next_row_id = self.first_row_id;
        for line in lines {
            let mut values = vec![
                Value::String(line.path.clone()),
                long(line.length)?,
                Value::Long(line.spec_id.into()),
                Value::Long(0),
                Value::Long(line.sequence_number),
                Value::Long(line.min_sequence_number),
                Value::Long(line.snapshot_id),
                long(line.added.files)?,
                long(line.existing.files)?,
                long(line.deleted.files)?,
                long(line.added.rows)?,
                long(line.existing.rows)?,
                long(line.deleted.rows)?,
                line.partitions.clone(),
                Value::Null,
            ];
            if self.format_version >= 3 {
                match line.first_row_id {
                    Some(given) => values.push(Value::Long(given)),
                    None => {
                        values.push(long(next_row_id)?);
                        next_row_id = next_row_id.saturating_add(line.added.rows.saturating_add(line.existing.rows));
                    }
                }
            }
            writer.append(&Value::Record(values))?;
        }
        Ok((writer.finish()?, next_row_id - self.first_row_id))
    }

    fn list_schema(&self) -> Json {
        let summary = json!({"type": "record", "name": "r508", "fields": [
            required("contains_null", 509, json!("boolean")),
            optional("contains_nan", 518, json!("boolean")),
            optional("lower_bound", 510, json!("bytes")),
            optional("upper_bound", 511, json!("bytes")),
        ]});
        let mut fields = vec![
            required("manifest_path", 500, json!("string")),
            required("manifest_length", 501, json!("long")),
            required("partition_spec_id", 502, json!("int")),
            required("content", 517, json!("int")),
            required("sequence_number", 515, json!("long")),
            required("min_sequence_number", 516, json!("long")),
            required("added_snapshot_id", 503, json!("long")),
            required("added_files_count", 504, json!("int")),
            required("existing_files_count", 505, json!("int")),
            required("deleted_files_count", 506, json!("int")),
            required("added_rows_count", 512, json!("long")),
            required("existing_rows_count", 513, json!("long")),
            required("deleted_rows_count", 514, json!("long")),
            optional("partitions", 507, json!({"type": "array", "items": summary, "element-id": 508})),
            optional("key_metadata", 519, json!("bytes")),
        ];
        if self.format_version >= 3 {
            fields.push(optional("first_row_id", 520, json!("long")));
        }
        json!({"type": "record", "name": "manifest_file", "fields": fields})
    }
}

/// The ids of [`v3_fields`].
pub const V3_IDS: [i32; 4] = [142, 143, 144, 145];

/// What format version 3 has more of a file.
pub fn v3_fields() -> [Json; 4] {
    [
        optional("first_row_id", 142, json!("long")),
        optional("referenced_data_file", 143, json!("string")),
        optional("content_offset", 144, json!("long")),
        optional("content_size_in_bytes", 145, json!("long")),
    ]
}

fn header<const N: usize>(sync: [u8; 16], schema: &Json, more: [(&str, String); N]) -> Header {
    let mut metadata = vec![
        ("avro.schema".to_string(), schema.to_string().into_bytes()),
        ("avro.codec".to_string(), b"deflate".to_vec()),
    ];
    metadata.extend(more.into_iter().map(|(key, value)| (key.to_string(), value.into_bytes())));
    Header { metadata, sync }
}

fn required(name: &str, id: i32, of: Json) -> Json {
    json!({"name": name, "type": of, "field-id": id})
}

fn optional(name: &str, id: i32, of: Json) -> Json {
    json!({"name": name, "type": ["null", of], "default": null, "field-id": id})
}

/// Avro's own maps have text for keys; Iceberg's with numbers are lists of pairs.
fn map(key: i32, value: i32, of: &str) -> Json {
    json!({"type": "array", "logicalType": "map", "items": {"type": "record", "name": format!("k{key}_v{value}"),
        "fields": [required("key", key, json!("int")), required("value", value, json!(of))]}})
}

fn pairs(pairs: impl Iterator<Item = (i32, Value)>) -> Value {
    Value::Array(pairs.map(|(key, value)| Value::Record(vec![Value::Long(key.into()), value])).collect())
}

fn long(number: u64) -> Result<Value> {
    i64::try_from(number).map(Value::Long).map_err(|_| Error::internal("a count beyond 2^63"))
}

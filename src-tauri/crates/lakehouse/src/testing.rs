//! Small tables on disk for tests: data files, delete files, manifests and metadata, each as a test wants it.

use crate::arrow_types::with_id;
use crate::avro::{AvroWriter, Header, Value};
use crate::metadata::TableMetadata;
use crate::puffin::testing::{Blob, PuffinWriter, encode_deletion_vector};
use crate::puffin::{DELETION_VECTOR, REFERENCED_DATA_FILE};
use crate::storage::Storage;
use crate::table::Table;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema as ArrowSchema};
use icebridge_model::TableIdent;
use parquet::arrow::ArrowWriter;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;

/// A partition value: its Avro type and itself.
pub type Stored = (Json, Value);

/// One manifest with one file.
pub struct Entry {
    pub content: i64,
    pub path: String,
    pub size: u64,
    pub records: i64,
    pub partition: Stored,
    pub sequence: i64,
    /// The snapshot took it away.
    pub removed: bool,
    pub bounds: Option<(String, String)>,
    pub referenced: Option<String>,
    pub blob: Option<(u64, u64)>,
}

pub struct Lake {
    pub folder: TempDir,
    pub entries: Vec<Entry>,
}

impl Lake {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), entries: Vec::new() }
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Columns with their field ids; 0 for none.
    pub fn parquet(&self, name: &str, columns: Vec<(&str, i32, ArrayRef)>) -> (String, u64) {
        let field = |(name, id, array): &(&str, i32, ArrayRef)| {
            let field = Field::new(*name, array.data_type().clone(), false);
            if *id == 0 { field } else { with_id(field, *id) }
        };
        let schema = Arc::new(ArrowSchema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let batch =
            RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, _, array)| array).collect()).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
        writer.write(&batch).unwrap();
        let bytes = writer.into_inner().unwrap();
        let path = self.path(name);
        fs::write(&path, &bytes).unwrap();
        (path, bytes.len() as u64)
    }

    pub fn add(
        &mut self,
        content: i64,
        (path, size): (String, u64),
        records: usize,
        partition: Stored,
        sequence: i64,
    ) -> &mut Entry {
        let records = records as i64;
        let entry = Entry {
            content,
            path,
            size,
            records,
            partition,
            sequence,
            removed: false,
            bounds: None,
            referenced: None,
            blob: None,
        };
        self.entries.push(entry);
        self.entries.last_mut().unwrap()
    }

    pub fn data(&mut self, name: &str, ids: &[i64], partition: Stored) {
        let file = self.parquet(name, vec![("id", 1, Arc::new(Int64Array::from(ids.to_vec())))]);
        self.add(0, file, ids.len(), partition, 1);
    }

    pub fn equality_delete(&mut self, ids: &[i64], partition: Stored) {
        let name = format!("eq{}.parquet", self.entries.len());
        let file = self.parquet(&name, vec![("id", 1, Arc::new(Int64Array::from(ids.to_vec())))]);
        self.add(2, file, ids.len(), partition, 2);
    }

    pub fn position_delete(&mut self, rows: &[(&str, i64)], partition: Stored) -> &mut Entry {
        let paths = StringArray::from_iter_values(rows.iter().map(|(path, _)| path));
        let positions = Int64Array::from_iter_values(rows.iter().map(|(_, at)| *at));
        let file = self.parquet(
            &format!("pos{}.parquet", self.entries.len()),
            vec![("file_path", 2_147_483_546, Arc::new(paths)), ("pos", 2_147_483_545, Arc::new(positions))],
        );
        self.add(1, file, rows.len(), partition, 2)
    }

    /// `spelled` is how the manifest and the Puffin file name the data file.
    pub fn vector(&mut self, spelled: &str, positions: &[u64], partition: Stored, cardinality: &str) -> &mut Entry {
        let blob = Blob {
            kind: DELETION_VECTOR.into(),
            properties: BTreeMap::from([
                (REFERENCED_DATA_FILE.into(), spelled.into()),
                ("cardinality".into(), cardinality.into()),
            ]),
            ..Blob::default()
        };
        let mut writer = PuffinWriter::new(BTreeMap::new());
        let place = writer.append(blob, &encode_deletion_vector(&positions.iter().copied().collect()).unwrap());
        let bytes = writer.finish().unwrap();
        let path = self.path("v.puffin");
        fs::write(&path, &bytes).unwrap();
        let entry = self.add(1, (path, bytes.len() as u64), positions.len(), partition, 2);
        entry.referenced = Some(spelled.into());
        entry.blob = Some(place);
        entry
    }

    pub fn table(&self, column_type: &str) -> Table {
        let mut list = AvroWriter::new(&header(json!({"type": "record", "name": "manifest_file", "fields": [
            {"name": "manifest_path", "type": "string", "field-id": 500},
            // Wrong, as some writers leave it.
            {"name": "manifest_length", "type": "long", "field-id": 501},
            {"name": "partition_spec_id", "type": "int", "field-id": 502},
            {"name": "content", "type": "int", "field-id": 517},
            {"name": "sequence_number", "type": "long", "field-id": 515}]})))
        .unwrap();
        for (at, entry) in self.entries.iter().enumerate() {
            let path = self.path(&format!("m{at}.avro"));
            fs::write(&path, manifest(entry)).unwrap();
            let content = Value::Long(i64::from(entry.content > 0));
            let line = vec![Value::String(path), Value::Long(-7), Value::Long(0), content, Value::Long(entry.sequence)];
            list.append(&Value::Record(line)).unwrap();
        }
        let list_path = self.path("list.avro");
        fs::write(&list_path, list.finish().unwrap()).unwrap();
        let raw = json!({"format-version": 3, "location": self.path(""), "current-schema-id": 0, "schemas": [
                {"schema-id": 0, "fields": [
                    {"id": 1, "name": "id", "required": false, "type": "long"},
                    {"id": 2, "name": "größe", "required": false, "type": column_type}]}],
            "partition-specs": [{"spec-id": 0, "fields": [
                {"source-id": 2, "field-id": 1000, "name": "größe", "transform": "identity"}]}],
            "current-snapshot-id": 1, "snapshots": [{"snapshot-id": 1, "manifest-list": list_path}]});
        Table {
            ident: TableIdent::new(["n"], "t"),
            metadata_location: self.path("v1.metadata.json"),
            metadata: Arc::new(TableMetadata::from_value(raw, "x").unwrap()),
            storage: Storage::local().unwrap(),
            unconfirmed: None,
        }
    }
}

fn header(schema: Json) -> Header {
    Header { metadata: vec![("avro.schema".into(), schema.to_string().into_bytes())], sync: [9; 16] }
}

fn manifest(entry: &Entry) -> Vec<u8> {
    let bounds = |key: i32, value: i32| {
        json!(["null", {"type": "array", "logicalType": "map", "items": {"type": "record", "name": format!("k{key}_v{value}"),
            "fields": [{"name": "key", "type": "int", "field-id": key}, {"name": "value", "type": "bytes", "field-id": value}]}}])
    };
    let schema = json!({"type": "record", "name": "manifest_entry", "fields": [
        {"name": "status", "type": "int", "field-id": 0},
        {"name": "sequence_number", "type": "long", "field-id": 3},
        {"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": [
            {"name": "content", "type": "int", "field-id": 134},
            {"name": "file_path", "type": "string", "field-id": 100},
            {"name": "file_format", "type": "string", "field-id": 101},
            {"name": "partition", "field-id": 102, "type": {"type": "record", "name": "r102", "fields": [
                {"name": "größe", "type": ["null", entry.partition.0], "field-id": 1000}]}},
            {"name": "record_count", "type": "long", "field-id": 103},
            {"name": "file_size_in_bytes", "type": "long", "field-id": 104},
            {"name": "lower_bounds", "type": bounds(126, 127), "field-id": 125},
            {"name": "upper_bounds", "type": bounds(129, 130), "field-id": 128},
            {"name": "equality_ids", "type": ["null", {"type": "array", "items": "int"}], "field-id": 135},
            {"name": "referenced_data_file", "type": ["null", "string"], "field-id": 143},
            {"name": "content_offset", "type": ["null", "long"], "field-id": 144},
            {"name": "content_size_in_bytes", "type": ["null", "long"], "field-id": 145}]}}]});
    let bound = |path: &String| {
        Value::Array(vec![Value::Record(vec![Value::Long(2_147_483_546), Value::Bytes(path.clone().into())])])
    };
    let or_null = |value: Option<Value>| value.unwrap_or(Value::Null);
    let file = Value::Record(vec![
        Value::Long(entry.content),
        Value::String(entry.path.clone()),
        Value::String(if entry.blob.is_some() { "puffin" } else { "parquet" }.into()),
        Value::Record(vec![entry.partition.1.clone()]),
        Value::Long(entry.records),
        Value::Long(entry.size as i64),
        or_null(entry.bounds.as_ref().map(|(lower, _)| bound(lower))),
        or_null(entry.bounds.as_ref().map(|(_, upper)| bound(upper))),
        or_null((entry.content == 2).then(|| Value::Array(vec![Value::Long(1)]))),
        or_null(entry.referenced.clone().map(Value::String)),
        or_null(entry.blob.map(|(offset, _)| Value::Long(offset as i64))),
        or_null(entry.blob.map(|(_, size)| Value::Long(size as i64))),
    ]);
    let mut writer = AvroWriter::new(&header(schema)).unwrap();
    writer
        .append(&Value::Record(vec![Value::Long(if entry.removed { 2 } else { 1 }), Value::Long(entry.sequence), file]))
        .unwrap();
    writer.finish().unwrap()
}

pub fn decimal(size: usize, unscaled: i64) -> Stored {
    let avro =
        json!({"type": "fixed", "name": "decimal", "size": size, "logicalType": "decimal", "precision": 9, "scale": 2});
    (avro, Value::Bytes(i128::from(unscaled).to_be_bytes()[16 - size..].to_vec()))
}

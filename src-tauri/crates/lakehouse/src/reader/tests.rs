//! Whole small tables on disk, read with their deletes.

use super::*;
use crate::arrow_types::with_id;
use crate::avro::{AvroWriter, Header, Value};
use crate::metadata::TableMetadata;
use crate::puffin::testing::{Blob, PuffinWriter, encode_deletion_vector};
use crate::puffin::{DELETION_VECTOR, REFERENCED_DATA_FILE};
use crate::scan;
use crate::storage::Storage;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Decimal128Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use icebridge_model::TableIdent;
use parquet::arrow::ArrowWriter;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

/// A partition value: its Avro type and itself.
type Stored = (Json, Value);

/// One manifest with one file.
struct Entry {
    content: i64,
    path: String,
    size: u64,
    records: i64,
    partition: Stored,
    sequence: i64,
    bounds: Option<(String, String)>,
    referenced: Option<String>,
    blob: Option<(u64, u64)>,
}

struct Lake {
    folder: TempDir,
    entries: Vec<Entry>,
}

impl Lake {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), entries: Vec::new() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn parquet(&self, name: &str, columns: Vec<(&str, i32, ArrayRef)>) -> (String, u64) {
        let field = |(name, id, array): &(&str, i32, ArrayRef)| {
            with_id(Field::new(*name, array.data_type().clone(), false), *id)
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

    fn add(
        &mut self,
        content: i64,
        (path, size): (String, u64),
        records: usize,
        partition: Stored,
        sequence: i64,
    ) -> &mut Entry {
        let records = records as i64;
        let entry =
            Entry { content, path, size, records, partition, sequence, bounds: None, referenced: None, blob: None };
        self.entries.push(entry);
        self.entries.last_mut().unwrap()
    }

    fn data(&mut self, name: &str, ids: &[i64], partition: Stored) {
        let file = self.parquet(name, vec![("id", 1, Arc::new(Int64Array::from(ids.to_vec())))]);
        self.add(0, file, ids.len(), partition, 1);
    }

    fn equality_delete(&mut self, ids: &[i64], partition: Stored) {
        let file = self.parquet("eq.parquet", vec![("id", 1, Arc::new(Int64Array::from(ids.to_vec())))]);
        self.add(2, file, ids.len(), partition, 2);
    }

    fn position_delete(&mut self, rows: &[(&str, i64)], partition: Stored) -> &mut Entry {
        let paths = StringArray::from_iter_values(rows.iter().map(|(path, _)| path));
        let positions = Int64Array::from_iter_values(rows.iter().map(|(_, at)| *at));
        let file = self.parquet(
            "pos.parquet",
            vec![("file_path", 2_147_483_546, Arc::new(paths)), ("pos", 2_147_483_545, Arc::new(positions))],
        );
        self.add(1, file, rows.len(), partition, 2)
    }

    /// `spelled` is how the manifest and the Puffin file name the data file.
    fn vector(&mut self, spelled: &str, positions: &[u64], partition: Stored, cardinality: &str) -> &mut Entry {
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

    fn table(&self, column_type: &str) -> Table {
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
    writer.append(&Value::Record(vec![Value::Long(1), file])).unwrap();
    writer.finish().unwrap()
}

async fn ids(table: &Table) -> Result<Vec<i64>> {
    let reader = Reader::new(table, table.metadata.current_schema())?;
    let mut out = Vec::new();
    for task in scan::plan(table, Some(1)).await? {
        let mut batches = reader.read(&task).await?;
        while let Some(batch) = batches.try_next().await? {
            out.extend(batch.column(0).as_primitive::<Int64Type>().values());
        }
    }
    out.sort_unstable();
    Ok(out)
}

fn decimal(size: usize, unscaled: i64) -> Stored {
    let avro =
        json!({"type": "fixed", "name": "decimal", "size": size, "logicalType": "decimal", "precision": 9, "scale": 2});
    (avro, Value::Bytes(i128::from(unscaled).to_be_bytes()[16 - size..].to_vec()))
}

#[tokio::test]
async fn deletes_reach_files_whose_partition_column_was_promoted_since() {
    let forms: [(&str, Stored, Stored); 4] = [
        ("decimal(18, 2)", decimal(4, -1999), decimal(8, -1999)),
        ("decimal(18, 2)", decimal(4, -1999), (json!("bytes"), Value::Bytes(vec![0xf8, 0x31]))),
        ("double", (json!("float"), Value::Float(-0.5)), (json!("double"), Value::Double(-0.5))),
        ("long", (json!("int"), Value::Long(7)), (json!("long"), Value::Long(7))),
    ];
    for (column_type, old, new) in forms {
        let mut lake = Lake::new();
        lake.data("a.parquet", &[1, 2, 3, 4], old);
        lake.equality_delete(&[2], new.clone());
        let data = lake.path("a.parquet");
        lake.position_delete(&[(&data, 0)], new);
        assert_eq!(ids(&lake.table(column_type)).await.unwrap(), [3, 4], "{column_type}");
    }
}

#[tokio::test]
async fn an_equality_delete_of_another_partition_deletes_nothing() {
    let mut lake = Lake::new();
    lake.data("a.parquet", &[1, 2], decimal(4, 5));
    lake.equality_delete(&[1, 2], decimal(8, 6));
    assert_eq!(ids(&lake.table("decimal(18, 2)")).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_position_delete_in_another_partition_deletes_what_its_content_names() {
    for bounded in [true, false] {
        let mut lake = Lake::new();
        lake.data("a.parquet", &[1, 2, 3], decimal(4, 5));
        let data = format!("file:{}", lake.path("a.parquet"));
        let entry = lake.position_delete(&[(&data, 1)], decimal(4, 99));
        entry.bounds = bounded.then(|| (data.clone(), data.clone()));
        assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap(), [1, 3]);
    }
}

#[tokio::test]
async fn a_vector_is_found_by_every_spelling_of_its_files_path() {
    for scheme in ["", "file:", "file://"] {
        let mut lake = Lake::new();
        lake.data("a.parquet", &[1, 2, 3], decimal(4, 5));
        let spelled = format!("{scheme}{}", lake.path("a.parquet"));
        lake.vector(&spelled, &[0, 2], decimal(4, 5), "2");
        assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap(), [2]);
    }
}

#[tokio::test]
async fn a_vector_whose_container_does_not_hold_is_refused() {
    type Change = fn(&mut Lake);
    let changes: [(&str, Change); 5] = [
        ("bare", |lake| {
            let (offset, length) = lake.entries[1].blob.unwrap();
            let bytes = fs::read(lake.path("v.puffin")).unwrap();
            fs::write(lake.path("v.puffin"), &bytes[offset as usize..(offset + length) as usize]).unwrap();
            lake.entries[1].blob = Some((0, length));
            lake.entries[1].size = length;
        }),
        ("elsewhere", |lake| {
            let (offset, length) = lake.entries[1].blob.unwrap();
            lake.entries[1].blob = Some((offset + 1, length - 1));
        }),
        ("records", |lake| lake.entries[1].records = 3),
        ("other file", |lake| {
            let other = lake.path("other.parquet");
            lake.data("b.parquet", &[1], decimal(4, 5));
            lake.vector(&other, &[0, 2], decimal(4, 5), "2").referenced = None;
            let mut vector = lake.entries.remove(3);
            vector.referenced = Some(lake.path("a.parquet"));
            lake.entries[1] = vector;
        }),
        ("cardinality", |lake| {
            let data = lake.path("a.parquet");
            lake.vector(&data, &[0, 2], decimal(4, 5), "9");
            lake.entries.remove(1);
        }),
    ];
    for (name, change) in changes {
        let mut lake = Lake::new();
        lake.data("a.parquet", &[1, 2, 3], decimal(4, 5));
        let data = lake.path("a.parquet");
        lake.vector(&data, &[0, 2], decimal(4, 5), "2");
        assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap(), [2]);
        change(&mut lake);
        assert_eq!(ids(&lake.table("decimal(9, 2)")).await.unwrap_err().code, Code::FileBroken, "{name}");
    }
}

#[tokio::test]
async fn a_column_that_its_file_lacks_has_the_partitions_value() {
    let mut lake = Lake::new();
    lake.data("a.parquet", &[1], (json!("float"), Value::Float(-0.0)));
    let table = lake.table("double");
    let reader = Reader::new(&table, table.metadata.current_schema()).unwrap();
    let task = scan::plan(&table, Some(1)).await.unwrap().remove(0);
    let batch = reader.read(&task).await.unwrap().try_next().await.unwrap().unwrap();
    let value = batch.column(1).as_primitive::<arrow_array::types::Float64Type>().value(0);
    assert_eq!(value.to_bits(), (-0.0f64).to_bits());
    assert_eq!(*batch.schema().field(1).data_type(), DataType::Float64);
}

#[tokio::test]
async fn a_decimal_column_wider_than_the_tables_is_read_as_long_as_its_values_fit() {
    for (unscaled, fits) in [(1234, true), (1_234_567_890, false)] {
        let mut lake = Lake::new();
        let wide = Decimal128Array::from(vec![unscaled]).with_precision_and_scale(18, 2).unwrap();
        let file =
            lake.parquet("a.parquet", vec![("id", 1, Arc::new(Int64Array::from(vec![1]))), ("p", 2, Arc::new(wide))]);
        lake.add(0, file, 1, decimal(4, 5), 1);
        let found = ids(&lake.table("decimal(9, 2)")).await.map_err(|e| e.code);
        assert_eq!(found, if fits { Ok(vec![1]) } else { Err(Code::FileBroken) });
    }
}

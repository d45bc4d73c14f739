//! A small table on disk: data files, position deletes, manifests and metadata, as other writers leave them.

use super::rows::{self, Row};
use crate::arrow_types::with_id;
use crate::avro::{AvroWriter, Header, Value};
use crate::manifest::{DELETE_FILE_PATH, DELETE_POSITION};
use crate::metadata::TableMetadata;
use crate::storage::Storage;
use crate::table::Table;
use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema as ArrowSchema};
use icebridge_model::schema::Schema;
use icebridge_model::{Error, Result, TableIdent};
use parquet::arrow::ArrowWriter;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// What a table holds.
#[derive(Clone, Debug)]
pub struct Content {
    pub schema: Schema,
    pub files: Vec<Vec<Row>>,
    /// Deleted rows: file and position.
    pub deletes: Vec<(usize, i64)>,
    /// The files that the manifest names; one may be named twice, or not at all.
    pub listed: Vec<usize>,
}

impl Content {
    /// Three hundred rows, in two files of which one has deleted rows besides.
    pub fn sound() -> Result<Self> {
        let all = rows::rows();
        let deleted: Vec<Row> = all.iter().skip(50).take(5).map(|row| Row { id: row.id + 1, ..row.clone() }).collect();
        let mut first = all[..180].to_vec();
        first.extend(deleted);
        Ok(Self {
            schema: rows::schema()?,
            files: vec![first, all[180..].to_vec()],
            deletes: (180..185).map(|position| (0, position)).collect(),
            listed: vec![0, 1],
        })
    }

    /// Row `at`, counted over the files.
    pub fn row(&mut self, at: usize) -> &mut Row {
        let first = self.files[0].len() - 5;
        if at < first { &mut self.files[0][at] } else { &mut self.files[1][at - first] }
    }

    /// Writes it into a folder that is there and empty.
    pub fn write(&self, folder: &Path) -> Result<Table> {
        let mut entries = Vec::new();
        let path = |name: String| folder.join(name).display().to_string();
        for (at, rows) in self.files.iter().enumerate() {
            let file = path(format!("data-{at}.parquet"));
            let size = parquet(&file, &rows::batch(&self.schema, rows)?)?;
            entries.push((file, size, rows.len()));
        }
        let data: Vec<Value> = self.listed.iter().map(|at| entry(0, &entries[*at])).collect();
        let mut lines = vec![manifest(&path("m-data.avro".into()), &data, 0)?];
        if !self.deletes.is_empty() {
            let file = path("deletes.parquet".into());
            let size = parquet(&file, &positions(&self.deletes, &entries)?)?;
            let deletes = [entry(1, &(file, size, self.deletes.len()))];
            lines.push(manifest(&path("m-deletes.avro".into()), &deletes, 1)?);
        }
        let list = path("list.avro".into());
        avro(&list, list_schema(), &lines)?;
        let schema = serde_json::to_value(&self.schema).map_err(|e| failed(&list, e))?;
        let raw = json!({"format-version": 2, "table-uuid": "00000000-0000-0000-0000-000000000001", "location": path(String::new()),
            "current-schema-id": 0, "schemas": [schema], "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}],
            "current-snapshot-id": 1, "snapshots": [{"snapshot-id": 1, "sequence-number": 2, "manifest-list": list, "schema-id": 0}]});
        Ok(Table {
            ident: TableIdent::new(["scratch"], "rows"),
            metadata_location: path("v1.metadata.json".into()),
            metadata: Arc::new(TableMetadata::from_value(raw, "scratch")?),
            storage: Storage::local()?,
            unconfirmed: None,
        })
    }
}

fn failed(path: &str, cause: impl std::fmt::Display) -> Error {
    Error::internal("a scratch table cannot be written").about(path).with_cause_text(cause.to_string())
}

fn parquet(path: &str, batch: &RecordBatch) -> Result<u64> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).map_err(|e| failed(path, e))?;
    writer.write(batch).map_err(|e| failed(path, e))?;
    let bytes = writer.into_inner().map_err(|e| failed(path, e))?;
    std::fs::write(path, &bytes).map_err(|e| failed(path, e))?;
    Ok(bytes.len() as u64)
}

fn positions(deletes: &[(usize, i64)], files: &[(String, u64, usize)]) -> Result<RecordBatch> {
    let fields = [("file_path", DELETE_FILE_PATH, DataType::Utf8), ("pos", DELETE_POSITION, DataType::Int64)];
    let fields = fields.map(|(name, id, kind)| with_id(Field::new(name, kind, false), id));
    let paths = StringArray::from_iter_values(deletes.iter().map(|(file, _)| files[*file].0.as_str()));
    let at = Int64Array::from_iter_values(deletes.iter().map(|(_, at)| *at));
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields.to_vec())), vec![Arc::new(paths), Arc::new(at)])
        .map_err(|e| failed("deletes", e))
}

fn entry(content: i64, (path, size, rows): &(String, u64, usize)) -> Value {
    let number = |n: u64| Value::Long(i64::try_from(n).unwrap_or(i64::MAX));
    let file = Value::Record(vec![
        Value::Long(content),
        Value::String(path.clone()),
        Value::String("PARQUET".into()),
        Value::Record(Vec::new()),
        number(*rows as u64),
        number(*size),
    ]);
    Value::Record(vec![Value::Long(1), Value::Long(1 + content), file])
}

/// Writes one, and gives its line in the list.
fn manifest(path: &str, entries: &[Value], content: i64) -> Result<Value> {
    let schema = json!({"type": "record", "name": "manifest_entry", "fields": [
        {"name": "status", "type": "int", "field-id": 0},
        {"name": "sequence_number", "type": "long", "field-id": 3},
        {"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": [
            {"name": "content", "type": "int", "field-id": 134},
            {"name": "file_path", "type": "string", "field-id": 100},
            {"name": "file_format", "type": "string", "field-id": 101},
            {"name": "partition", "field-id": 102, "type": {"type": "record", "name": "r102", "fields": []}},
            {"name": "record_count", "type": "long", "field-id": 103},
            {"name": "file_size_in_bytes", "type": "long", "field-id": 104}]}}]});
    let size = avro(path, schema, entries)?;
    let numbers = [i64::try_from(size).unwrap_or(i64::MAX), 0, content, 1 + content].map(Value::Long);
    Ok(Value::Record(std::iter::once(Value::String(path.to_string())).chain(numbers).collect()))
}

fn list_schema() -> Json {
    json!({"type": "record", "name": "manifest_file", "fields": [
        {"name": "manifest_path", "type": "string", "field-id": 500},
        {"name": "manifest_length", "type": "long", "field-id": 501},
        {"name": "partition_spec_id", "type": "int", "field-id": 502},
        {"name": "content", "type": "int", "field-id": 517},
        {"name": "sequence_number", "type": "long", "field-id": 515}]})
}

fn avro(path: &str, schema: Json, records: &[Value]) -> Result<u64> {
    let mut writer = AvroWriter::new(&Header {
        metadata: vec![("avro.schema".into(), schema.to_string().into_bytes())],
        sync: [9; 16],
    })?;
    for record in records {
        writer.append(record)?;
    }
    let bytes = writer.finish()?;
    std::fs::write(path, &bytes).map_err(|e| failed(path, e))?;
    Ok(bytes.len() as u64)
}

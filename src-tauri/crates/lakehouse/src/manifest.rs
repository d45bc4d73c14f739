//! Manifest lists and manifests, read into types (spec, "Manifests" and "Manifest Lists").
//!
//! Fields are found by the names the spec gives them, with the older spellings writers have used. What a writer leaves out
//! is inherited as the spec says: sequence numbers and snapshot ids of added entries come from the manifest.

use crate::metadata::{Snapshot, TableMetadata};
use crate::storage::Storage;
use apache_avro::Reader;
use apache_avro::types::Value;
use icebridge_model::schema::PartitionSpec;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestContent {
    Data,
    Deletes,
}

/// One line of a manifest list.
#[derive(Clone, Debug)]
pub struct ManifestFile {
    pub path: String,
    pub length: u64,
    pub partition_spec_id: i32,
    pub content: ManifestContent,
    pub sequence_number: i64,
    pub added_snapshot_id: i64,
    /// v3: where the row ids of the manifest's data files begin.
    pub first_row_id: Option<i64>,
    pub has_key_metadata: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryStatus {
    Existing,
    Added,
    Deleted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileContent {
    Data,
    PositionDeletes,
    EqualityDeletes,
}

#[derive(Clone, Debug)]
pub struct ManifestEntry {
    pub status: EntryStatus,
    pub snapshot_id: i64,
    /// The data sequence number, which decides what a delete file applies to.
    pub sequence_number: i64,
    pub file: DataFile,
}

/// A data or delete file. Column metrics other than counts are left in the manifest: nothing here prunes by them.
#[derive(Clone, Debug)]
pub struct DataFile {
    pub content: FileContent,
    pub path: String,
    /// In capitals: PARQUET, ORC, AVRO, PUFFIN.
    pub format: String,
    pub spec_id: i32,
    /// In the order of the spec's fields.
    pub partition: Vec<Option<PartitionValue>>,
    pub record_count: u64,
    pub size: u64,
    pub has_key_metadata: bool,
    pub equality_ids: Vec<i32>,
    pub sort_order_id: Option<i32>,
    pub first_row_id: Option<i64>,
    /// Deletion vectors, and position deletes for one data file.
    pub referenced_data_file: Option<String>,
    pub content_offset: Option<u64>,
    pub content_size: Option<u64>,
}

impl DataFile {
    /// A deletion vector: a blob inside a Puffin file.
    pub fn is_deletion_vector(&self) -> bool {
        self.content == FileContent::PositionDeletes && self.format == "PUFFIN"
    }
}

/// A partition value as its Avro type carries it; integers of any width and logical type are one, so that tuples written
/// by different engines compare equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartitionValue {
    Boolean(bool),
    Integer(i64),
    /// IEEE bits.
    Float(u32),
    Double(u64),
    String(String),
    /// binary, fixed, uuid, and the unscaled big-endian bytes of a decimal.
    Bytes(Vec<u8>),
}

/// The manifests of a snapshot. v1 snapshots may name them without a manifest list.
pub async fn manifests(storage: &Storage, snapshot: &Snapshot) -> Result<Vec<ManifestFile>> {
    let Some(list) = &snapshot.manifest_list else {
        let mut out = Vec::new();
        for path in &snapshot.manifests {
            out.push(ManifestFile {
                path: path.clone(),
                length: storage.size(path).await?,
                // The header of each manifest has the right one; see `entries`.
                partition_spec_id: -1,
                content: ManifestContent::Data,
                sequence_number: 0,
                added_snapshot_id: snapshot.snapshot_id,
                first_row_id: None,
                has_key_metadata: false,
            });
        }
        return Ok(out);
    };
    let bytes = storage.read(list).await.map_err(|e| missing_hint(e, snapshot.snapshot_id))?;
    parse_list(&bytes).map_err(|e| e.about(list))
}

fn missing_hint(error: Error, snapshot_id: i64) -> Error {
    if error.code == Code::FileMissing {
        return error.with_hint(format!(
            "Snapshot {snapshot_id} is incomplete at the source. Expire it there, or restore the file."
        ));
    }
    error
}

pub fn parse_list(bytes: &[u8]) -> Result<Vec<ManifestFile>> {
    let mut out = Vec::new();
    for record in records(bytes)?.1 {
        let record = Record::of(record?)?;
        out.push(ManifestFile {
            path: record.text("manifest_path")?,
            length: record.unsigned("manifest_length")?,
            partition_spec_id: record.integer("partition_spec_id")? as i32,
            content: match record.integer_or("content", 0)? {
                0 => ManifestContent::Data,
                1 => ManifestContent::Deletes,
                other => return Err(Error::new(Code::Unsupported, format!("manifest content {other} is not known"))),
            },
            sequence_number: record.integer_or("sequence_number", 0)?,
            added_snapshot_id: record.integer_or("added_snapshot_id", 0)?,
            first_row_id: record.optional_integer("first_row_id")?,
            has_key_metadata: record.present("key_metadata"),
        });
    }
    Ok(out)
}

/// The entries of a manifest, inheritance applied, deleted ones included.
pub async fn entries(
    storage: &Storage,
    metadata: &TableMetadata,
    manifest: &ManifestFile,
) -> Result<Vec<ManifestEntry>> {
    let bytes = storage.read(&manifest.path).await.map_err(|e| missing_hint(e, manifest.added_snapshot_id))?;
    parse_entries(&bytes, metadata, manifest).map_err(|e| e.about(&manifest.path))
}

pub fn parse_entries(bytes: &[u8], metadata: &TableMetadata, manifest: &ManifestFile) -> Result<Vec<ManifestEntry>> {
    let (header, rows) = records(bytes)?;
    let spec_id = header
        .get("partition-spec-id")
        .and_then(|id| std::str::from_utf8(id).ok()?.parse().ok())
        .unwrap_or(manifest.partition_spec_id.max(0));
    let spec = metadata
        .partition_spec(spec_id)
        .ok_or_else(|| broken(format!("partition spec {spec_id} is not in the table's metadata")))?;
    let mut out = Vec::new();
    for row in rows {
        let record = Record::of(row?)?;
        let status = match record.integer("status")? {
            0 => EntryStatus::Existing,
            1 => EntryStatus::Added,
            2 => EntryStatus::Deleted,
            other => return Err(broken(format!("manifest entry status {other} is not known"))),
        };
        let sequence_number = match record.optional_integer("sequence_number")? {
            Some(number) => number,
            None if status == EntryStatus::Added || manifest.sequence_number == 0 => manifest.sequence_number,
            None => return Err(broken("an existing manifest entry has no sequence number".into())),
        };
        out.push(ManifestEntry {
            status,
            snapshot_id: record.optional_integer("snapshot_id")?.unwrap_or(manifest.added_snapshot_id),
            sequence_number,
            file: data_file(record.nested("data_file")?, spec)?,
        });
    }
    inherit_row_ids(&mut out, manifest);
    Ok(out)
}

/// v3, "First Row ID Inheritance": data files without one take the manifest's, counting on by their records.
fn inherit_row_ids(entries: &mut [ManifestEntry], manifest: &ManifestFile) {
    let Some(mut next) = manifest.first_row_id else { return };
    for entry in entries.iter_mut().filter(|e| e.status != EntryStatus::Deleted) {
        if entry.file.content == FileContent::Data && entry.file.first_row_id.is_none() {
            entry.file.first_row_id = Some(next);
            next += entry.file.record_count as i64;
        }
    }
}

fn data_file(record: Record, spec: &PartitionSpec) -> Result<DataFile> {
    let content = match record.integer_or("content", 0)? {
        0 => FileContent::Data,
        1 => FileContent::PositionDeletes,
        2 => FileContent::EqualityDeletes,
        other => return Err(Error::new(Code::Unsupported, format!("file content {other} is not known"))),
    };
    let partition = match record.take("partition") {
        Some(Value::Record(fields)) => {
            fields.into_iter().map(|(_, value)| partition_value(value)).collect::<Result<Vec<_>>>()?
        }
        _ => Vec::new(),
    };
    if partition.len() != spec.fields.len() {
        return Err(broken(format!(
            "a partition tuple has {} values where spec {} has {} fields",
            partition.len(),
            spec.spec_id,
            spec.fields.len()
        )));
    }
    let non_negative = |name: &str| -> Result<Option<u64>> {
        record
            .optional_integer(name)?
            .map(|n| u64::try_from(n).map_err(|_| broken(format!("{name} is negative"))))
            .transpose()
    };
    Ok(DataFile {
        content,
        path: record.text("file_path")?,
        format: record.text("file_format")?.to_ascii_uppercase(),
        spec_id: spec.spec_id,
        partition,
        record_count: record.unsigned("record_count")?,
        size: record.unsigned("file_size_in_bytes")?,
        has_key_metadata: record.present("key_metadata"),
        equality_ids: record.integers("equality_ids")?,
        sort_order_id: record.optional_integer("sort_order_id")?.map(|n| n as i32),
        first_row_id: record.optional_integer("first_row_id")?,
        referenced_data_file: record.optional_text("referenced_data_file"),
        content_offset: non_negative("content_offset")?,
        content_size: non_negative("content_size_in_bytes")?,
    })
}

fn partition_value(value: Value) -> Result<Option<PartitionValue>> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Union(_, inner) => return partition_value(*inner),
        Value::Boolean(b) => PartitionValue::Boolean(b),
        Value::Int(n) | Value::Date(n) | Value::TimeMillis(n) => PartitionValue::Integer(n.into()),
        Value::Long(n)
        | Value::TimeMicros(n)
        | Value::TimestampMillis(n)
        | Value::TimestampMicros(n)
        | Value::TimestampNanos(n)
        | Value::LocalTimestampMillis(n)
        | Value::LocalTimestampMicros(n)
        | Value::LocalTimestampNanos(n) => PartitionValue::Integer(n),
        Value::Float(x) => PartitionValue::Float(x.to_bits()),
        Value::Double(x) => PartitionValue::Double(x.to_bits()),
        Value::String(text) => PartitionValue::String(text),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => PartitionValue::Bytes(bytes),
        Value::Uuid(uuid) => PartitionValue::Bytes(uuid.as_bytes().to_vec()),
        Value::Decimal(decimal) => PartitionValue::Bytes(
            Vec::<u8>::try_from(&decimal)
                .map_err(|e| broken("a decimal partition value cannot be read".into()).with_cause(e))?,
        ),
        other => {
            return Err(broken(format!(
                "a partition value has the Avro type {:?}",
                apache_avro::types::ValueKind::from(&other)
            )));
        }
    }))
}

fn broken(message: String) -> Error {
    Error::new(Code::MetadataBroken, message)
        .with_hint("Check the table at the source with its own engine; rewriting its manifests there may mend it.")
}

type Header = std::collections::HashMap<String, Vec<u8>>;

/// An Avro file's header metadata and its records, decoded one by one.
fn records(bytes: &[u8]) -> Result<(Header, impl Iterator<Item = Result<Value>> + '_)> {
    let reader = Reader::new(bytes).map_err(|e| broken("this is not a readable Avro file".into()).with_cause(e))?;
    let header = reader.user_metadata().clone();
    Ok((header, reader.map(|row| row.map_err(|e| broken("an Avro record cannot be decoded".into()).with_cause(e)))))
}

/// An Avro record by field name, unions taken apart.
struct Record(BTreeMap<String, Value>);

impl Record {
    fn of(value: Value) -> Result<Self> {
        match value {
            Value::Record(fields) => Ok(Self(fields.into_iter().collect())),
            Value::Union(_, inner) => Self::of(*inner),
            _ => Err(broken("an Avro record was expected".into())),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::Union(_, inner) if **inner == Value::Null => None,
            Value::Union(_, inner) => Some(inner),
            value => Some(value),
        }
    }

    fn take(&self, name: &str) -> Option<Value> {
        self.get(name).cloned()
    }

    fn present(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn nested(&self, name: &str) -> Result<Self> {
        self.take(name).map_or_else(|| Err(broken(format!("{name} is missing"))), Self::of)
    }

    fn text(&self, name: &str) -> Result<String> {
        self.optional_text(name).ok_or_else(|| broken(format!("{name} is missing")))
    }

    fn optional_text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) | Value::Enum(_, text) => Some(text.clone()),
            _ => None,
        }
    }

    fn optional_integer(&self, name: &str) -> Result<Option<i64>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Int(n)) => Ok(Some((*n).into())),
            Some(Value::Long(n)) => Ok(Some(*n)),
            Some(_) => Err(broken(format!("{name} is not a number"))),
        }
    }

    fn integer(&self, name: &str) -> Result<i64> {
        self.optional_integer(name)?.ok_or_else(|| broken(format!("{name} is missing")))
    }

    fn integer_or(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.optional_integer(name)?.unwrap_or(default))
    }

    fn unsigned(&self, name: &str) -> Result<u64> {
        u64::try_from(self.integer(name)?).map_err(|_| broken(format!("{name} is negative")))
    }

    fn integers(&self, name: &str) -> Result<Vec<i32>> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::Int(n) => Ok(*n),
                    _ => Err(broken(format!("{name} holds something other than ints"))),
                })
                .collect(),
            Some(_) => Err(broken(format!("{name} is not a list"))),
        }
    }
}

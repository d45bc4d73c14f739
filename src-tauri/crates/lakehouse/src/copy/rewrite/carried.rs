//! The manifests of the snapshot before, as the next snapshot has them: as they are where all their files stay, and written anew where
//! some go.

use super::manifests::{Commit, Count, Line, V3_IDS, v3_fields};
use crate::avro::{AvroFile, AvroRecord, AvroSchema, AvroWriter, Header, Record, Value};
use crate::limits::Limit;
use crate::location::canonical;
use crate::metadata::Snapshot;
use crate::storage::Storage;
use bytes::Bytes;
use icebridge_model::{Code, Error, Result};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashSet};

/// More manifests than this that name fewer files than that become one.
const MOST_SMALL: usize = 64;
const SMALL: u64 = 1_000;

/// What a snapshot takes over from the one before, and what it leaves.
#[derive(Debug, Default)]
pub struct Carried {
    pub lines: Vec<Line>,
    pub kept: Files,
    pub dropped: Files,
    /// Nothing is taken over, and what is left could not be read.
    pub is_left_unread: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Files {
    pub count: Count,
    pub bytes: u64,
}

impl Files {
    fn add(&mut self, rows: u64, bytes: u64) {
        self.count.add(rows);
        self.bytes += bytes;
    }

    fn extend(&mut self, other: Self) {
        self.count.files += other.count.files;
        self.count.rows += other.count.rows;
        self.bytes += other.bytes;
    }
}

/// `stay`: the canonical paths of the files that the next snapshot has. New manifests go to `stem` with a number behind it.
pub async fn carry(
    storage: &Storage,
    before: Option<&Snapshot>,
    stay: &HashSet<String>,
    commit: &Commit<'_>,
    stem: &str,
) -> Result<Carried> {
    let mut carried = Carried::default();
    let Some(list) = before.and_then(|snapshot| snapshot.manifest_list.as_deref()) else { return Ok(carried) };
    let bytes = storage.read(list, Limit::ManifestList).await?;
    let mut found = 0;
    for line in lines(bytes, list)? {
        let manifest = open(storage, &line).await?;
        let split = split(&manifest, &line, stay, commit)?;
        found += split.kept.count.files;
        carried.kept.extend(split.kept);
        carried.dropped.extend(split.dropped);
        if split.dropped.count.files == 0 {
            // One that only says what an earlier snapshot dropped has done its work.
            carried.lines.extend((split.kept.count.files > 0).then_some(line));
            continue;
        }
        let path = format!("{stem}-c{}.avro", carried.lines.len());
        let (bytes, line) = written(&manifest, &line, split, path, commit)?;
        storage.write(&line.path, Bytes::from(bytes)).await?;
        carried.lines.push(line);
    }
    if found != stay.len() as u64 {
        return Err(Error::new(Code::TargetChanged, "the table in the target lacks files that its last copy had")
            .with_hint("Try again; if it stays so, bring the table right by `icebridge sync --whole`."));
    }
    merge_small(storage, &mut carried.lines, stay, commit, stem).await?;
    Ok(carried)
}

async fn open(storage: &Storage, line: &Line) -> Result<AvroFile> {
    AvroFile::open(storage.read(&line.path, Limit::Manifest).await?, &line.path)
}

/// Every round brings a manifest, and who plans a read opens them all: many small ones become one for each spec.
async fn merge_small(
    storage: &Storage,
    lines: &mut Vec<Line>,
    stay: &HashSet<String>,
    commit: &Commit<'_>,
    stem: &str,
) -> Result<()> {
    // What this snapshot drops has to be told by it.
    let is_small = |line: &Line| line.deleted.files == 0 && line.added.files + line.existing.files < SMALL;
    if lines.iter().filter(|line| is_small(line)).count() < MOST_SMALL {
        return Ok(());
    }
    let (small, mut merged): (Vec<Line>, Vec<Line>) = std::mem::take(lines).into_iter().partition(is_small);
    // Entries of one file are of one schema: those of others, or of an older format version, stay apart.
    let mut alike: BTreeMap<(i32, Vec<u8>), Vec<(Line, AvroFile)>> = BTreeMap::new();
    for line in small {
        let manifest = open(storage, &line).await?;
        let schema = manifest.header.get("avro.schema").unwrap_or_default().to_vec();
        alike.entry((line.spec_id, schema)).or_default().push((line, manifest));
    }
    for manifests in alike.into_values() {
        if let [(line, _)] = manifests.as_slice() {
            merged.push(line.clone());
            continue;
        }
        let mut all = Split::default();
        for (line, manifest) in &manifests {
            all.extend(split(manifest, line, stay, commit)?);
        }
        let Some((line, manifest)) = manifests.last() else { continue };
        // Bounds of one manifest are none of several.
        let is_partitioned = matches!(&line.partitions, Value::Array(fields) if !fields.is_empty());
        let partitions = if is_partitioned { Value::Null } else { line.partitions.clone() };
        let line = Line { partitions, ..line.clone() };
        let path = format!("{stem}-g{}.avro", merged.len());
        let (bytes, line) = written(manifest, &line, all, path, commit)?;
        storage.write(&line.path, Bytes::from(bytes)).await?;
        merged.push(line);
    }
    *lines = merged;
    Ok(())
}

/// The lines of a list that we wrote.
fn lines(bytes: Bytes, path: &str) -> Result<Vec<Line>> {
    let file = AvroFile::open(bytes, path)?;
    let mut out = Vec::new();
    for record in file.records() {
        let record = record?;
        let record = Record::new(&file.schema, &record).ok_or_else(|| broken(path))?;
        // Delete files are never ours.
        if record.get(517, "content").and_then(Value::as_long) == Some(1) {
            return Err(Error::new(Code::TargetChanged, "others have written delete files to the table in the target")
                .about(path)
                .with_hint("`icebridge sync --whole` brings the table right."));
        }
        out.push(line(&record).ok_or_else(|| broken(path))?);
    }
    Ok(out)
}

fn line(record: &Record<'_>) -> Option<Line> {
    let number = |id, name: &'static str| record.get(id, name).and_then(Value::as_long);
    let count = |id, name: &'static str| u64::try_from(number(id, name)?).ok();
    let counts = |files: (i32, &'static str), rows: (i32, &'static str)| {
        Some(Count { files: count(files.0, files.1)?, rows: count(rows.0, rows.1)? })
    };
    if number(517, "content") != Some(0) {
        return None;
    }
    Some(Line {
        path: record.get(500, "manifest_path").and_then(Value::as_str)?.to_string(),
        length: count(501, "manifest_length")?,
        spec_id: i32::try_from(number(502, "partition_spec_id")?).ok()?,
        sequence_number: number(515, "sequence_number")?,
        min_sequence_number: number(516, "min_sequence_number")?,
        snapshot_id: number(503, "added_snapshot_id")?,
        added: counts((504, "added_files_count"), (512, "added_rows_count"))?,
        existing: counts((505, "existing_files_count"), (513, "existing_rows_count"))?,
        deleted: counts((506, "deleted_files_count"), (514, "deleted_rows_count"))?,
        partitions: record.get(507, "partitions").cloned().unwrap_or(Value::Null),
        first_row_id: number(520, "first_row_id"),
    })
}

#[derive(Default)]
struct Split {
    entries: Vec<Value>,
    kept: Files,
    dropped: Files,
    /// The lowest sequence number of those that stay.
    min_sequence_number: Option<i64>,
}

impl Split {
    fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.kept.extend(other.kept);
        self.dropped.extend(other.dropped);
        let lowest = [self.min_sequence_number, other.min_sequence_number];
        self.min_sequence_number = lowest.into_iter().flatten().min();
    }
}

/// The live entries, as a manifest that is written anew has them.
fn split(manifest: &AvroFile, line: &Line, stay: &HashSet<String>, commit: &Commit<'_>) -> Result<Split> {
    let places = Places::of(&manifest.schema, commit.format_version).ok_or_else(|| broken(&line.path))?;
    let mut split =
        Split { entries: Vec::new(), kept: Files::default(), dropped: Files::default(), min_sequence_number: None };
    let mut next_row_id = line.first_row_id;
    for record in manifest.records() {
        let mut record = record?;
        let mut entry = Entry::of(&mut record, &places).ok_or_else(|| broken(&line.path))?;
        if entry.long(places.status) == Some(2) {
            continue;
        }
        let (path, rows, bytes) = entry.file(&places).ok_or_else(|| broken(&line.path))?;
        let sequence_number = entry.long(places.sequence_number).unwrap_or(line.sequence_number);
        // What was inherited is written down, as the entry is in another manifest from now on.
        entry.set(places.sequence_number, sequence_number);
        let file_sequence_number = entry.long(places.file_sequence_number).unwrap_or(line.sequence_number);
        entry.set(places.file_sequence_number, file_sequence_number);
        entry.append_nulls(places.lacking);
        entry.give_row_id(&places, &mut next_row_id, rows);
        if stay.contains(&canonical(&path)) {
            split.kept.add(rows, bytes);
            entry.set(places.status, 0);
            if entry.long(places.snapshot_id).is_none() {
                entry.set(places.snapshot_id, line.snapshot_id);
            }
            let lowest = split.min_sequence_number.map_or(sequence_number, |known| known.min(sequence_number));
            split.min_sequence_number = Some(lowest);
        } else {
            split.dropped.add(rows, bytes);
            entry.set(places.status, 2);
            entry.set(places.snapshot_id, commit.snapshot_id);
        }
        split.entries.push(record);
    }
    Ok(split)
}

fn written(
    manifest: &AvroFile,
    line: &Line,
    split: Split,
    path: String,
    commit: &Commit<'_>,
) -> Result<(Vec<u8>, Line)> {
    let mut writer = AvroWriter::new(&header(manifest, commit).ok_or_else(|| broken(&line.path))?)?;
    for record in split.entries {
        writer.append(&record)?;
    }
    let bytes = writer.finish()?;
    let line = Line {
        path,
        length: bytes.len() as u64,
        sequence_number: commit.sequence_number,
        min_sequence_number: split.min_sequence_number.unwrap_or(commit.sequence_number),
        snapshot_id: commit.snapshot_id,
        added: Count::default(),
        existing: split.kept.count,
        deleted: split.dropped.count,
        first_row_id: None,
        ..line.clone()
    };
    Ok((bytes, line))
}

/// That of the manifest before; of a table that was raised to version 3 with the fields that this one has more.
fn header(manifest: &AvroFile, commit: &Commit<'_>) -> Option<Header> {
    let mut header = manifest.header.clone();
    let mut schema: Json = serde_json::from_slice(header.get("avro.schema")?).ok()?;
    if commit.format_version >= 3 {
        let entry = schema["fields"].as_array_mut()?.iter_mut().find(|field| field["field-id"] == json!(2))?;
        let fields = entry["type"]["fields"].as_array_mut()?;
        for (id, field) in V3_IDS.into_iter().zip(v3_fields()) {
            // Others name some of these in manifests of version 2, too.
            if fields.iter().all(|known| known["field-id"] != json!(id)) {
                fields.push(field);
            }
        }
    }
    for (key, value) in &mut header.metadata {
        match key.as_str() {
            "avro.schema" => *value = schema.to_string().into_bytes(),
            "format-version" => *value = commit.format_version.to_string().into_bytes(),
            _ => {}
        }
    }
    Some(header)
}

/// Where the fields of an entry are.
struct Places {
    status: usize,
    snapshot_id: usize,
    sequence_number: usize,
    file_sequence_number: usize,
    data_file: usize,
    path: usize,
    records: usize,
    size: usize,
    first_row_id: Option<usize>,
    /// How many of version 3's fields the manifest lacks, in a table of that version.
    lacking: usize,
}

impl Places {
    fn of(schema: &AvroRecord, format_version: u8) -> Option<Self> {
        let data_file = schema.position(2, "data_file")?;
        let AvroSchema::Record(file) = schema.fields.get(data_file)?.schema.non_null() else { return None };
        let first_row_id = file.position(142, "first_row_id");
        let has = |id: &i32| file.fields.iter().any(|field| field.id == Some(*id));
        let lacking = if format_version >= 3 { V3_IDS.iter().filter(|id| !has(id)).count() } else { 0 };
        Some(Self {
            status: schema.position(0, "status")?,
            snapshot_id: schema.position(1, "snapshot_id")?,
            sequence_number: schema.position(3, "sequence_number")?,
            file_sequence_number: schema.position(4, "file_sequence_number")?,
            data_file,
            path: file.position(100, "file_path")?,
            records: file.position(103, "record_count")?,
            size: file.position(104, "file_size_in_bytes")?,
            // It is the first of them, and they come behind all others.
            first_row_id: first_row_id.or((lacking > 0).then_some(file.fields.len())),
            lacking,
        })
    }
}

struct Entry<'a> {
    values: &'a mut Vec<Value>,
    data_file: usize,
}

impl<'a> Entry<'a> {
    fn of(record: &'a mut Value, places: &Places) -> Option<Self> {
        match record.present_mut()? {
            Value::Record(values) => Some(Self { values, data_file: places.data_file }),
            _ => None,
        }
    }

    fn long(&self, at: usize) -> Option<i64> {
        self.values.get(at)?.as_long()
    }

    fn set(&mut self, at: usize, number: i64) {
        if let Some(value) = self.values.get_mut(at) {
            *value = Value::Long(number);
        }
    }

    fn data_file(&mut self) -> Option<&mut Vec<Value>> {
        match self.values.get_mut(self.data_file)?.present_mut()? {
            Value::Record(values) => Some(values),
            _ => None,
        }
    }

    /// Path, rows and bytes.
    fn file(&mut self, places: &Places) -> Option<(String, u64, u64)> {
        let (path, records, size) = (places.path, places.records, places.size);
        let file = self.data_file()?;
        let count = |at: usize| u64::try_from(file.get(at)?.as_long()?).ok();
        Some((file.get(path)?.as_str()?.to_string(), count(records)?, count(size)?))
    }

    /// Writes down the row id that the file inherits from its manifest.
    fn give_row_id(&mut self, places: &Places, next: &mut Option<i64>, rows: u64) {
        let (Some(at), Some(first)) = (places.first_row_id, *next) else { return };
        let Some(value) = self.data_file().and_then(|file| file.get_mut(at)) else { return };
        if value.as_long().is_none() {
            *value = Value::Long(first);
            *next = i64::try_from(rows).ok().and_then(|rows| first.checked_add(rows));
        }
    }

    fn append_nulls(&mut self, count: usize) {
        if let Some(file) = self.data_file() {
            file.extend(std::iter::repeat_n(Value::Null, count));
        }
    }
}

fn broken(path: &str) -> Error {
    Error::new(Code::MetadataBroken, "a manifest of the target is not as IceBridge wrote it").about(path)
}

//! The entries of a manifest, one by one, inheritance applied: sequence numbers and row ids that a writer left out come from
//! the manifest list.

use super::fields::{
    CONTENT, CONTENT_OFFSET, CONTENT_SIZE, DATA_FILE, EQUALITY_IDS, FILE_FORMAT, FILE_PATH, FILE_SIZE, FIRST_ROW_ID,
    Fields, KEY_METADATA, LOWER_BOUNDS, PARTITION, RECORD_COUNT, REFERENCED_DATA_FILE, SEQUENCE_NUMBER, SNAPSHOT_ID,
    SORT_ORDER_ID, STATUS, UPPER_BOUNDS, broken,
};
use super::list::snapshot_incomplete;
use super::partition::PartitionReader;
use super::types::{DataFile, EntryStatus, FileContent, ManifestEntry, ManifestFile};
use crate::avro::{AvroFile, Record, Records, Value};
use crate::limits::Limit;
use crate::metadata::TableMetadata;
use crate::storage::Storage;
use bytes::Bytes;
use icebridge_model::{Code, Error, Result};

/// The reserved field id of `file_path` in position delete files.
pub const DELETE_FILE_PATH: i32 = 2_147_483_546;
/// As [`DELETE_FILE_PATH`], of `pos`.
pub const DELETE_POSITION: i32 = 2_147_483_545;

/// A manifest in memory.
#[derive(Debug)]
pub struct Manifest {
    file: AvroFile,
    partition: PartitionReader,
    list: ManifestFile,
    length: u64,
}

impl Manifest {
    pub async fn read(storage: &Storage, metadata: &TableMetadata, list: &ManifestFile) -> Result<Self> {
        let bytes = storage.read(&list.path, Limit::Manifest).await;
        Self::open(bytes.map_err(|e| snapshot_incomplete(e, list.added_snapshot_id))?, metadata, list)
    }

    pub fn open(bytes: Bytes, metadata: &TableMetadata, list: &ManifestFile) -> Result<Self> {
        let length = bytes.len() as u64;
        let file = AvroFile::open(bytes, &list.path)?;
        let partition = PartitionReader::new(&file, metadata, list).map_err(|e| e.about(&list.path))?;
        Ok(Self { file, partition, list: list.clone(), length })
    }

    /// Whether its fields can be found by id. Some engines refuse a manifest whose fields have only names.
    pub fn has_field_ids(&self) -> bool {
        self.file.schema.fields.iter().any(|field| field.id.is_some())
    }

    /// The file's size.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// In order, entries of deleted files included.
    pub fn entries(&self) -> Entries<'_> {
        Entries { manifest: self, records: self.file.records(), next_row_id: self.list.first_row_id, count: 0 }
    }
}

#[derive(Debug)]
pub struct Entries<'a> {
    manifest: &'a Manifest,
    records: Records<'a>,
    /// v3, "First Row ID Inheritance": data files without one take the manifest's, counting on by their records.
    next_row_id: Option<i64>,
    count: u64,
}

impl Iterator for Entries<'_> {
    type Item = Result<ManifestEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        self.count += 1;
        let entry = record.and_then(|record| {
            Limit::ManifestEntries.check(self.count)?;
            self.entry(&record)
        });
        Some(entry.map_err(|e| e.about(&self.manifest.list.path)))
    }
}

impl Entries<'_> {
    fn entry(&mut self, record: &Value) -> Result<ManifestEntry> {
        let Manifest { file, partition, list, .. } = self.manifest;
        let record = Record::new(&file.schema, record).ok_or_else(|| broken("a record was expected"))?;
        let record = Fields(record);
        let status = match record.integer(STATUS)? {
            0 => EntryStatus::Existing,
            1 => EntryStatus::Added,
            2 => EntryStatus::Deleted,
            other => return Err(broken(format!("manifest entry status {other} is not known"))),
        };
        let sequence_number = match record.optional_integer(SEQUENCE_NUMBER)? {
            Some(number) => number,
            None if status == EntryStatus::Added || list.sequence_number == 0 => list.sequence_number,
            None => return Err(broken("an existing manifest entry has no sequence number")),
        };
        let added_by = record.optional_integer(SNAPSHOT_ID)?.unwrap_or(list.added_snapshot_id);
        let mut file = data_file(&record.record(DATA_FILE)?, partition, added_by)?;
        if status != EntryStatus::Deleted {
            self.inherit_row_id(&mut file)?;
        }
        Ok(ManifestEntry { status, sequence_number, file })
    }

    fn inherit_row_id(&mut self, file: &mut DataFile) -> Result<()> {
        if let Some(next) = self.next_row_id
            && file.content == FileContent::Data
            && file.first_row_id.is_none()
        {
            file.first_row_id = Some(next);
            let after = i64::try_from(file.record_count).ok().and_then(|records| next.checked_add(records));
            self.next_row_id = Some(after.ok_or_else(|| broken("the manifest's row ids end beyond 64 bits"))?);
        }
        Ok(())
    }
}

fn data_file(record: &Fields<'_>, partition: &PartitionReader, added_by: i64) -> Result<DataFile> {
    let content = match record.optional_integer(CONTENT)?.unwrap_or(0) {
        0 => FileContent::Data,
        1 => FileContent::PositionDeletes,
        2 => FileContent::EqualityDeletes,
        other => return Err(Error::new(Code::Unsupported, format!("file content {other} is not known"))),
    };
    let tuple = record.0.record(PARTITION.0, PARTITION.1);
    Ok(DataFile {
        content,
        path: record.text(FILE_PATH)?,
        added_by,
        format: record.text(FILE_FORMAT)?.to_ascii_uppercase(),
        spec_id: partition.spec_id(),
        partition: partition.tuple(tuple.as_ref())?,
        record_count: record.count(RECORD_COUNT)?,
        size: record.count(FILE_SIZE)?,
        has_key_metadata: record.has(KEY_METADATA),
        equality_ids: record.ints(EQUALITY_IDS)?,
        sort_order_id: record.optional_int(SORT_ORDER_ID)?,
        first_row_id: record.optional_integer(FIRST_ROW_ID)?,
        referenced_data_file: record.optional_text(REFERENCED_DATA_FILE)?,
        content_offset: record.optional_count(CONTENT_OFFSET)?,
        content_size: record.optional_count(CONTENT_SIZE)?,
        path_bounds: if content == FileContent::PositionDeletes { path_bounds(record) } else { None },
    })
}

/// Bounds that are no text bound nothing.
fn path_bounds(record: &Fields<'_>) -> Option<(String, String)> {
    let bound = |map| String::from_utf8(record.bytes_of(map, DELETE_FILE_PATH)?.to_vec()).ok();
    Some((bound(LOWER_BOUNDS)?, bound(UPPER_BOUNDS)?))
}

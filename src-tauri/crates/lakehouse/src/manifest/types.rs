//! What manifest lists and manifests hold.

use crate::metadata::TableMetadata;
use crate::partition::PartitionValue;
use icebridge_model::schema::PartitionSpec;

/// One line of a manifest list. Its length and counts are left out: writers get them wrong, and the manifest itself is
/// right.
#[derive(Clone, Debug)]
pub struct ManifestFile {
    pub path: String,
    /// None where a v1 snapshot names its manifests itself.
    pub partition_spec_id: Option<i32>,
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
    /// The data sequence number, which decides what a delete file applies to.
    pub sequence_number: i64,
    pub file: DataFile,
}

/// A spec and the values of its fields, so that files can be found by their partition.
pub type PartitionKey = (i32, Vec<Option<PartitionValue>>);

/// A data or delete file. Column metrics other than counts are left in the manifest: nothing here prunes by them.
#[derive(Clone, Debug)]
pub struct DataFile {
    pub content: FileContent,
    pub path: String,
    /// The snapshot that added it: a name alone may be given to another file later.
    pub added_by: i64,
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
    /// Of position deletes: a path not after the first and one not before the last that they name.
    pub path_bounds: Option<(String, String)>,
}

impl DataFile {
    /// Values are compared in their field's type, however they are stored.
    pub fn partition_key(&self) -> PartitionKey {
        (self.spec_id, self.partition.iter().map(|value| value.as_ref().map(PartitionValue::comparable)).collect())
    }

    /// Whether it belongs to no partition. Its spec may have been removed since.
    pub fn is_unpartitioned(&self, metadata: &TableMetadata) -> bool {
        metadata.partition_spec(self.spec_id).map_or(self.partition.is_empty(), PartitionSpec::is_unpartitioned)
    }

    /// A deletion vector: a blob inside a Puffin file.
    pub fn is_deletion_vector(&self) -> bool {
        self.content == FileContent::PositionDeletes && self.format == "PUFFIN"
    }
}

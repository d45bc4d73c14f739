//! Manifest lists.

use super::fields::{
    ADDED_SNAPSHOT_ID, Fields, LIST_CONTENT, LIST_FIRST_ROW_ID, LIST_KEY_METADATA, LIST_SEQUENCE_NUMBER, MANIFEST_PATH,
    PARTITION_SPEC_ID, broken,
};
use super::types::ManifestFile;
use crate::avro::{AvroFile, Record};
use crate::limits::Limit;
use crate::metadata::Snapshot;
use crate::storage::Storage;
use bytes::Bytes;
use icebridge_model::{Code, Error, Result};

/// The manifests of a snapshot. v1 snapshots may name them without a manifest list.
pub async fn manifests(storage: &Storage, snapshot: &Snapshot) -> Result<Vec<ManifestFile>> {
    let Some(list) = &snapshot.manifest_list else {
        let embedded = |path: &String| ManifestFile {
            path: path.clone(),
            partition_spec_id: None,
            sequence_number: 0,
            added_snapshot_id: snapshot.snapshot_id,
            first_row_id: None,
            has_key_metadata: false,
        };
        return Ok(snapshot.manifests.iter().map(embedded).collect());
    };
    let bytes = storage.read(list, Limit::ManifestList).await;
    parse(bytes.map_err(|e| snapshot_incomplete(e, snapshot.snapshot_id))?, list)
}

pub(super) fn snapshot_incomplete(error: Error, snapshot_id: i64) -> Error {
    if error.code == Code::FileMissing {
        return error.with_hint(format!(
            "Snapshot {snapshot_id} is incomplete at the source. Expire it there, or restore the file."
        ));
    }
    error
}

fn parse(bytes: Bytes, path: &str) -> Result<Vec<ManifestFile>> {
    let file = AvroFile::open(bytes, path)?;
    let mut out = Vec::new();
    for record in file.records() {
        let record = record?;
        let record = Record::new(&file.schema, &record).ok_or_else(|| broken("a record was expected").about(path))?;
        out.push(manifest_file(&Fields(record)).map_err(|e| e.about(path))?);
        Limit::ManifestEntries.check(out.len() as u64).map_err(|e| e.about(path))?;
    }
    Ok(out)
}

fn manifest_file(record: &Fields<'_>) -> Result<ManifestFile> {
    // 0 for data, 1 for deletes: each entry says it too.
    let content = record.optional_integer(LIST_CONTENT)?.unwrap_or(0);
    if !(0..=1).contains(&content) {
        return Err(Error::new(Code::Unsupported, format!("manifest content {content} is not known")));
    }
    Ok(ManifestFile {
        path: record.text(MANIFEST_PATH)?,
        partition_spec_id: record.optional_int(PARTITION_SPEC_ID)?,
        sequence_number: record.optional_integer(LIST_SEQUENCE_NUMBER)?.unwrap_or(0),
        added_snapshot_id: record.optional_integer(ADDED_SNAPSHOT_ID)?.unwrap_or(0),
        first_row_id: record.optional_integer(LIST_FIRST_ROW_ID)?,
        has_key_metadata: record.has(LIST_KEY_METADATA),
    })
}

//! A table as a catalog hands it over: its metadata and the storage its files are in.

use crate::limits::Limit;
use crate::metadata::TableMetadata;
use crate::storage::Storage;
use icebridge_model::facts::UnconfirmedMetadata;
use icebridge_model::{Result, TableIdent};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Table {
    pub ident: TableIdent,
    pub metadata_location: String,
    pub metadata: Arc<TableMetadata>,
    /// Opens the table's files, with the credentials that came with it.
    pub storage: Storage,
    /// Nothing says that this metadata was committed: it is the newest in a folder.
    pub unconfirmed: Option<UnconfirmedMetadata>,
}

impl Table {
    /// The table-uuid. None of a table of which a workspace's API told alone: its ids are others.
    pub fn identity(&self) -> Option<&str> {
        (!self.metadata_location.is_empty()).then_some(self.metadata.uuid.as_str())
    }

    /// Reads and parses `metadata_location`.
    pub async fn open(ident: TableIdent, metadata_location: String, storage: Storage) -> Result<Self> {
        let bytes = storage.read(&metadata_location, Limit::MetadataJson).await.map_err(|e| e.about(&ident))?;
        let metadata = TableMetadata::parse(&bytes, &metadata_location).map_err(|e| e.about(&ident))?;
        Ok(Self { ident, metadata_location, metadata: Arc::new(metadata), storage, unconfirmed: None })
    }

    /// As the table was at one of its snapshots, with the columns of that time. None: it no longer has that snapshot.
    pub fn as_of(mut self, snapshot_id: Option<i64>) -> Option<Self> {
        if self.metadata.current_snapshot_id == snapshot_id {
            return Some(self);
        }
        let schema_id = match snapshot_id {
            Some(id) => self.metadata.snapshot(id)?.schema_id,
            None => None,
        };
        let metadata = Arc::make_mut(&mut self.metadata);
        metadata.current_schema_id = schema_id.unwrap_or(metadata.current_schema_id);
        metadata.current_snapshot_id = snapshot_id;
        Some(self)
    }
}

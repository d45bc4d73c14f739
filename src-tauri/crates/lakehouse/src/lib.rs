//! Iceberg itself: catalogs to read from and to commit to, the delete-aware reader, the row digest, and the three copy
//! modes. Knows the model alone.
//!
//! Why not the `iceberg` crate: docs/adr/0002-own-iceberg-reader.md.

mod arrow_types;
mod avro;
mod canonical_row;
pub mod catalog;
pub mod copy;
pub mod digest;
pub mod facts;
mod json;
mod limits;
mod location;
mod manifest;
mod metadata;
mod name_mapping;
mod partition;
mod provenance;
mod puffin;
pub mod reader;
pub mod relocation;
mod scalar;
pub mod scan;
pub mod storage;
mod sync;
mod table;

pub use catalog::{Catalog, TargetCatalog};
pub use metadata::TableMetadata;
pub use storage::Storage;
pub use table::Table;

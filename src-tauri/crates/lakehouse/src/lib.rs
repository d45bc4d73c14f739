//! Iceberg itself: catalogs to read from and to commit to, the delete-aware reader, the row digest, and the three copy
//! modes. Knows the model alone.
//!
//! Why not the `iceberg` crate: docs/adr/0002-own-iceberg-reader.md.

mod arrow_types;
mod avro;
mod canonical_row;
pub mod catalog;
pub mod changes;
pub mod conversion;
pub mod copy;
pub mod digest;
pub mod facts;
mod footers;
#[cfg(test)]
mod fuzz_tests;
pub mod history;
mod json;
mod limits;
mod location;
mod manifest;
mod metadata;
mod name_mapping;
mod pages;
mod partition;
mod provenance;
mod puffin;
pub mod reader;
pub mod records;
pub mod relocation;
mod scalar;
pub mod scan;
pub mod selftest;
pub mod shown;
pub mod storage;
mod sync;
mod table;
#[cfg(test)]
mod testing;
mod text;

pub use catalog::{Catalog, TargetCatalog};
pub use limits::Limit;
pub use location::is_below;
pub use metadata::{Snapshot, TableMetadata};
pub use storage::Storage;
pub use table::Table;

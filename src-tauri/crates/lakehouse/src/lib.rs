//! Iceberg itself: catalogs to read from and to commit to, the delete-aware reader, the row digest, and the three copy
//! modes. Knows the model alone.
//!
//! Why not the `iceberg` crate: docs/adr/0002-own-iceberg-reader.md.

pub mod arrow_types;
pub mod avro;
pub mod catalog;
pub mod copy;
pub mod digest;
pub mod facts;
pub mod location;
pub mod manifest;
pub mod metadata;
pub mod moved;
pub mod puffin;
pub mod reader;
pub mod scalar;
pub mod scan;
pub mod storage;
pub mod table;

pub use catalog::{Catalog, TargetCatalog};
pub use metadata::TableMetadata;
pub use storage::Storage;
pub use table::Table;

//! Manifest lists and manifests, read into types (spec, "Manifests" and "Manifest Lists").
//!
//! Fields are found by the ids the spec gives them, by name where a writer set none.

mod entries;
mod fields;
mod list;
mod partition;
mod types;

pub use entries::{DELETE_FILE_PATH, DELETE_POSITION, Manifest};
pub use list::manifests;
pub use types::{DataFile, EntryStatus, FileContent, PartitionKey};

#[cfg(test)]
mod tests;

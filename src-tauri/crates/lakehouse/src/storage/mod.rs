//! Files by the paths Iceberg metadata uses: plain and `file:` paths, `s3://`, `s3a://`, `s3n://`.
//!
//! Paths are taken literally, as Hadoop and PyIceberg take them: `%41` in a path is three characters, not an `A`. Local
//! files go round `object_store`, whose paths cannot say every file name and whose copies are not fast enough.

mod claim;
mod common;
mod copy;
mod local;
mod location;
pub mod parquet;
mod pending_file;
mod s3;
mod store;
mod writer;

pub use claim::Claim;
pub use common::network::Network;
pub use common::types::{Child, Entry};
pub use copy::{Copied, OnBytes};
pub use location::Location;
pub use parquet::{ObjectReader, SmallerBatches};
pub use s3::{S3KeySource, S3Keys};
pub use store::Storage;
pub use writer::Writer;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_s3;

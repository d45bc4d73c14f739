//! Files by the paths Iceberg metadata uses: plain and `file:` paths, S3 (`s3`, `s3a`, `s3n`), Azure storage (`abfss`, `abfs`,
//! `wasbs`, `wasb`) and Google Cloud Storage (`gs`).
//!
//! Paths are taken literally, as Hadoop and PyIceberg take them: `%41` in a path is three characters, not an `A`. Local
//! files go round `object_store`, whose paths cannot say every file name and whose copies are not fast enough.

mod azure;
mod bucket;
mod claim;
mod common;
mod copy;
mod google;
mod lent;
mod local;
mod location;
mod pace;
pub mod parquet;
mod pending_file;
mod s3;
mod store;
mod writer;
mod writes;

pub use claim::Claim;
pub use common::cloud::Cloud;
pub use common::network::Network;
pub use common::types::{Child, Entry};
pub use copy::{Copied, OnBytes};
pub use lent::{KeySource, LentKeys};
pub use location::Location;
pub use parquet::{ObjectReader, SmallerBatches};
pub use store::{Lent, Storage, check_bounds};
pub use writer::Writer;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_azure;
#[cfg(test)]
mod tests_google;
#[cfg(test)]
mod tests_lent;
#[cfg(test)]
mod tests_s3;

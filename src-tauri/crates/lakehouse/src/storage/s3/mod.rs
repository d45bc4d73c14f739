//! S3 and what speaks its language.

mod account;
mod bucket;
mod credentials;

pub(super) use account::Account;
pub(super) use bucket::{Bucket, key};
pub use credentials::{S3KeySource, S3Keys};

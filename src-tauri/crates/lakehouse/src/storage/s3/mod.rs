//! S3 and what speaks its language.

mod account;
mod bucket;
mod credentials;

/// A key in two parts. object_store takes no key with an empty part (`db/t//data/x`, `/db/t`), which S3 knows well and old
/// lakes are full of. What lies before the last two slashes goes into the bucket's address, so that the key is kept to the
/// byte; the head is empty for all other keys.
pub(super) fn split_key(key: &str) -> (String, &str) {
    let path = format!("/{key}");
    match path.rfind("//") {
        Some(at) => (path[..=at].to_string(), &key[at + 1..]),
        None => (String::new(), key),
    }
}

pub(super) use account::Account;
pub(super) use bucket::{Bucket, key};
pub use credentials::{S3KeySource, S3Keys};

//! Buckets of every cloud.

mod objects;
mod opened;

/// A key in two parts. object_store takes no key with an empty part (`db/t//data/x`, `/db/t`), which the clouds know well
/// and old lakes are full of. What lies before the last two slashes goes into the bucket's address, so that the key is kept
/// to the byte; the head is empty for all other keys.
pub(super) fn split_key(key: &str) -> (String, &str) {
    let path = format!("/{key}");
    match path.rfind("//") {
        Some(at) => (path[..=at].to_string(), &key[at + 1..]),
        None => (String::new(), key),
    }
}

/// A head as it stands in an address, as object_store has it.
pub(super) fn in_address(head: &str) -> String {
    const LITERAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    utf8_percent_encode(head, LITERAL).to_string()
}

/// An address and a bucket's name as clients take them that write no slash in a name: a head goes into the address, up to its last
/// slash.
pub(super) fn address_and_name<'a>(endpoint: &str, name: &'a str, head: &str) -> (String, &'a str) {
    match head.strip_suffix('/') {
        Some(head) => (format!("{endpoint}/{name}{}", in_address(head)), ""),
        None => (endpoint.to_string(), name),
    }
}

pub(super) use objects::{Bucket, Direct};
pub(super) use opened::Buckets;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

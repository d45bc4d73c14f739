//! Names of what a plan makes: the same at every resume, different for every plan and table.

use icebridge_model::TableIdent;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

fn digest(plan_hash: &str, target: &TableIdent, purpose: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [plan_hash, &target.to_string(), purpose] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Every table we make is a table of its own: it and its source diverge with the first commit to either, and caches and
/// catalogs that know tables by uuid would take one for the other.
pub fn uuid(plan_hash: &str, target: &TableIdent, purpose: &str) -> Uuid {
    let digest = digest(plan_hash, target, purpose);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // Version 8: "vendor specific", made from a hash that is not SHA-1.
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// Positive, as engines expect snapshot ids to be.
pub fn snapshot_id(plan_hash: &str, target: &TableIdent) -> i64 {
    round_snapshot_id(plan_hash, target, "snapshot")
}

/// Of a later round, by what it was made from.
pub fn round_snapshot_id(plan_hash: &str, target: &TableIdent, purpose: &str) -> i64 {
    let digest = digest(plan_hash, target, purpose);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    (i64::from_be_bytes(bytes) & i64::MAX).max(1)
}

pub fn first_metadata_file(plan_hash: &str, target: &TableIdent) -> String {
    format!("00000-{}.metadata.json", uuid(plan_hash, target, "metadata"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_repeat_for_one_plan_and_differ_between_plans_and_tables() {
        let (a, b) = (TableIdent::new(["n"], "a"), TableIdent::new(["n"], "b"));
        assert_eq!(uuid("p", &a, "table"), uuid("p", &a, "table"));
        assert_ne!(uuid("p", &a, "table"), uuid("q", &a, "table"));
        assert_ne!(uuid("p", &a, "table"), uuid("p", &b, "table"));
        assert_ne!(uuid("p", &a, "table"), uuid("p", &a, "metadata"));
        assert_eq!(uuid("p", &a, "table").get_version_num(), 8);
        assert!(snapshot_id("p", &a) > 0);
        assert_ne!(snapshot_id("p", &a), snapshot_id("q", &a));
    }
}

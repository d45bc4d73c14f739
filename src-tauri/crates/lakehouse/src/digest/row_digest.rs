//! The sum of row hashes that makes a table's digest: four 64-bit lanes, so that parts add up in any order.

use sha2::{Digest, Sha256};
use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowDigest {
    pub rows: u64,
    lanes: [u64; 4],
}

impl RowDigest {
    pub fn add_row(&mut self, canonical: &[u8]) {
        let hash = Sha256::digest(canonical);
        for (lane, bytes) in self.lanes.iter_mut().zip(hash.chunks_exact(8)) {
            let mut word = [0u8; 8];
            word.copy_from_slice(bytes);
            *lane = lane.wrapping_add(u64::from_be_bytes(word));
        }
        self.rows += 1;
    }

    /// As [`RowDigest::to_hex`] wrote it; none if it did not.
    pub fn from_hex(rows: u64, text: &str) -> Option<Self> {
        let mut lanes = [0; 4];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (lane, digits) in lanes.iter_mut().zip(text.as_bytes().chunks_exact(16)) {
            *lane = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self { rows, lanes })
    }

    /// Without rows that it was made of; none if there are fewer.
    pub fn without(mut self, rows: Self) -> Option<Self> {
        self.rows = self.rows.checked_sub(rows.rows)?;
        for (lane, less) in self.lanes.iter_mut().zip(rows.lanes) {
            *lane = lane.wrapping_sub(less);
        }
        Some(self)
    }

    pub fn to_hex(self) -> String {
        self.lanes.iter().map(|lane| format!("{lane:016x}")).collect()
    }
}

impl AddAssign for RowDigest {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        for (lane, more) in self.lanes.iter_mut().zip(other.lanes) {
            *lane = lane.wrapping_add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_away_again_in_any_order() {
        let of = |rows: &[&str]| {
            let mut digest = RowDigest::default();
            rows.iter().for_each(|row| digest.add_row(row.as_bytes()));
            digest
        };
        assert_eq!(of(&["a", "b", "b", "c"]).without(of(&["b", "a"])), Some(of(&["c", "b"])));
        assert_eq!(of(&["a"]).without(of(&["a", "b"])), None);
        let all = of(&["a", "b"]);
        assert_eq!(RowDigest::from_hex(2, &all.to_hex()), Some(all));
        for bad in ["", "x", &"g".repeat(64), &"+".repeat(64), &"0".repeat(65)] {
            assert_eq!(RowDigest::from_hex(2, bad), None);
        }
    }
}

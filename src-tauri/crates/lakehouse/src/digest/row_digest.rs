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

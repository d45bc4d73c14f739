//! The blob type `deletion-vector-v1`: the positions of a data file's deleted rows.
//!
//! Length (big-endian) of what lies between it and the checksum; magic; a 64-bit Roaring bitmap in the portable format;
//! CRC-32 (big-endian) of magic and bitmap.

use super::error::broken;
use crate::limits::Limit;
use icebridge_model::{Error, Result};
use roaring::RoaringTreemap;

pub(super) const MAGIC: [u8; 4] = [0xd1, 0xd3, 0x39, 0x64];

/// `blob` is exactly the blob: the `content_size_in_bytes` bytes from `content_offset` on.
pub fn decode_deletion_vector(blob: &[u8], path: &str) -> Result<RoaringTreemap> {
    decode(blob).map_err(|e| e.about(path))
}

fn decode(blob: &[u8]) -> Result<RoaringTreemap> {
    let (length, rest) = blob.split_first_chunk::<4>().ok_or_else(|| broken("a deletion vector is cut short"))?;
    let (body, sum) = rest.split_last_chunk::<4>().ok_or_else(|| broken("a deletion vector is cut short"))?;
    if u32::from_be_bytes(*length) as usize != body.len() {
        return Err(broken("a deletion vector's length is not the one its manifest entry gives"));
    }
    if crc32fast::hash(body) != u32::from_be_bytes(*sum) {
        return Err(broken("a deletion vector does not match its checksum"));
    }
    let bitmap = body.strip_prefix(&MAGIC).ok_or_else(|| broken("a deletion vector does not start with its magic"))?;
    Limit::DeletionVector.check(memory(bitmap).ok_or_else(damaged)?)?;
    RoaringTreemap::deserialize_from(bitmap).map_err(|e| damaged().with_cause(e))
}

fn damaged() -> Error {
    broken("a deletion vector's bitmap is damaged")
}

/// How many bytes a 64-bit Roaring bitmap takes in memory: a run of four bytes may stand for 8 KB. None if the bitmap does
/// not end where its bytes do.
fn memory(bitmap: &[u8]) -> Option<u64> {
    let (bitmaps, mut rest) = bitmap.split_first_chunk::<8>()?;
    let mut total = 0u64;
    for _ in 0..u64::from_le_bytes(*bitmaps) {
        // The high 32 bits of the positions come before each 32-bit bitmap.
        let (high, after) = rest.split_first_chunk::<4>()?;
        let (bytes, after) = memory_32(after)?;
        total = total.checked_add(bytes)?.checked_add(high.len() as u64)?;
        rest = after;
    }
    rest.is_empty().then_some(total)
}

/// Of a 32-bit bitmap in the portable format; also what lies behind it.
fn memory_32(bytes: &[u8]) -> Option<(u64, &[u8])> {
    const WITH_RUNS: u32 = 12347;
    const WITHOUT_RUNS: u32 = 12346;
    const NO_OFFSETS_BELOW: usize = 4;
    /// As a bitmap; fewer values are an array of 16-bit ones.
    const BITMAP: usize = 8192;
    const MOST_IN_ARRAY: usize = 4096;

    let (cookie, mut rest) = bytes.split_first_chunk::<4>()?;
    let cookie = u32::from_le_bytes(*cookie);
    let (containers, runs) = if cookie & 0xffff == WITH_RUNS {
        let containers = (cookie >> 16) as usize + 1;
        let (runs, after) = rest.split_at_checked(containers.div_ceil(8))?;
        rest = after;
        (containers, Some(runs))
    } else if cookie == WITHOUT_RUNS {
        let (containers, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        (usize::try_from(u32::from_le_bytes(*containers)).ok().filter(|n| *n <= 1 << 16)?, None)
    } else {
        return None;
    };
    let (descriptions, after) = rest.split_at_checked(containers * 4)?;
    rest = after;
    if runs.is_none() || containers >= NO_OFFSETS_BELOW {
        rest = rest.get(containers * 4..)?;
    }
    let mut total = 0u64;
    for (at, description) in descriptions.chunks_exact(4).enumerate() {
        let values = usize::from(u16::from_le_bytes([description[2], description[3]])) + 1;
        let is_run = runs.is_some_and(|runs| runs[at / 8] & (1 << (at % 8)) != 0);
        let (stored, memory) = if is_run {
            let runs = rest.first_chunk::<2>()?;
            (2 + usize::from(u16::from_le_bytes(*runs)) * 4, BITMAP)
        } else if values > MOST_IN_ARRAY {
            (BITMAP, BITMAP)
        } else {
            (values * 2, values * 2)
        };
        rest = rest.get(stored..)?;
        total += memory as u64;
    }
    Some((total, rest))
}

#[cfg(test)]
mod tests {
    use super::super::testing::encode_deletion_vector;
    use super::*;

    /// Bytes laid out by hand from the specification: one 32-bit bitmap with one array container {3, 8}.
    #[test]
    fn the_layout_of_the_specification() {
        let mut body = MAGIC.to_vec();
        body.extend_from_slice(&1u64.to_le_bytes());
        body.extend_from_slice(&0u32.to_le_bytes());
        body.extend_from_slice(&[0x3a, 0x30, 0, 0, 1, 0, 0, 0]);
        body.extend_from_slice(&[0, 0, 1, 0, 16, 0, 0, 0, 3, 0, 8, 0]);
        let mut blob = (body.len() as u32).to_be_bytes().to_vec();
        blob.extend_from_slice(&body);
        blob.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
        let positions = decode_deletion_vector(&blob, "x").unwrap();
        assert_eq!(positions.iter().collect::<Vec<_>>(), [3, 8]);
        assert_eq!(encode_deletion_vector(&positions).unwrap(), blob);
    }

    /// A run of four bytes for each 65,536 positions.
    #[test]
    fn runs_are_read_and_those_that_would_fill_the_memory_are_refused() {
        let bitmap = |containers: u16| {
            let mut out = (12347u32 | u32::from(containers - 1) << 16).to_le_bytes().to_vec();
            out.extend(vec![0xff; usize::from(containers).div_ceil(8)]);
            (0..containers).for_each(|key| out.extend([key.to_le_bytes(), [0xff, 0xff]].concat()));
            if containers >= 4 {
                out.extend(vec![0; usize::from(containers) * 4]);
            }
            (0..containers).for_each(|_| out.extend([1, 0, 0, 0, 0xff, 0xff]));
            out
        };
        let blob = |bitmaps: u32, containers: u16| {
            let mut body = MAGIC.to_vec();
            body.extend_from_slice(&u64::from(bitmaps).to_le_bytes());
            for key in 0..bitmaps {
                body.extend_from_slice(&key.to_le_bytes());
                body.extend(bitmap(containers));
            }
            let mut blob = (body.len() as u32).to_be_bytes().to_vec();
            blob.extend_from_slice(&body);
            blob.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
            blob
        };
        assert_eq!(decode(&blob(1, 2)).unwrap().len(), 2 << 16);
        assert_eq!(decode(&blob(2, 5)).unwrap().len(), 10 << 16);
        assert_eq!(decode(&blob(20, 4096)).unwrap_err().code, icebridge_model::Code::LimitExceeded);
    }
}

//! The blob type `deletion-vector-v1`: the positions of a data file's deleted rows.
//!
//! Length (big-endian) of what lies between it and the checksum; magic; a 64-bit Roaring bitmap in the portable format;
//! CRC-32 (big-endian) of magic and bitmap.

use super::broken;
use icebridge_model::{Error, Result};
use roaring::RoaringTreemap;

const MAGIC: [u8; 4] = [0xd1, 0xd3, 0x39, 0x64];

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
    RoaringTreemap::deserialize_from(bitmap).map_err(|e| broken("a deletion vector's bitmap is damaged").with_cause(e))
}

pub fn encode_deletion_vector(positions: &RoaringTreemap) -> Result<Vec<u8>> {
    let mut body = MAGIC.to_vec();
    positions.serialize_into(&mut body).map_err(|e| Error::internal("writing a deletion vector").with_cause(e))?;
    let length = u32::try_from(body.len()).map_err(|_| Error::internal("a deletion vector beyond 4 GiB"))?;
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(&body);
    out.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
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
}

//! The bytes of Avro: variable-length numbers and what is counted by them.

use super::error::broken;
use icebridge_model::Result;

/// Reads forward, never past the end.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| broken("the Avro file ends in the middle of a value"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(super) fn long(&mut self) -> Result<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(broken("an Avro number is longer than 64 bits"))
    }

    pub(super) fn int(&mut self) -> Result<i64> {
        let value = self.long()?;
        i32::try_from(value).map_err(|_| broken("an Avro int is longer than 32 bits"))?;
        Ok(value)
    }

    pub(super) fn length(&mut self) -> Result<usize> {
        usize::try_from(self.long()?).map_err(|_| broken("an Avro value has a negative length"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|e| broken("an Avro string is not UTF-8").with_cause(e))
    }

    /// The count of the next block of an array or map. A negative count says that the block's size in bytes follows.
    pub(super) fn block_count(&mut self) -> Result<u64> {
        let count = self.long()?;
        if count < 0 {
            let size = self.length()?;
            if size > self.bytes.len() - self.at {
                return Err(broken("a block of an Avro array or map is longer than the rest of the file"));
            }
        }
        Ok(count.unsigned_abs())
    }
}

pub(super) fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_64_bits_and_no_more() {
        for value in [0, 1, -1, 63, -64, 64, i64::from(i32::MAX), i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_long(&mut bytes, value);
            assert_eq!(Cursor::new(&bytes).long().unwrap(), value);
        }
        let mut long = vec![0xff; 9];
        long.push(2);
        assert!(Cursor::new(&long).long().is_err());
        assert!(Cursor::new(&[0xff; 11]).long().is_err());
        let mut beyond = Vec::new();
        put_long(&mut beyond, i64::from(i32::MAX) + 1);
        assert!(Cursor::new(&beyond).int().is_err());
    }

    #[test]
    fn a_blocks_size_must_fit() {
        let mut bytes = Vec::new();
        put_long(&mut bytes, -3);
        put_long(&mut bytes, 2);
        assert!(Cursor::new(&bytes).block_count().is_err());
        bytes.extend_from_slice(&[0, 0]);
        assert_eq!(Cursor::new(&bytes).block_count().unwrap(), 3);
    }
}

//! The bytes of Avro: variable-length numbers, and the codecs of a block.

use super::broken;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use icebridge_model::{Code, Error, Result};
use std::io::Read;

/// A manifest block is some 64 KB; a block that claims to inflate beyond this is an attack or a defect, not metadata.
const MAX_BLOCK: u64 = 1 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

impl Codec {
    pub(super) fn parse(name: Option<&str>) -> Result<Self> {
        match name {
            None | Some("null" | "") => Ok(Self::Null),
            Some("deflate") => Ok(Self::Deflate),
            Some("snappy") => Ok(Self::Snappy),
            Some("zstandard") => Ok(Self::Zstandard),
            Some(other) => Err(Error::new(Code::Unsupported, format!("the Avro codec `{other}` is not known"))
                .with_hint("Rewrite the table's manifests at the source with the codec gzip.")),
        }
    }

    pub(super) fn decompress(self, packed: &[u8]) -> Result<Vec<u8>> {
        let damaged =
            |e: &dyn std::error::Error| broken("an Avro block cannot be inflated").with_cause_text(e.to_string());
        let inflate = |reader: &mut dyn Read| -> Result<Vec<u8>> {
            let mut out = Vec::new();
            reader.take(MAX_BLOCK + 1).read_to_end(&mut out).map_err(|e| damaged(&e))?;
            if out.len() as u64 > MAX_BLOCK {
                return Err(broken("an Avro block inflates to more than 1 GiB"));
            }
            Ok(out)
        };
        match self {
            Self::Null => Ok(packed.to_vec()),
            Self::Deflate => inflate(&mut DeflateDecoder::new(packed)),
            Self::Zstandard => {
                let mut decoder = zstd::stream::read::Decoder::new(packed).map_err(|e| damaged(&e))?;
                inflate(&mut decoder)
            }
            Self::Snappy => {
                // Snappy blocks end with the CRC-32 of the inflated bytes.
                let (body, sum) = packed
                    .split_last_chunk::<4>()
                    .ok_or_else(|| broken("a snappy Avro block is too short for its checksum"))?;
                if snap::raw::decompress_len(body).map_err(|e| damaged(&e))? as u64 > MAX_BLOCK {
                    return Err(broken("an Avro block inflates to more than 1 GiB"));
                }
                let out = snap::raw::Decoder::new().decompress_vec(body).map_err(|e| damaged(&e))?;
                if crc32fast::hash(&out) != u32::from_be_bytes(*sum) {
                    return Err(broken("an Avro block does not match its checksum"));
                }
                Ok(out)
            }
        }
    }

    pub(super) fn compress(self, block: &[u8]) -> Result<Vec<u8>> {
        let failed =
            |e: &dyn std::error::Error| Error::internal("compressing an Avro block").with_cause_text(e.to_string());
        match self {
            Self::Null => Ok(block.to_vec()),
            Self::Deflate => {
                let mut out = Vec::new();
                DeflateEncoder::new(block, Compression::default()).read_to_end(&mut out).map_err(|e| failed(&e))?;
                Ok(out)
            }
            Self::Zstandard => zstd::stream::encode_all(block, 3).map_err(|e| failed(&e)),
            Self::Snappy => {
                let mut out = snap::raw::Encoder::new().compress_vec(block).map_err(|e| failed(&e))?;
                out.extend_from_slice(&crc32fast::hash(block).to_be_bytes());
                Ok(out)
            }
        }
    }
}

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
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(broken("an Avro number is longer than 64 bits"))
    }

    pub(super) fn length(&mut self) -> Result<usize> {
        usize::try_from(self.long()?).map_err(|_| broken("an Avro value has a negative length"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|e| broken("an Avro string is not UTF-8").with_cause(e))
    }

    /// The count of the next block of an array or map. A negative count says that the block's size in bytes follows.
    pub(super) fn block_count(&mut self) -> Result<usize> {
        let count = self.long()?;
        if count < 0 {
            self.length()?;
        }
        // Every item of Iceberg's arrays and maps takes a byte at least: a larger count can only be damage.
        usize::try_from(count.unsigned_abs())
            .ok()
            .filter(|n| *n <= self.bytes.len() - self.at)
            .ok_or_else(|| broken("an Avro array claims more items than the file has bytes"))
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

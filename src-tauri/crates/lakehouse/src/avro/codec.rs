//! The codecs of a block. A block that inflates beyond its limit is an error before the memory is taken.

use super::error::broken;
use crate::limits::Limit;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use icebridge_model::{Code, Error, Result};
use std::io::Read;

/// No snappy stream inflates more: an element of two bytes copies at most 64.
const SNAPPY_RATIO: u64 = 64;

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

    pub(super) fn decompress(self, packed: Bytes) -> Result<Bytes> {
        match self {
            Self::Null => Limit::AvroBlock.check(packed.len() as u64).map(|()| packed),
            Self::Deflate => inflate(&mut DeflateDecoder::new(packed.as_ref())),
            Self::Zstandard => {
                inflate(&mut zstd::stream::read::Decoder::with_buffer(packed.as_ref()).map_err(|e| damaged(&e))?)
            }
            Self::Snappy => snappy(&packed),
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

fn damaged(cause: &dyn std::error::Error) -> Error {
    broken("an Avro block cannot be inflated").with_cause_text(cause.to_string())
}

fn inflate(reader: &mut dyn Read) -> Result<Bytes> {
    let mut out = Vec::new();
    reader.take(Limit::AvroBlock.get().saturating_add(1)).read_to_end(&mut out).map_err(|e| damaged(&e))?;
    Limit::AvroBlock.check(out.len() as u64)?;
    Ok(out.into())
}

/// A snappy block ends with the CRC-32 of the inflated bytes.
fn snappy(packed: &[u8]) -> Result<Bytes> {
    let (body, sum) =
        packed.split_last_chunk::<4>().ok_or_else(|| broken("a snappy Avro block is too short for its checksum"))?;
    let length = snap::raw::decompress_len(body).map_err(|e| damaged(&e))? as u64;
    Limit::AvroBlock.check(length)?;
    if length > (body.len() as u64).saturating_mul(SNAPPY_RATIO) {
        return Err(broken("a snappy Avro block claims more bytes than it can hold"));
    }
    let out = snap::raw::Decoder::new().decompress_vec(body).map_err(|e| damaged(&e))?;
    if crc32fast::hash(&out) != u32::from_be_bytes(*sum) {
        return Err(broken("an Avro block does not match its checksum"));
    }
    Ok(out.into())
}

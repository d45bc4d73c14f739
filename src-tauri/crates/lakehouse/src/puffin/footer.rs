//! The footer: what lies where in the file. Checked before a byte of a blob is believed.

use super::error::broken;
use crate::json::{self, JsonError};
use crate::limits::Limit;
use crate::storage::Storage;
use icebridge_model::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Read;

pub(super) const MAGIC: &[u8; 4] = b"PFA1";
/// Payload size, flags and the last magic.
const TAIL: usize = 12;
pub(super) const FLAG_COMPRESSED: u8 = 1;

pub const DELETION_VECTOR: &str = "deletion-vector-v1";
pub const REFERENCED_DATA_FILE: &str = "referenced-data-file";
pub const CARDINALITY: &str = "cardinality";

/// One blob as the footer describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Blob {
    #[serde(rename = "type")]
    pub kind: String,
    pub fields: Vec<i32>,
    pub snapshot_id: i64,
    pub sequence_number: i64,
    pub offset: u64,
    pub length: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression_codec: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// What later versions may add.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Footer {
    pub blobs: Vec<Blob>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Where the footer lies, by the file's last bytes.
struct Tail {
    /// The first byte after the blobs: the footer's magic.
    start: u64,
    /// The payload, without its magic.
    payload: std::ops::Range<u64>,
    compressed: bool,
}

impl Tail {
    fn read(tail: &[u8], size: u64) -> Result<Self> {
        let (Some(tail), true) = (tail.first_chunk::<TAIL>(), tail.ends_with(MAGIC)) else {
            return Err(broken("this is not a Puffin file"));
        };
        let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
        Limit::PuffinFooter.check(length)?;
        // Bits that are not known may change what the payload means.
        if tail[4] & !FLAG_COMPRESSED != 0 || tail[5..8] != [0; 3] {
            return Err(Error::new(Code::Unsupported, "the Puffin footer has flags that are not known"));
        }
        let magic = MAGIC.len() as u64;
        let end = size - TAIL as u64;
        let start = end.checked_sub(length).and_then(|at| at.checked_sub(magic)).filter(|start| *start >= magic);
        let start = start.ok_or_else(misplaced)?;
        Ok(Self { start, payload: start + magic..end, compressed: tail[4] & FLAG_COMPRESSED != 0 })
    }
}

fn misplaced() -> Error {
    broken("the Puffin footer is not where the file says")
}

impl Footer {
    /// Reads the first bytes and the footer of a file in storage.
    pub async fn load(storage: &Storage, path: &str) -> Result<Self> {
        let size = storage.size(path).await?;
        let tail_at = size.checked_sub(TAIL as u64).filter(|at| *at >= MAGIC.len() as u64);
        let tail_at = tail_at.ok_or_else(|| broken("this is not a Puffin file").about(path))?;
        let ends = storage.read_ranges(path, &[0..MAGIC.len() as u64, tail_at..size]).await?;
        let [head, tail] = ends.as_slice() else {
            return Err(Error::internal("a range was not read").about(path));
        };
        if head.as_ref() != MAGIC {
            return Err(broken("this is not a Puffin file").about(path));
        }
        let tail = Tail::read(tail, size).map_err(|e| e.about(path))?;
        let payload = storage.read_range(path, tail.start..tail.payload.end).await?;
        let footer = match payload.strip_prefix(MAGIC) {
            Some(payload) => parse(payload, &tail),
            None => Err(misplaced()),
        };
        footer.map_err(|e| e.about(path))
    }
}

/// The footer of a whole file and the place where it starts.
pub(super) fn split(file: &[u8]) -> Result<(Footer, usize)> {
    if !file.starts_with(MAGIC) || file.len() < MAGIC.len() * 2 + TAIL {
        return Err(broken("this is not a Puffin file"));
    }
    let tail = Tail::read(&file[file.len() - TAIL..], file.len() as u64)?;
    let start = tail.start as usize;
    let payload = file[start..tail.payload.end as usize].strip_prefix(MAGIC).ok_or_else(misplaced)?;
    Ok((parse(payload, &tail)?, start))
}

fn parse(payload: &[u8], tail: &Tail) -> Result<Footer> {
    let inflated;
    let text = if tail.compressed {
        inflated = inflate(payload)?;
        inflated.as_slice()
    } else {
        payload
    };
    let wrong = |cause| broken("the Puffin footer does not follow the specification").with_cause(cause);
    let json = json::parse(text).map_err(|e| match e {
        JsonError::TooMany(error) => error,
        JsonError::Invalid(cause) => wrong(cause),
    })?;
    let footer: Footer = serde_json::from_value(json).map_err(wrong)?;
    for blob in &footer.blobs {
        let end = blob.offset.checked_add(blob.length);
        if blob.offset < MAGIC.len() as u64 || end.is_none_or(|end| end > tail.start) {
            return Err(broken("a Puffin blob lies outside its file"));
        }
    }
    Ok(footer)
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    lz4_flex::frame::FrameDecoder::new(packed)
        .take(Limit::PuffinFooter.get().saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|e| broken("the Puffin footer cannot be inflated").with_cause(e))?;
    Limit::PuffinFooter.check(out.len() as u64)?;
    Ok(out)
}

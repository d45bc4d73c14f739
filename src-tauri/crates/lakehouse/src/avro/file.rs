//! Reading a container file.

use super::codec::Codec;
use super::cursor::Cursor;
use super::decode::decode_record;
use super::error::broken;
use super::schema::{AvroRecord, AvroSchema};
use super::value::Value;
use crate::limits::Limit;
use bytes::Bytes;
use icebridge_model::Result;
use std::sync::Arc;

pub(super) const MAGIC: &[u8; 4] = b"Obj\x01";

/// The metadata map of a container file, in its written order, and its sync marker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    pub metadata: Vec<(String, Vec<u8>)>,
    pub sync: [u8; 16],
}

impl Header {
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.metadata.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_slice())
    }

    /// A header value that is text, as all of Iceberg's are.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|v| std::str::from_utf8(v).ok())
    }
}

/// A whole container file in memory, decoded block by block as it is iterated.
#[derive(Clone, Debug)]
pub struct AvroFile {
    pub header: Header,
    /// The record every item of the file is.
    pub schema: Arc<AvroRecord>,
    codec: Codec,
    bytes: Bytes,
    body: usize,
    path: Arc<str>,
}

impl AvroFile {
    /// Reads the header. `path` is what errors name.
    pub fn open(bytes: Bytes, path: &str) -> Result<Self> {
        let mut cursor = Cursor::new(&bytes);
        if cursor.take(4).ok() != Some(MAGIC.as_slice()) {
            return Err(broken("this is not an Avro file").about(path));
        }
        let header = read_header(&mut cursor).map_err(|e| e.about(path))?;
        let text = header.get("avro.schema").ok_or_else(|| broken("the Avro header has no schema").about(path))?;
        let schema = match AvroSchema::parse(text).map_err(|e| e.about(path))? {
            AvroSchema::Record(record) => record,
            _ => return Err(broken("the Avro file's items are not records").about(path)),
        };
        let codec = Codec::parse(header.text("avro.codec")).map_err(|e| e.about(path))?;
        let body = cursor.position();
        Ok(Self { header, schema, codec, bytes, body, path: path.into() })
    }

    /// The file's items in order. Only one block is in memory, decompressed, at a time.
    pub fn records(&self) -> Records<'_> {
        Records {
            file: self,
            position: self.body,
            block: Bytes::new(),
            at: 0,
            items_left: 0,
            inflated: 0,
            failed: false,
        }
    }
}

/// Iterates the items of an [`AvroFile`]; ends after the first error.
#[derive(Debug)]
pub struct Records<'a> {
    file: &'a AvroFile,
    position: usize,
    /// The current block, inflated, and what was read of it.
    block: Bytes,
    at: usize,
    items_left: u64,
    /// Bytes of all blocks so far, inflated.
    inflated: u64,
    failed: bool,
}

impl Records<'_> {
    fn step(&mut self) -> Result<Option<Value>> {
        while self.items_left == 0 {
            if self.at != self.block.len() {
                return Err(broken("an Avro block holds more bytes than its items"));
            }
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let (value, length) = decode_record(&self.file.schema, &self.block[self.at..])?;
        self.at += length;
        self.items_left -= 1;
        Ok(Some(value))
    }

    /// False at the end of the file.
    fn next_block(&mut self) -> Result<bool> {
        let rest = self.file.bytes.get(self.position..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let mut cursor = Cursor::new(rest);
        let count = cursor.long()?;
        let length = cursor.length()?;
        let start = self.position + cursor.position();
        let packed = cursor.take(length)?;
        if cursor.take(16)? != self.file.header.sync {
            return Err(broken("an Avro block does not end with the file's sync marker"));
        }
        let packed = self.file.bytes.slice(start..start + packed.len());
        let items = u64::try_from(count).map_err(|_| broken("an Avro block has a negative item count"))?;
        self.block = self.file.codec.decompress(packed)?;
        // An item of no bytes says nothing, and any number of them costs nothing to claim.
        if items > self.block.len() as u64 {
            return Err(broken("an Avro block claims more items than it has bytes"));
        }
        self.inflated += self.block.len() as u64;
        Limit::AvroFile.check(self.inflated)?;
        self.items_left = items;
        self.at = 0;
        self.position += cursor.position();
        Ok(true)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.step() {
            Ok(value) => value.map(Ok),
            Err(error) => {
                self.failed = true;
                Some(Err(error.about(&self.file.path)))
            }
        }
    }
}

fn read_header(cursor: &mut Cursor<'_>) -> Result<Header> {
    let mut metadata = Vec::new();
    loop {
        let count = cursor.block_count()?;
        if count == 0 {
            break;
        }
        for _ in 0..count {
            let key = cursor.text()?.to_string();
            let length = cursor.length()?;
            metadata.push((key, cursor.take(length)?.to_vec()));
            Limit::AvroHeader.check(cursor.position() as u64)?;
        }
    }
    Ok(Header { metadata, sync: cursor.array()? })
}

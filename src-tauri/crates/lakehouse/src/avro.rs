//! Avro object container files, raw: values are decoded by the writer's schema and encoded back by the same schema, and
//! nothing is interpreted on the way.
//!
//! Why not a typed Avro library: a copy must hand back every byte it does not mean to change. Logical types (uuid as
//! fixed, decimals of any width), unknown fields, header keys and the text of the schema itself pass through here
//! untouched, which a library that models them does not promise.

mod block;
mod schema;
mod value;

pub use schema::{AvroField, AvroRecord, AvroSchema};
pub use value::{Record, Value};

use block::{Codec, Cursor};
use bytes::Bytes;
use icebridge_model::{Code, Error, Result};
use std::sync::Arc;

const MAGIC: &[u8; 4] = b"Obj\x01";
const BLOCK_BYTES: usize = 64 << 10;

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
        Records { file: self, position: self.body, block: Vec::new(), at: 0, left: 0, failed: false }
    }
}

/// Iterates the items of an [`AvroFile`]; ends after the first error.
#[derive(Debug)]
pub struct Records<'a> {
    file: &'a AvroFile,
    position: usize,
    block: Vec<u8>,
    at: usize,
    left: u64,
    failed: bool,
}

impl Records<'_> {
    fn step(&mut self) -> Result<Option<Value>> {
        while self.left == 0 {
            if self.at != self.block.len() {
                return Err(broken("an Avro block holds more bytes than its items"));
            }
            let rest = self.file.bytes.get(self.position..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(None);
            }
            let mut cursor = Cursor::new(rest);
            let count = cursor.long()?;
            let length = cursor.length()?;
            let packed = cursor.take(length)?;
            if cursor.take(16)? != self.file.header.sync {
                return Err(broken("an Avro block does not end with the file's sync marker"));
            }
            self.left = u64::try_from(count).map_err(|_| broken("an Avro block has a negative item count"))?;
            self.block = self.file.codec.decompress(packed)?;
            self.at = 0;
            self.position += cursor.position();
        }
        let mut cursor = Cursor::new(&self.block[self.at..]);
        let value = value::decode_record(&self.file.schema, &mut cursor)?;
        self.at += cursor.position();
        self.left -= 1;
        Ok(Some(value))
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

/// Writes a container file into memory.
#[derive(Debug)]
pub struct AvroWriter {
    schema: Arc<AvroRecord>,
    codec: Codec,
    sync: [u8; 16],
    out: Vec<u8>,
    block: Vec<u8>,
    count: i64,
}

impl AvroWriter {
    /// The header says everything: `avro.schema` and `avro.codec` are taken from it.
    pub fn new(header: &Header) -> Result<Self> {
        let text = header.get("avro.schema").ok_or_else(|| Error::internal("an Avro header without a schema"))?;
        let AvroSchema::Record(schema) = AvroSchema::parse(text)? else {
            return Err(Error::internal("an Avro file of something else than records"));
        };
        let codec = Codec::parse(header.text("avro.codec"))?;
        let mut out = MAGIC.to_vec();
        if !header.metadata.is_empty() {
            block::put_long(&mut out, header.metadata.len() as i64);
            for (key, value) in &header.metadata {
                block::put_bytes(&mut out, key.as_bytes());
                block::put_bytes(&mut out, value);
            }
        }
        block::put_long(&mut out, 0);
        out.extend_from_slice(&header.sync);
        Ok(Self { schema, codec, sync: header.sync, out, block: Vec::new(), count: 0 })
    }

    pub fn append(&mut self, record: &Value) -> Result<()> {
        value::encode_record(&self.schema, record, &mut self.block)?;
        self.count += 1;
        if self.block.len() >= BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.count > 0 {
            let packed = self.codec.compress(&self.block)?;
            block::put_long(&mut self.out, self.count);
            block::put_bytes(&mut self.out, &packed);
            self.out.extend_from_slice(&self.sync);
            self.block.clear();
            self.count = 0;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.flush()?;
        Ok(self.out)
    }
}

/// The file again, each record changed in place by `edit`. Header, codec, schema and the order of records stay.
pub fn rewrite(
    bytes: Bytes,
    path: &str,
    mut edit: impl FnMut(&AvroRecord, &mut Value) -> Result<()>,
) -> Result<Vec<u8>> {
    let file = AvroFile::open(bytes, path)?;
    let mut writer = AvroWriter::new(&file.header).map_err(|e| e.about(path))?;
    for record in file.records() {
        let mut record = record?;
        edit(&file.schema, &mut record)?;
        writer.append(&record).map_err(|e| e.about(path))?;
    }
    writer.finish().map_err(|e| e.about(path))
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
        }
    }
    let mut sync = [0; 16];
    sync.copy_from_slice(cursor.take(16)?);
    Ok(Header { metadata, sync })
}

pub(crate) fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::MetadataBroken, message).with_hint(
        "The file is damaged or was written by a writer that does not follow the Avro specification. Check it at the source.",
    )
}

#[cfg(test)]
mod tests;

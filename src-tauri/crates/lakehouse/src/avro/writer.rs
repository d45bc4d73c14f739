//! Writing a container file.

use super::codec::Codec;
use super::cursor::{put_bytes, put_long};
use super::encode::encode_record;
use super::file::{AvroFile, Header, MAGIC};
use super::schema::{AvroRecord, AvroSchema};
use super::value::Value;
use bytes::Bytes;
use icebridge_model::{Error, Result};
use std::sync::Arc;

const BLOCK_BYTES: usize = 64 << 10;

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
            put_long(&mut out, header.metadata.len() as i64);
            for (key, value) in &header.metadata {
                put_bytes(&mut out, key.as_bytes());
                put_bytes(&mut out, value);
            }
        }
        put_long(&mut out, 0);
        out.extend_from_slice(&header.sync);
        Ok(Self { schema, codec, sync: header.sync, out, block: Vec::new(), count: 0 })
    }

    pub fn append(&mut self, record: &Value) -> Result<()> {
        encode_record(&self.schema, record, &mut self.block)?;
        self.count += 1;
        if self.block.len() >= BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.count > 0 {
            let packed = self.codec.compress(&self.block)?;
            put_long(&mut self.out, self.count);
            put_bytes(&mut self.out, &packed);
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

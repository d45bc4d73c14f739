//! Puffin files for tests.

use super::deletion_vector;
use super::error::broken;
pub use super::footer::Blob;
use super::footer::{Footer, MAGIC, split};
use super::relocate::write_footer;
use icebridge_model::{Error, Result};
use roaring::RoaringTreemap;
use std::collections::BTreeMap;

/// The footer of a whole file.
pub fn read(file: &[u8], path: &str) -> Result<Footer> {
    Ok(split(file).map_err(|e| e.about(path))?.0)
}

/// The bytes of one blob in a whole file.
pub fn blob_bytes<'a>(file: &'a [u8], blob: &Blob) -> Result<&'a [u8]> {
    let start = usize::try_from(blob.offset).ok();
    let end = blob.offset.checked_add(blob.length).and_then(|end| usize::try_from(end).ok());
    start.zip(end).and_then(|(s, e)| file.get(s..e)).ok_or_else(|| broken("a Puffin blob lies outside its file"))
}

pub fn encode_deletion_vector(positions: &RoaringTreemap) -> Result<Vec<u8>> {
    let mut body = deletion_vector::MAGIC.to_vec();
    positions.serialize_into(&mut body).map_err(|e| Error::internal("writing a deletion vector").with_cause(e))?;
    let length = u32::try_from(body.len()).map_err(|_| Error::internal("a deletion vector beyond 4 GiB"))?;
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(&body);
    out.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
    Ok(out)
}

/// Writes a Puffin file into memory.
#[derive(Debug)]
pub struct PuffinWriter {
    out: Vec<u8>,
    footer: Footer,
}

impl PuffinWriter {
    pub fn new(properties: BTreeMap<String, String>) -> Self {
        Self { out: MAGIC.to_vec(), footer: Footer { properties, ..Footer::default() } }
    }

    /// Appends a blob's bytes as they are (compressed by `blob.compression_codec` already); returns where it lies.
    pub fn append(&mut self, mut blob: Blob, bytes: &[u8]) -> (u64, u64) {
        blob.offset = self.out.len() as u64;
        blob.length = bytes.len() as u64;
        let place = (blob.offset, blob.length);
        self.out.extend_from_slice(bytes);
        self.footer.blobs.push(blob);
        place
    }

    pub fn finish(mut self) -> Result<Vec<u8>> {
        write_footer(&mut self.out, &self.footer)?;
        Ok(self.out)
    }
}

//! Puffin files written and relocated.

use super::error::broken;
use super::footer::{Blob, Footer, MAGIC, REFERENCED_DATA_FILE, split};
use bytes::Bytes;
use icebridge_model::{Error, Result};
use std::collections::BTreeMap;

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

fn write_footer(out: &mut Vec<u8>, footer: &Footer) -> Result<()> {
    let json = serde_json::to_vec(footer).map_err(|e| Error::internal("a Puffin footer to JSON").with_cause(e))?;
    let length = u32::try_from(json.len()).map_err(|_| broken("the Puffin footer is too large"))?;
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&json);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(MAGIC);
    Ok(())
}

/// The file with the data files its deletion vectors refer to renamed. Blobs keep their bytes and places, so the offsets
/// in manifests stay true. None if nothing in it names a file, as in statistics.
pub fn relocate(file: &Bytes, path: &str, mut rename: impl FnMut(&str) -> Result<String>) -> Result<Option<Vec<u8>>> {
    let (mut footer, start) = split(file).map_err(|e| e.about(path))?;
    let mut changed = false;
    for blob in &mut footer.blobs {
        if let Some(referenced) = blob.properties.get_mut(REFERENCED_DATA_FILE) {
            *referenced = rename(referenced)?;
            changed = true;
        }
    }
    if !changed {
        return Ok(None);
    }
    let mut out = file[..start].to_vec();
    write_footer(&mut out, &footer).map_err(|e| e.about(path))?;
    Ok(Some(out))
}

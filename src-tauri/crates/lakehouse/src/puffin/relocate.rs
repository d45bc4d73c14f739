//! Puffin files relocated.

use super::error::broken;
use super::footer::{Footer, MAGIC, REFERENCED_DATA_FILE, split};
use bytes::Bytes;
use icebridge_model::{Error, Result};

pub(super) fn write_footer(out: &mut Vec<u8>, footer: &Footer) -> Result<()> {
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

//! One delete file of whatever format.

use super::manifests::Entry;
use super::{PathMap, Relocated, position_deletes};
use crate::manifest::FileContent;
use crate::puffin;
use bytes::Bytes;
use icebridge_model::Result;

/// A delete file whose inside names data files, with those names changed; none if nothing in it does, so that its bytes
/// may stay. Decodes: call it on a blocking thread.
pub fn delete_file(entry: &Entry, bytes: &Bytes, map: &PathMap) -> Result<Option<(Vec<u8>, Relocated)>> {
    let with_size = |out: Vec<u8>| {
        let relocated = Relocated { size: out.len() as u64, ..Relocated::default() };
        (out, relocated)
    };
    match (entry.kind, entry.format.as_str()) {
        (FileContent::PositionDeletes, "PUFFIN") => {
            Ok(puffin::relocate(bytes, &entry.path, |path| Ok(map.absolute(path)))?.map(with_size))
        }
        (FileContent::PositionDeletes, "AVRO") => {
            Ok(Some(with_size(position_deletes::relocate_avro(bytes.clone(), &entry.path, map)?)))
        }
        (FileContent::PositionDeletes, "PARQUET") => {
            position_deletes::relocate_parquet(bytes, &entry.path, map).map(Some)
        }
        (FileContent::PositionDeletes, other) => Err(position_deletes::unsupported(other).about(&entry.path)),
        _ => Ok(None),
    }
}

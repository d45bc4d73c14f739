//! Absolute paths, everywhere Iceberg has them: metadata.json, manifest lists, manifests, position deletes and deletion
//! vectors. Each kind is changed in its raw form, so that what this version does not know is kept.

pub mod document;
pub mod manifests;
mod paths;
pub mod position_deletes;
mod resorted;

pub use paths::PathMap;

use crate::puffin;
use bytes::Bytes;
use icebridge_model::Result;
use manifests::{Entry, FileKind};
use serde::{Deserialize, Serialize};

/// What changes in a manifest entry when the file it names had to be written anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Relocated {
    pub size: u64,
    /// Smallest and largest path in a position delete file.
    pub path_bounds: Option<(Vec<u8>, Vec<u8>)>,
    /// Bytes of each column by field id.
    pub column_sizes: Vec<(i32, i64)>,
    pub split_offsets: Vec<i64>,
}

/// A delete file whose inside names data files, with those names changed; none if nothing in it does, so that its bytes
/// may stay. Decodes: call it on a blocking thread.
pub fn delete_file(entry: &Entry, bytes: &Bytes, map: &PathMap) -> Result<Option<(Vec<u8>, Relocated)>> {
    let with_size = |out: Vec<u8>| {
        let relocated = Relocated { size: out.len() as u64, ..Relocated::default() };
        (out, relocated)
    };
    match (entry.kind, entry.format.as_str()) {
        (FileKind::PositionDeletes, "PUFFIN") => {
            Ok(puffin::relocate(bytes, &entry.path, |path| Ok(map.absolute(path)))?.map(with_size))
        }
        (FileKind::PositionDeletes, "AVRO") => {
            Ok(Some(with_size(position_deletes::relocate_avro(bytes.clone(), &entry.path, map)?)))
        }
        (FileKind::PositionDeletes, "PARQUET") => position_deletes::relocate_parquet(bytes, &entry.path, map).map(Some),
        (FileKind::PositionDeletes, other) => Err(position_deletes::unsupported(other).about(&entry.path)),
        _ => Ok(None),
    }
}

//! Delete files and deletion vectors, loaded.

use super::keys::{self, Key};
use super::parquet_file;
use crate::canonical_row::RowEncoder;
use crate::limits::Limit;
use crate::location::canonical;
use crate::manifest::{DELETE_FILE_PATH, DELETE_POSITION, DataFile};
use crate::puffin::{CARDINALITY, DELETION_VECTOR, Footer, REFERENCED_DATA_FILE, decode_deletion_vector};
use crate::table::Table;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use futures::StreamExt;
use icebridge_model::schema::{Field, Primitive, Type};
use icebridge_model::{Code, Error, Result};
use roaring::RoaringTreemap;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// By the data file's canonical path.
pub type PositionsByFile = HashMap<String, RoaringTreemap>;

#[derive(Debug)]
pub struct EqualityDelete {
    pub fields: Vec<Key>,
    pub keys: HashSet<Box<[u8]>>,
}

/// The positions of a deletion vector, of which the Puffin file and the manifest must say the same.
pub async fn vector(table: &Table, delete: &DataFile, container: &Footer) -> Result<RoaringTreemap> {
    let (Some(offset), Some(size)) = (delete.content_offset, delete.content_size) else {
        return Err(Error::new(
            Code::MetadataBroken,
            "the manifest does not say where in its file the deletion vector lies",
        ));
    };
    let blob = container.blobs.iter().find(|b| b.kind == DELETION_VECTOR && (b.offset, b.length) == (offset, size));
    let blob = blob.ok_or_else(|| broken("the Puffin file has no deletion vector where the manifest places one"))?;
    let referenced = delete.referenced_data_file.as_deref().map(canonical);
    if let Some(path) = blob.properties.get(REFERENCED_DATA_FILE)
        && referenced.is_some_and(|referenced| referenced != canonical(path))
    {
        return Err(broken(format!("the Puffin file says that the deletion vector is of {path}")));
    }
    if blob.compression_codec.is_some() {
        return Err(broken("the deletion vector is compressed, which its specification rules out"));
    }
    let bytes = table.storage.read_range(&delete.path, offset..offset.saturating_add(size)).await?;
    let positions = decode_deletion_vector(&bytes, &delete.path)?;
    let cardinality = blob.properties.get(CARDINALITY).and_then(|count| count.parse().ok());
    for (place, count) in [("manifest", Some(delete.record_count)), ("Puffin file", cardinality)] {
        if let Some(count) = count.filter(|count| *count != positions.len()) {
            return Err(broken(format!(
                "the deletion vector has {} positions where its {place} says {count}",
                positions.len()
            )));
        }
    }
    Ok(positions)
}

fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::FileBroken, message)
        .with_hint("Check the file at the source; compacting the table there writes its delete files anew.")
}

fn reserved(id: i32, name: &str, primitive: Primitive) -> Field {
    Field {
        id,
        name: name.into(),
        required: false,
        field_type: Type::Primitive(primitive),
        doc: None,
        initial_default: None,
        write_default: None,
    }
}

/// Of a position delete file; each position once.
pub async fn positions(table: &Table, delete: &DataFile) -> Result<PositionsByFile> {
    let fields =
        [reserved(DELETE_FILE_PATH, "file_path", Primitive::String), reserved(DELETE_POSITION, "pos", Primitive::Long)];
    let mut rows = parquet_file::rows(table, delete, &fields, None).await?;
    let mut out = PositionsByFile::new();
    let mut count = 0;
    let unusable = || broken("a position delete file has a null path or a negative position");
    while let Some(batch) = rows.batches.next().await {
        let batch = batch?;
        let paths = batch.column(0).as_string::<i32>();
        let positions = batch.column(1).as_primitive::<Int64Type>();
        if paths.null_count() + positions.null_count() > 0 {
            return Err(unusable());
        }
        count += batch.num_rows() as u64;
        Limit::DeletePositions.check(count)?;
        // Rows are sorted by path: the map is asked once a run.
        let mut row = 0;
        while row < batch.num_rows() {
            let path = paths.value(row);
            let bitmap = out.entry(canonical(path)).or_default();
            while row < batch.num_rows() && paths.value(row) == path {
                bitmap.insert(u64::try_from(positions.value(row)).map_err(|_| unusable())?);
                row += 1;
            }
        }
    }
    Ok(out)
}

pub async fn keys(table: &Table, delete: &DataFile) -> Result<Arc<EqualityDelete>> {
    if delete.equality_ids.is_empty() {
        return Err(Error::new(Code::MetadataBroken, "an equality delete file names no columns"));
    }
    let fields = Key::find(table, &delete.equality_ids)?;
    // A default belongs to rows of data files that lack the column, not to keys.
    let roots: Vec<Field> = fields.iter().map(|k| Field { initial_default: None, ..k.root.clone() }).collect();
    let indices: Vec<usize> = (0..roots.len()).collect();
    let mut rows = parquet_file::rows(table, delete, &roots, None).await?;
    let mut keys = HashSet::new();
    let mut key = Vec::new();
    while let Some(batch) = rows.batches.next().await {
        let columns = keys::project(&batch?, &fields, &indices)?;
        let encoder = RowEncoder::new(&columns)?;
        for row in 0..columns.num_rows() {
            key.clear();
            encoder.encode(row, &mut key);
            if !keys.contains(key.as_slice()) {
                keys.insert(key.clone().into_boxed_slice());
            }
        }
    }
    Ok(Arc::new(EqualityDelete { fields, keys }))
}

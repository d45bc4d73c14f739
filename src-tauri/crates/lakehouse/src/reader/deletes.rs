//! Which rows of a data file its deletes take away.
//!
//! Position deletes and deletion vectors become one bitmap of row positions; equality deletes become sets of keys in the
//! canonical bytes of the row digest, where null equals null, as the spec asks and several readers get wrong.

use super::parquet_file;
use crate::arrow_types::field_id;
use crate::digest::canonical::RowEncoder;
use crate::location::canonical;
use crate::manifest::{DataFile, FileContent};
use crate::puffin::decode_deletion_vector;
use crate::scan::FileTask;
use crate::table::Table;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::{Field as ArrowField, Schema as ArrowSchema};
use futures::StreamExt;
use icebridge_model::schema::{Field, Primitive, Type};
use icebridge_model::{Code, Error, Result};
use roaring::RoaringTreemap;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OnceCell;

/// Reserved field ids of position delete files (spec, "Reserved Field IDs").
const FILE_PATH_ID: i32 = 2_147_483_546;
const POSITION_ID: i32 = 2_147_483_545;

type PositionsByFile = HashMap<String, RoaringTreemap>;
type Keys = HashSet<Box<[u8]>>;

/// Loaded delete files. Held weakly: what no file being read needs any more is let go, so that memory follows the files in
/// flight and not the table.
#[derive(Debug, Default)]
pub struct DeleteCache {
    positions: Slots<PositionsByFile>,
    keys: Slots<EqualityDelete>,
}

type Slot<T> = Arc<OnceCell<Arc<T>>>;

#[derive(Debug)]
struct Slots<T>(Mutex<HashMap<String, Weak<OnceCell<Arc<T>>>>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Slots<T> {
    fn slot(&self, path: &str) -> Slot<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(path).and_then(Weak::upgrade) {
            return slot;
        }
        slots.retain(|_, slot| slot.strong_count() > 0);
        let slot = Slot::<T>::default();
        slots.insert(path.to_string(), Arc::downgrade(&slot));
        slot
    }
}

#[derive(Debug)]
struct EqualityDelete {
    /// In the order of their names, as the encoder takes them.
    fields: Vec<Field>,
    keys: Keys,
}

/// The deletes of one data file, ready to be asked.
#[derive(Debug, Default)]
pub struct RowFilter {
    positions: RoaringTreemap,
    equality: Vec<Arc<EqualityDelete>>,
    /// Keeps the cache's slots alive while the file is read.
    _slots: Vec<Slot<EqualityDelete>>,
    _position_slots: Vec<Slot<PositionsByFile>>,
}

impl DeleteCache {
    pub async fn filter(&self, table: &Table, task: &FileTask) -> Result<RowFilter> {
        let mut filter = RowFilter::default();
        let own = canonical(&task.file.path);
        for delete in &task.deletes {
            let about = format!("{}, delete file {}", table.ident, delete.path);
            self.add(&mut filter, table, delete, &own).await.map_err(|e| e.about(about))?;
        }
        Ok(filter)
    }

    async fn add(&self, filter: &mut RowFilter, table: &Table, delete: &Arc<DataFile>, own: &str) -> Result<()> {
        if delete.is_deletion_vector() {
            filter.positions |= load_vector(table, delete).await?;
        } else if delete.format != "PARQUET" {
            return Err(Error::new(Code::Unsupported, format!("{} delete files cannot be read", delete.format))
                .with_hint("Compact the table at the source so that its deletes are applied there."));
        } else if delete.content == FileContent::PositionDeletes {
            let slot = self.positions.slot(&delete.path);
            let loaded = slot.get_or_try_init(|| load_positions(table, delete)).await?;
            if let Some(positions) = loaded.get(own) {
                filter.positions |= positions;
            }
            filter._position_slots.push(slot.clone());
        } else {
            let slot = self.keys.slot(&delete.path);
            let loaded = slot.get_or_try_init(|| load_keys(table, delete)).await?;
            filter.equality.push(loaded.clone());
            filter._slots.push(slot.clone());
        }
        Ok(())
    }
}

impl RowFilter {
    pub fn equality_ids(&self) -> Vec<i32> {
        self.equality.iter().flat_map(|e| e.fields.iter().map(|f| f.id)).collect()
    }

    /// True for the rows to keep; none keeps all. `first` is the file position of the batch's first row.
    pub fn mask(&self, batch: &RecordBatch, first: u64) -> Result<Option<BooleanArray>> {
        let rows = batch.num_rows();
        let mut keep = vec![true; rows];
        let mut touched = false;
        let end = first + rows as u64;
        if !self.positions.is_empty() && self.positions.range_cardinality(first..end) > 0 {
            let mut deleted = self.positions.iter();
            deleted.advance_to(first);
            for position in deleted.take_while(|position| *position < end) {
                keep[(position - first) as usize] = false;
            }
            touched = true;
        }
        let mut key = Vec::new();
        for delete in &self.equality {
            let columns = key_columns(batch, &delete.fields)?;
            let encoder = RowEncoder::new(&columns)?;
            for (row, keep) in keep.iter_mut().enumerate() {
                if *keep {
                    key.clear();
                    encoder.encode(row, &mut key);
                    if delete.keys.contains(key.as_slice()) {
                        *keep = false;
                        touched = true;
                    }
                }
            }
        }
        Ok(touched.then(|| BooleanArray::from(keep)))
    }
}

/// The key columns of a batch as a batch of their own.
fn key_columns(batch: &RecordBatch, fields: &[Field]) -> Result<RecordBatch> {
    let schema = batch.schema();
    let indices = fields
        .iter()
        .map(|field| {
            schema.fields().iter().position(|f| field_id(f) == Some(field.id)).ok_or_else(|| {
                Error::internal(format!("the key column {} of an equality delete was not read", field.name))
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let projected = batch.project(&indices).map_err(|e| Error::internal("key columns").with_cause(e))?;
    // Under one name each in delete file and data file; their types may differ by a promotion, the canonical bytes do not.
    let named: Vec<ArrowField> = fields
        .iter()
        .zip(projected.columns())
        .map(|(field, column)| ArrowField::new(&field.name, column.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(named)), projected.columns().to_vec())
        .map_err(|e| Error::new(Code::FileBroken, "the key columns do not fit the table's schema").with_cause(e))
}

async fn load_vector(table: &Table, delete: &DataFile) -> Result<RoaringTreemap> {
    let (Some(offset), Some(size)) = (delete.content_offset, delete.content_size) else {
        return Err(Error::new(Code::MetadataBroken, "the manifest does not say where in its file the deletion vector lies"));
    };
    let end = offset.checked_add(size).filter(|end| *end <= delete.size).ok_or_else(|| {
        Error::new(Code::MetadataBroken, "the manifest places the deletion vector beyond its file's end")
    })?;
    let blob = table.storage.read_range(&delete.path, offset..end).await?;
    let positions = decode_deletion_vector(&blob, &delete.path)?;
    if positions.len() != delete.record_count {
        return Err(Error::new(
            Code::FileBroken,
            format!("the deletion vector has {} positions where its manifest says {}", positions.len(), delete.record_count),
        ));
    }
    Ok(positions)
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

async fn load_positions(table: &Table, delete: &DataFile) -> Result<Arc<PositionsByFile>> {
    let fields = [reserved(FILE_PATH_ID, "file_path", Primitive::String), reserved(POSITION_ID, "pos", Primitive::Long)];
    let mut rows = parquet_file::rows(table, delete, &fields, None).await?;
    let mut out = PositionsByFile::new();
    let broken = || Error::new(Code::FileBroken, "a position delete file has a null path or a negative position");
    while let Some(batch) = rows.batches.next().await {
        let batch = batch?;
        let paths = batch.column(0).as_string::<i32>();
        let positions = batch.column(1).as_primitive::<Int64Type>();
        if paths.null_count() + positions.null_count() > 0 {
            return Err(broken());
        }
        // Rows are sorted by path: the map is asked once a run.
        let mut row = 0;
        while row < batch.num_rows() {
            let path = paths.value(row);
            let bitmap = out.entry(canonical(path)).or_default();
            while row < batch.num_rows() && paths.value(row) == path {
                bitmap.insert(u64::try_from(positions.value(row)).map_err(|_| broken())?);
                row += 1;
            }
        }
    }
    Ok(Arc::new(out))
}

async fn load_keys(table: &Table, delete: &DataFile) -> Result<Arc<EqualityDelete>> {
    if delete.equality_ids.is_empty() {
        return Err(Error::new(Code::MetadataBroken, "an equality delete file names no columns"));
    }
    let mut fields = super::hidden_fields(table, &[], &delete.equality_ids)?;
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    // A default belongs to rows of data files that lack the column, not to keys.
    let plain: Vec<Field> = fields.iter().map(|f| Field { initial_default: None, ..f.clone() }).collect();
    let mut rows = parquet_file::rows(table, delete, &plain, None).await?;
    let mut keys = Keys::new();
    let mut key = Vec::new();
    while let Some(batch) = rows.batches.next().await {
        let columns = key_columns(&batch?, &fields)?;
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

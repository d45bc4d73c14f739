//! Which rows of a data file its deletes take away.
//!
//! Position deletes and deletion vectors become one bitmap of row positions; equality deletes become sets of keys in the
//! canonical bytes of the row digest, where null equals null, as the spec asks and several readers get wrong.

use super::keys::{self, Key};
use super::parquet_file;
use crate::digest::canonical::RowEncoder;
use crate::location::canonical;
use crate::manifest::{DataFile, FileContent};
use crate::puffin::decode_deletion_vector;
use crate::scan::FileTask;
use crate::table::Table;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, RecordBatch};
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
    fields: Vec<Key>,
    keys: Keys,
}

/// The deletes of one data file, ready to be asked.
#[derive(Debug, Default)]
pub struct RowFilter {
    positions: RoaringTreemap,
    equality: Vec<KeyFilter>,
    /// Columns to read for the keys' sake, behind those the caller sees.
    hidden: Vec<Field>,
    /// Keeps the cache's slots alive while the file is read.
    _slots: Vec<Slot<EqualityDelete>>,
    _position_slots: Vec<Slot<PositionsByFile>>,
}

/// An equality delete and the columns of a batch its keys lie in.
#[derive(Debug)]
struct KeyFilter {
    delete: Arc<EqualityDelete>,
    columns: Vec<usize>,
}

impl DeleteCache {
    /// `visible` are the columns the caller reads.
    pub async fn filter(&self, table: &Table, task: &FileTask, visible: &[Field]) -> Result<RowFilter> {
        let mut filter = RowFilter::default();
        let own = canonical(&task.file.path);
        for delete in &task.deletes {
            let about = format!("{}, delete file {}", table.ident, delete.path);
            self.add(&mut filter, table, delete, &own, visible).await.map_err(|e| e.about(about))?;
        }
        Ok(filter)
    }

    async fn add(
        &self,
        filter: &mut RowFilter,
        table: &Table,
        delete: &Arc<DataFile>,
        own: &str,
        visible: &[Field],
    ) -> Result<()> {
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
            filter.add_keys(loaded.clone(), visible);
            filter._slots.push(slot.clone());
        }
        Ok(())
    }
}

impl RowFilter {
    pub fn hidden(&self) -> &[Field] {
        &self.hidden
    }

    fn add_keys(&mut self, delete: Arc<EqualityDelete>, visible: &[Field]) {
        let columns = delete
            .fields
            .iter()
            .map(|key| {
                if let Some(index) = visible.iter().position(|field| key.is(field)) {
                    return index;
                }
                let hidden = self.hidden.iter().position(|field| *field == key.root).unwrap_or_else(|| {
                    self.hidden.push(key.root.clone());
                    self.hidden.len() - 1
                });
                visible.len() + hidden
            })
            .collect();
        self.equality.push(KeyFilter { delete, columns });
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
        for KeyFilter { delete, columns } in &self.equality {
            let columns = keys::project(batch, &delete.fields, columns)?;
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

async fn load_vector(table: &Table, delete: &DataFile) -> Result<RoaringTreemap> {
    let (Some(offset), Some(size)) = (delete.content_offset, delete.content_size) else {
        return Err(Error::new(
            Code::MetadataBroken,
            "the manifest does not say where in its file the deletion vector lies",
        ));
    };
    let end = offset.checked_add(size).filter(|end| *end <= delete.size).ok_or_else(|| {
        Error::new(Code::MetadataBroken, "the manifest places the deletion vector beyond its file's end")
    })?;
    let blob = table.storage.read_range(&delete.path, offset..end).await?;
    let positions = decode_deletion_vector(&blob, &delete.path)?;
    if positions.len() != delete.record_count {
        return Err(Error::new(
            Code::FileBroken,
            format!(
                "the deletion vector has {} positions where its manifest says {}",
                positions.len(),
                delete.record_count
            ),
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
    let fields =
        [reserved(FILE_PATH_ID, "file_path", Primitive::String), reserved(POSITION_ID, "pos", Primitive::Long)];
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
    let fields = Key::find(table, &delete.equality_ids)?;
    // A default belongs to rows of data files that lack the column, not to keys.
    let roots: Vec<Field> = fields.iter().map(|k| Field { initial_default: None, ..k.root.clone() }).collect();
    let indices: Vec<usize> = (0..roots.len()).collect();
    let mut rows = parquet_file::rows(table, delete, &roots, None).await?;
    let mut keys = Keys::new();
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

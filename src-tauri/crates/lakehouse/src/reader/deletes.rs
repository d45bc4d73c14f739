//! Which rows of a data file its deletes take away.
//!
//! Position deletes and deletion vectors become one bitmap of row positions; equality deletes become sets of keys in the
//! canonical bytes of the row digest, where null equals null, as the spec asks and several readers get wrong.

use super::delete_files::{self, EqualityDelete, PositionsByFile};
use super::keys;
use crate::canonical_row::RowEncoder;
use crate::location::canonical;
use crate::manifest::{DataFile, FileContent};
use crate::puffin::Footer;
use crate::scan::FileTask;
use crate::sync::lock;
use crate::table::Table;
use arrow_array::{BooleanArray, RecordBatch};
use icebridge_model::schema::Field;
use icebridge_model::{Code, Error, Result};
use roaring::RoaringTreemap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::OnceCell;

/// Loaded delete files. Held weakly: what no file being read needs any more is let go, so that memory follows the files in
/// flight and not the table.
#[derive(Debug, Default)]
pub struct DeleteCache {
    positions: Slots<PositionsByFile>,
    keys: Slots<EqualityDelete>,
    containers: Containers,
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
        let mut slots = lock(&self.0);
        if let Some(slot) = slots.get(path).and_then(Weak::upgrade) {
            return slot;
        }
        slots.retain(|_, slot| slot.strong_count() > 0);
        let slot = Slot::<T>::default();
        slots.insert(path.to_string(), Arc::downgrade(&slot));
        slot
    }
}

/// The footers of Puffin files, kept: small, and one file holds the vectors of many data files.
#[derive(Debug, Default)]
struct Containers(Mutex<HashMap<String, Slot<Footer>>>);

impl Containers {
    const MOST: usize = 1024;

    fn slot(&self, path: &str) -> Slot<Footer> {
        let mut slots = lock(&self.0);
        if slots.len() >= Self::MOST && !slots.contains_key(path) {
            slots.clear();
        }
        slots.entry(path.to_string()).or_default().clone()
    }
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
            let slot = self.containers.slot(&delete.path);
            let load = || async { Footer::load(&table.storage, &delete.path).await.map(Arc::new) };
            let container = slot.get_or_try_init(load).await?;
            filter.positions |= delete_files::vector(table, delete, container).await?;
        } else if delete.format != "PARQUET" {
            return Err(Error::new(Code::Unsupported, format!("{} delete files cannot be read", delete.format))
                .with_hint("Compact the table at the source so that its deletes are applied there."));
        } else if delete.content == FileContent::PositionDeletes {
            let slot = self.positions.slot(&delete.path);
            let loaded =
                slot.get_or_try_init(|| async { delete_files::positions(table, delete).await.map(Arc::new) }).await?;
            if let Some(positions) = loaded.get(own) {
                filter.positions |= positions;
            }
            filter._position_slots.push(slot.clone());
        } else {
            let slot = self.keys.slot(&delete.path);
            let loaded = slot.get_or_try_init(|| delete_files::keys(table, delete)).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Int32Array;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_mask_keeps_the_rows_whose_positions_are_not_deleted(
            deleted in prop::collection::btree_set(0u64..400, 0..80),
            first in 0u64..300,
            rows in 0usize..200,
        ) {
            let filter = RowFilter { positions: deleted.iter().copied().collect(), ..RowFilter::default() };
            let column = Arc::new(Int32Array::from(vec![0; rows])) as _;
            let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
            let mask = filter.mask(&batch, first).unwrap();
            let want: Vec<bool> = (0..rows as u64).map(|row| !deleted.contains(&(first + row))).collect();
            match mask {
                Some(mask) => prop_assert_eq!(mask.iter().map(Option::unwrap).collect::<Vec<_>>(), want),
                None => prop_assert!(want.iter().all(|keep| *keep)),
            }
        }
    }
}

//! The columns that equality deletes compare: found by field id in any schema the table ever had, at any depth of structs.

use crate::table::Table;
use crate::text::as_bytes;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{Field as ArrowField, Schema as ArrowSchema};
use arrow_select::nullif::nullif;
use icebridge_model::schema::{Field, Type};
use icebridge_model::{Code, Error, Result};
use std::sync::Arc;

/// One compared column.
#[derive(Clone, Debug)]
pub struct Key {
    /// The dotted path, so that delete file and data file bring the same keys into the same order.
    name: String,
    /// The top-level column, with nothing in it but the way down to the key.
    pub root: Field,
}

impl Key {
    /// The keys of an equality delete, sorted by name. A column dropped since is still found, in the newest schema that has it.
    pub fn find(table: &Table, ids: &[i32]) -> Result<Vec<Self>> {
        let metadata = &table.metadata;
        let mut schemas: Vec<_> = metadata.schemas.iter().collect();
        schemas.sort_by_key(|s| std::cmp::Reverse((s.schema_id == metadata.current_schema_id, s.schema_id)));
        let mut keys = ids
            .iter()
            .map(|id| {
                schemas.iter().flat_map(|s| &s.fields).find_map(|field| way_to(field, *id)).ok_or_else(|| {
                    Error::new(
                        Code::Unsupported,
                        format!("an equality delete names field {id}, which the table never had"),
                    )
                    .with_hint("Compact the table at the source so that its equality deletes are applied there.")
                })
            })
            .collect::<Result<Vec<_>>>()?;
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(keys)
    }

    /// Whether the visible column `field` is this very key.
    pub fn is(&self, field: &Field) -> bool {
        field.id == self.root.id && !matches!(self.root.field_type, Type::Struct(_))
    }
}

fn way_to(field: &Field, id: i32) -> Option<Key> {
    if field.id == id && matches!(field.field_type, Type::Primitive(_)) {
        // Bytes alone are compared.
        return Some(Key { name: field.name.clone(), root: Field { required: false, ..as_bytes(field) } });
    }
    let Type::Struct(fields) = &field.field_type else { return None };
    let inner = fields.iter().find_map(|f| way_to(f, id))?;
    let root = Field { required: false, field_type: Type::Struct(vec![inner.root]), ..field.clone() };
    Some(Key { name: format!("{}.{}", field.name, inner.name), root })
}

/// The keys' columns out of `batch`, where `indices` says in which column each key's root lies.
pub fn project(batch: &RecordBatch, keys: &[Key], indices: &[usize]) -> Result<RecordBatch> {
    let unfit = |e| Error::new(Code::FileBroken, "the key columns do not fit the table's schema").with_cause(e);
    let mut columns = Vec::with_capacity(keys.len());
    for index in indices {
        let mut column: ArrayRef = batch.column(*index).clone();
        while let Some(parent) = column.clone().as_struct_opt() {
            // A null struct has null fields, whatever lies in them.
            column = match parent.nulls() {
                Some(nulls) => {
                    let missing = BooleanArray::new(!nulls.inner(), None);
                    nullif(parent.column(0), &missing).map_err(unfit)?
                }
                None => parent.column(0).clone(),
            };
        }
        columns.push(column);
    }
    let fields: Vec<ArrowField> =
        keys.iter().zip(&columns).map(|(k, c)| ArrowField::new(&k.name, c.data_type().clone(), true)).collect();
    // Types may differ by a promotion between delete file and data file; their canonical bytes do not.
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).map_err(unfit)
}

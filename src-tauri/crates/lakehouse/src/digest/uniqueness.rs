//! Whether the values of some columns are unique over all rows of a snapshot. In bounded memory: a table with more rows than
//! one pass may hold is read in several, each of which looks at a share of the hashes.

use crate::canonical_row::RowEncoder;
use crate::reader::Reader;
use crate::scan;
use crate::table::Table;
use futures::TryStreamExt;
use icebridge_model::conversion::ColumnAt;
use icebridge_model::schema::{Field, Schema, Type};
use icebridge_model::{Code, Error, Result};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// Hashes in memory at a time: 64 MB.
const ROWS_A_PASS: u64 = 4 << 20;
const MOST_PASSES: u64 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// As many rows have the values of a row before them.
    Counted { repeated: u64 },
    /// Beyond this many rows it would cost too much.
    TooLarge { most_rows: u64 },
}

/// Looks at columns at any depth of structs, of a table with `rows` rows.
pub async fn uniqueness(
    table: &Table,
    snapshot_id: Option<i64>,
    columns: &[ColumnAt],
    rows: u64,
    cancel: &CancellationToken,
) -> Result<Uniqueness> {
    let most_rows = ROWS_A_PASS * MOST_PASSES;
    if rows > most_rows {
        return Ok(Uniqueness::TooLarge { most_rows });
    }
    let schema = table.metadata.read_schema(snapshot_id);
    let wanted: Vec<&[i32]> = columns.iter().map(|column| column.ids.as_slice()).collect();
    let schema = Schema { fields: pruned(&schema.fields, &wanted), ..schema.clone() };
    if schema.fields.is_empty() {
        return Err(Error::internal("no column to look at").about(&table.ident));
    }
    let reader = Reader::of_bytes(table, &schema)?;
    let tasks = scan::plan(table, snapshot_id).await?;
    let passes = rows.div_ceil(ROWS_A_PASS).max(1);
    let mut repeated = 0;
    for pass in 0..passes {
        let mut hashes: Vec<u128> = Vec::new();
        for task in &tasks {
            let mut batches = reader.read(task).await?;
            loop {
                let batch = tokio::select! {
                    () = cancel.cancelled() => return Err(Error::new(Code::Cancelled, "the reading was cancelled").about(&table.ident)),
                    batch = batches.try_next() => batch?,
                };
                let Some(batch) = batch else { break };
                let encoder = RowEncoder::new(&batch)?;
                let mut bytes = Vec::new();
                for row in 0..batch.num_rows() {
                    bytes.clear();
                    encoder.encode(row, &mut bytes);
                    let hash = first_half(&bytes);
                    if hash % u128::from(passes) == u128::from(pass) {
                        hashes.push(hash);
                    }
                }
            }
        }
        hashes.sort_unstable();
        repeated += hashes.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
    }
    Ok(Uniqueness::Counted { repeated })
}

fn first_half(bytes: &[u8]) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(bytes)[..16]);
    u128::from_be_bytes(half)
}

/// The fields on the ways to the wanted ones.
fn pruned(fields: &[Field], wanted: &[&[i32]]) -> Vec<Field> {
    let on_the_way = |field: &Field| {
        let deeper: Vec<&[i32]> =
            wanted.iter().filter(|ids| ids.first() == Some(&field.id)).map(|ids| &ids[1..]).collect();
        match &field.field_type {
            _ if deeper.is_empty() => None,
            Type::Struct(inner) if deeper.iter().all(|ids| !ids.is_empty()) => {
                Some(Field { field_type: Type::Struct(pruned(inner, &deeper)), ..field.clone() })
            }
            _ => Some(field.clone()),
        }
    };
    fields.iter().filter_map(on_the_way).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_ways_to_the_wanted_fields_are_read() {
        let fields: Vec<Field> = serde_json::from_value(json!([
            {"id": 1, "name": "a", "required": true, "type": "int"},
            {"id": 2, "name": "s", "required": true, "type": {"type": "struct", "fields": [
                {"id": 3, "name": "x", "required": true, "type": "int"},
                {"id": 4, "name": "y", "required": true, "type": "int"}]}},
            {"id": 5, "name": "b", "required": true, "type": "int"}]))
        .unwrap();
        let kept = pruned(&fields, &[&[2, 4], &[5]]);
        let shown: Vec<String> = kept.iter().map(|field| format!("{}: {}", field.name, field.field_type)).collect();
        assert_eq!(shown, ["s: struct<y: int>", "b: int"]);
    }
}

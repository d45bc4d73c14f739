//! Defects as copies have had them, planted into a small table, one at a time. Whoever compares the tables says which of its
//! checks sees which.

mod defects;
mod rows;
mod scratch;

use crate::canonical_row::RowEncoder;
use crate::reader::Reader;
use crate::scan;
use crate::table::Table;
use futures::TryStreamExt;
use icebridge_model::validation::ProofLevel;
use icebridge_model::{Error, Result};
use scratch::Content;
use std::collections::BTreeSet;
use std::path::Path;

/// One copy of the scratch table.
pub struct Planted {
    pub name: &'static str,
    /// The weakest level that has to see it; none for a sound copy, which none may complain of.
    pub promised: Option<ProofLevel>,
    pub table: Table,
}

/// The table itself.
pub fn source(folder: &Path) -> Result<Table> {
    write(&Content::sound()?, &folder.join("source"))
}

/// Its copies, each in a folder of its own.
pub fn copies(folder: &Path) -> Result<Vec<Planted>> {
    let sound = Content::sound()?;
    let all = defects::SOUND.iter().map(|(name, change)| (*name, None, *change));
    let all = all.chain(defects::DEFECTS.iter().map(|(name, level, change)| (*name, Some(*level), *change)));
    all.enumerate()
        .map(|(at, (name, promised, change))| {
            let mut content = sound.clone();
            change(&mut content);
            Ok(Planted { name, promised, table: write(&content, &folder.join(format!("copy-{at}")))? })
        })
        .collect()
}

fn write(content: &Content, folder: &Path) -> Result<Table> {
    std::fs::create_dir_all(folder)
        .map_err(|e| Error::internal("a scratch folder cannot be made").about(folder.display()).with_cause(e))?;
    content.write(folder)
}

/// The distinct rows: what `EXCEPT` of SQL compares.
pub async fn distinct_rows(table: &Table) -> Result<BTreeSet<Vec<u8>>> {
    let reader = Reader::new(table, table.metadata.current_schema())?;
    let mut found = BTreeSet::new();
    for task in scan::plan(table, table.metadata.current_snapshot_id).await? {
        let mut batches = reader.read(&task).await?;
        while let Some(batch) = batches.try_next().await? {
            let encoder = RowEncoder::new(&batch)?;
            for row in 0..batch.num_rows() {
                let mut bytes = Vec::new();
                encoder.encode(row, &mut bytes);
                found.insert(bytes);
            }
        }
    }
    Ok(found)
}

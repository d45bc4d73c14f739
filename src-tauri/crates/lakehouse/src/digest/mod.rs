//! The typed row digest (docs/digest.md) and the column aggregates, in one pass over a table.

use crate::table::Table;
use icebridge_model::validation::Measurement;
use icebridge_model::{Error, Result};
use tokio_util::sync::CancellationToken;

/// Reads the table at a snapshot with all deletes applied and measures it. `rows` is told of progress.
pub async fn measure(
    table: &Table,
    snapshot_id: Option<i64>,
    cancel: &CancellationToken,
    rows: &(dyn Fn(u64) + Send + Sync),
) -> Result<Measurement> {
    let _ = (table, snapshot_id, cancel, rows);
    Err(Error::internal("not built yet"))
}

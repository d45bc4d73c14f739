//! How far each table is, as the journal has it.

use super::told::told;
use super::wave::Wave;
use crate::LocalState;
use icebridge_model::Result;
use icebridge_model::cutover::{CutoverState, CutoverTable, CutoverTables, CutoverView};
use icebridge_model::plan::PlannedTable;
use tokio_util::sync::CancellationToken;

/// Asks neither source nor target.
pub async fn look(local: &LocalState, request: &CutoverTables) -> Result<CutoverView> {
    let cancel = CancellationToken::new();
    let wave = Wave::of_moved(local, (&request.run_id, &request.tables), "", &cancel).await?;
    let asked = wave.asked(&request.tables)?;
    let tables = asked.iter().map(|(planned, migrated)| as_it_stands(&wave, planned, *migrated)).collect();
    Ok(wave.view(tables, Vec::new()))
}

pub(super) fn as_it_stands(wave: &Wave<'_>, planned: &PlannedTable, migrated: bool) -> CutoverTable {
    match wave.last(planned) {
        Some((at, step)) => told(planned, &step, at),
        None => CutoverTable {
            source: planned.source.clone(),
            target: planned.target.clone(),
            state: if migrated { CutoverState::NotBegun } else { CutoverState::NotMigrated },
            at: String::new(),
            writers_stopped: false,
            moved: None,
            probation: None,
            recovery_ms: None,
            error: None,
        },
    }
}

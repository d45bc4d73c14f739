//! How a table stands to its source, without changing anything.

use super::history;
use super::session::{Session, Sides, needs_a_person};
use icebridge_model::plan::PlannedTable;
use icebridge_model::sync::{Lag, SyncState, SyncedTable};
use icebridge_model::{Error, Result};

/// None: a table that a sync looks at and brings on. `mends`: also one that was found to differ.
pub(super) async fn left_alone(
    session: &Session<'_>,
    planned: &PlannedTable,
    (migrated, mends): (bool, bool),
) -> Result<Option<SyncedTable>> {
    if session.is_moved(planned) {
        return Ok(Some(of(planned, SyncState::CutOver)));
    }
    if migrated {
        return Ok(None);
    }
    let error = session.not_proved(planned).await?;
    let is_mended = mends && error.is_some();
    Ok((!is_mended).then(|| SyncedTable { error, ..of(planned, SyncState::NotMigrated) }))
}

pub(super) async fn look(session: &Session<'_>, planned: &PlannedTable) -> SyncedTable {
    match session.sides(planned).await {
        Ok(sides) => as_it_stands(planned, &sides, now_ms()),
        Err(error) => failed(planned, error),
    }
}

pub(super) fn as_it_stands(planned: &PlannedTable, sides: &Sides, now_ms: i64) -> SyncedTable {
    let behind = !sides.is_up_to_date();
    let (then, now) = (&sides.then, &sides.source.metadata);
    SyncedTable {
        round: sides.standing.round,
        synced_snapshot_id: sides.standing.source_snapshot_id,
        source_snapshot_id: now.current_snapshot_id,
        lag: if behind { history::lag(then, now, now_ms) } else { Lag::default() },
        ..of(planned, if behind { SyncState::Behind } else { SyncState::UpToDate })
    }
}

pub(super) fn failed(planned: &PlannedTable, error: Error) -> SyncedTable {
    let state = if needs_a_person(error.code) { SyncState::Stopped } else { SyncState::Failed };
    SyncedTable { error: Some(error.about(&planned.source).or_usual_hint()), ..of(planned, state) }
}

pub(super) fn of(planned: &PlannedTable, state: SyncState) -> SyncedTable {
    SyncedTable {
        source: planned.source.clone(),
        target: planned.target.clone(),
        state,
        round: 0,
        synced_snapshot_id: None,
        source_snapshot_id: None,
        lag: Lag::default(),
        made: None,
        error: None,
    }
}

pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Where `work` breaks, the table is told as it stands, with the error.
pub(super) fn told(planned: &PlannedTable, standing: SyncedTable, work: Result<SyncedTable>) -> SyncedTable {
    match work {
        Ok(table) => table,
        Err(error) => {
            let failed = failed(planned, error);
            SyncedTable { state: failed.state, error: failed.error, ..standing }
        }
    }
}

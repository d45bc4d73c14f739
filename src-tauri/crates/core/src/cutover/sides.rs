//! Source and target of a table: with the state of the source that the target has, or as they were moved.

use crate::migration::{lost_snapshot, pinned};
use crate::sync::Session;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::catalog::Advancing;
use icebridge_model::cutover::Moved;
use icebridge_model::plan::{CopyMode, PlannedTable};
use icebridge_model::run::CopyOutcome;
use icebridge_model::{Code, Error, Result};

/// Both sides, and the table as it would be planned with that state of the source.
pub(super) struct Sides {
    pub planned: PlannedTable,
    pub source: Table,
    pub target: Table,
    pub outcome: CopyOutcome,
}

/// A state of the source: its metadata file and its current snapshot. A folder's metadata file may be written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub metadata_location: String,
    pub snapshot_id: Option<i64>,
}

impl State {
    pub fn of(table: &Table) -> Self {
        Self { metadata_location: table.metadata_location.clone(), snapshot_id: table.metadata.current_snapshot_id }
    }

    pub fn moved(moved: &Moved) -> Self {
        Self { metadata_location: moved.source_metadata_location.clone(), snapshot_id: moved.source_snapshot_id }
    }
}

impl Sides {
    pub fn state(&self) -> State {
        State { metadata_location: self.planned.metadata_location.clone(), snapshot_id: self.planned.snapshot_id }
    }
}

/// Whether a sync brings the table on. Others are moved as they were copied.
pub(super) fn can_sync(session: &Session<'_>, planned: &PlannedTable) -> bool {
    planned.cluster.is_none() && planned.mode != CopyMode::Rewrite && session.target.advancing() != Advancing::No
}

/// Both sides with the state of the source that the target has: of the last round, or of the copy.
pub(super) async fn as_synced(session: &Session<'_>, planned: &PlannedTable) -> Result<Sides> {
    let outcome = session.local.store.outcome(&session.run_id, &planned.source).await?.unwrap_or_default();
    if can_sync(session, planned) {
        let sides = session.sides(planned).await?;
        let standing = &sides.standing;
        let planned = at(planned, &standing.source_metadata_location, standing.source_snapshot_id);
        let source = pinned(session.source.as_ref(), &planned).await?;
        // The checksums are those of the first copy.
        return Ok(Sides { planned, source, target: sides.target, outcome: CopyOutcome::default() });
    }
    let target = session.target.load(&planned.target).await.map_err(|e| e.about(&planned.target))?;
    check_identity(&target, &outcome.target_uuid)?;
    let source = pinned(session.source.as_ref(), planned).await?;
    Ok(Sides { planned: planned.clone(), source, target, outcome })
}

pub(super) fn check_identity(target: &Table, expected: &str) -> Result<()> {
    match target.identity() {
        Some(found) if !expected.is_empty() && !found.eq_ignore_ascii_case(expected) => {
            Err(Error::new(Code::TargetChanged, "another table has taken the target's name").about(&target.ident))
        }
        _ => Ok(()),
    }
}

/// Both sides at the state that was moved, whatever they have become since.
pub(super) async fn as_moved(session: &Session<'_>, planned: &PlannedTable, moved: &Moved) -> Result<Sides> {
    let planned = at(planned, &moved.source_metadata_location, moved.source_snapshot_id);
    let source = pinned(session.source.as_ref(), &planned).await?;
    let target = session.target.load(&planned.target).await.map_err(|e| e.about(&planned.target))?;
    check_identity(&target, &moved.target_uuid)?;
    let Some(target) = target.as_of(moved.target_snapshot_id) else { return Err(lost_snapshot(&planned.target)) };
    Ok(Sides { planned, source, target, outcome: CopyOutcome::default() })
}

fn at(planned: &PlannedTable, metadata_location: &str, snapshot_id: Option<i64>) -> PlannedTable {
    PlannedTable { metadata_location: metadata_location.to_string(), snapshot_id, ..planned.clone() }
}

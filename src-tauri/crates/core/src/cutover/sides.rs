//! Source and target of a table: with the state of the source that the target has, or as they were moved.

use crate::migration::{Lakehouse, lost_snapshot, pinned, round_not_seen};
use crate::sync::{Session, check_identity};
use crate::validate;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::catalog::Advancing;
use icebridge_lakehouse::copy::is_only_compacted_since;
use icebridge_model::cutover::Moved;
use icebridge_model::plan::PlannedTable;
use icebridge_model::run::CopyOutcome;
use icebridge_model::validation::Validation;
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
}

impl Sides {
    /// Every row of both.
    pub async fn compare(&self, session: &Session<'_>) -> Result<Validation> {
        let sides = validate::Sides {
            planned: &self.planned,
            source: &self.source,
            target: &self.target,
            outcome: &self.outcome,
            measured: None,
            comments_carried: session.target.spec().is_unity(),
        };
        Ok(validate::compare(&Lakehouse, &sides, session.cancel).await?.validation)
    }

    pub fn state(&self) -> State {
        State { metadata_location: self.planned.metadata_location.clone(), snapshot_id: self.planned.snapshot_id }
    }
}

/// Whether a round of a sync is part of the move. Others are moved as they are: a cluster takes minutes to start, while writers stand
/// still.
pub(super) fn can_sync(session: &Session<'_>, planned: &PlannedTable) -> bool {
    planned.cluster.is_none() && session.target.advancing() != Advancing::No
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
    if planned.cluster.is_some() {
        let sides = session.sides(planned).await?;
        if sides.attempt.is_some() {
            return Err(round_not_seen().about(&planned.source));
        }
        let planned = at(planned, &sides.standing.source_metadata_location, sides.standing.source_snapshot_id);
        let source = pinned(session.source.as_ref(), &planned).await?;
        return Ok(Sides { planned, source, target: sides.target, outcome: CopyOutcome::default() });
    }
    let target = session.target.load(&planned.target).await.map_err(|e| e.about(&planned.target))?;
    check_identity(&target, &outcome.target_uuid)?;
    let source = pinned(session.source.as_ref(), planned).await?;
    Ok(Sides { planned: planned.clone(), source, target, outcome })
}

/// Both sides at the state that was moved, whatever they have become since.
pub(super) async fn as_moved(session: &Session<'_>, planned: &PlannedTable, moved: &Moved) -> Result<Sides> {
    let planned = at(planned, &moved.source_metadata_location, moved.source_snapshot_id);
    let source = match pinned(session.source.as_ref(), &planned).await {
        Ok(source) => source,
        // Its metadata file was cleaned up; the snapshot may still be there.
        Err(error) => {
            let now = source_now(session, &planned).await?;
            now.as_of(moved.source_snapshot_id).ok_or(error)?
        }
    };
    let target = is_there(session, &planned, moved).await?;
    Ok(Sides { planned, source, target, outcome: CopyOutcome::default() })
}

/// The target as it was moved: the table is there, and still has that snapshot.
pub(super) async fn is_there(session: &Session<'_>, planned: &PlannedTable, moved: &Moved) -> Result<Table> {
    let target = session.target.load(&planned.target).await.map_err(|e| e.about(&planned.target))?;
    check_identity(&target, &moved.target_uuid)?;
    target.as_of(moved.target_snapshot_id).ok_or_else(|| lost_snapshot(&planned.target))
}

/// Whether somebody has committed to the target since it was moved.
pub(super) async fn has_own_rows(session: &Session<'_>, planned: &PlannedTable, moved: &Moved) -> Result<bool> {
    let target = session.target.load(&planned.target).await?;
    check_identity(&target, &moved.target_uuid)?;
    let (snapshot_id, sequence_number) = (moved.target_snapshot_id, moved.target_sequence_number);
    Ok(!is_only_compacted_since(&target.metadata, snapshot_id, sequence_number))
}

/// The source's table, if it is still the one that was copied.
pub(super) async fn source_now(session: &Session<'_>, planned: &PlannedTable) -> Result<Table> {
    let replaced = |message: &str| Error::new(Code::SourceReplaced, message).about(&planned.source);
    let source = session.source.load(&planned.source).await.map_err(|e| match e.code {
        Code::TableNotFound => replaced("the source no longer has this table").with_cause(e),
        _ => e.about(&planned.source),
    })?;
    match planned.table_uuid.is_empty() || source.metadata.uuid.eq_ignore_ascii_case(&planned.table_uuid) {
        true => Ok(source),
        false => Err(replaced("another table has the name of the source's table now")),
    }
}

fn at(planned: &PlannedTable, metadata_location: &str, snapshot_id: Option<i64>) -> PlannedTable {
    PlannedTable { metadata_location: metadata_location.to_string(), snapshot_id, ..planned.clone() }
}

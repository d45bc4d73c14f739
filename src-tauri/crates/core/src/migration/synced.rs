//! A table that was synced since it was copied is the source's later state: it is compared with that one. So is one that was
//! cut over, whatever it has become since.

use crate::LocalState;
use crate::ledger::{SyncStage, SyncStep, TABLE_SYNCED, TableHistory, body, last_committed};
use icebridge_lakehouse::copy::{Standing, standing};
use icebridge_lakehouse::{Table, TargetCatalog};
use icebridge_model::cutover::Moved;
use icebridge_model::plan::PlannedTable;
use icebridge_model::run::CopyOutcome;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::borrow::Cow;

/// The round that the target's table stands at; none for one that was copied and not synced. Of a table that clusters bring on the
/// journal knows it, of others the table itself.
pub(super) async fn round(
    (local, plan_hash): (&LocalState, &str),
    planned: &PlannedTable,
    (catalog, target): (&dyn TargetCatalog, &Table),
) -> Result<Option<Standing>> {
    if planned.cluster.is_none() {
        let standing = standing(catalog, target, plan_hash, &planned.target);
        return Ok(standing.filter(|standing| standing.round > 0));
    }
    let committed = last_committed(local, plan_hash, &planned.source).await?;
    Ok(committed.map(|step| Standing {
        round: step.round,
        source_metadata_location: step.source_metadata_location,
        source_snapshot_id: step.source_snapshot_id,
    }))
}

/// As it would have been planned with the source's state that the target has.
pub(super) async fn as_it_stands<'a>(
    local: (&LocalState, &str),
    planned: &'a PlannedTable,
    target: (&dyn TargetCatalog, &Table),
) -> Result<Cow<'a, PlannedTable>> {
    Ok(match round(local, planned, target).await? {
        None => Cow::Borrowed(planned),
        Some(standing) => Cow::Owned(PlannedTable {
            metadata_location: standing.source_metadata_location,
            snapshot_id: standing.source_snapshot_id,
            ..planned.clone()
        }),
    })
}

/// The checksums are those of the first copy: they say nothing of later files.
pub(super) fn outcome_since(outcome: &CopyOutcome) -> CopyOutcome {
    CopyOutcome { checksums: Vec::new(), ..outcome.clone() }
}

/// Writes down a round that the journal of this run does not know: another run made it, or another state.
pub(super) async fn record_found(
    local: &LocalState,
    run_id: &str,
    history: &TableHistory,
    planned: &PlannedTable,
    standing: Standing,
) -> Result<()> {
    if history.synced.contains(&standing.source_snapshot_id) {
        return Ok(());
    }
    let step = SyncStep {
        stage: SyncStage::Committed,
        target: planned.target.clone(),
        round: standing.round,
        source_metadata_location: standing.source_metadata_location,
        source_snapshot_id: standing.source_snapshot_id,
        made: None,
        error: None,
        differs_at: None,
    };
    local.store.append(run_id, &planned.source.to_string(), TABLE_SYNCED, body(&step)?).await.map(drop)
}

/// A table that was cut over, as it would have been planned with the source's last state; and the target as it was then.
pub(super) fn as_moved(planned: &PlannedTable, target: Table, moved: &Moved) -> Result<(PlannedTable, Table)> {
    let Some(target) = target.as_of(moved.target_snapshot_id) else { return Err(lost_snapshot(&planned.target)) };
    let planned = PlannedTable {
        metadata_location: moved.source_metadata_location.clone(),
        snapshot_id: moved.source_snapshot_id,
        ..planned.clone()
    };
    Ok((planned, target))
}

pub(crate) fn lost_snapshot(target: &TableIdent) -> Error {
    Error::new(Code::TargetChanged, "the target no longer has the snapshot that was cut over")
        .about(target)
        .with_hint("It was expired there: what the table has become since cannot be compared with the source.")
}

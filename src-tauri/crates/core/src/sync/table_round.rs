//! One round of one table: begun, copied, compared, committed. Each is written down before the next.

use super::comparison::{Comparison, compare, compare_as_it_is, refuse_difference, says_that_it_differs, step_of};
use super::session::{Counted, Session, Sides, check_identity, needs_a_person};
use super::{history, standing};
use crate::ledger::{SyncStage, SyncStep};
use crate::migration::{StoreCheckpoint, guarded};
use futures::FutureExt;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::catalog::Publication;
use icebridge_lakehouse::copy::{CopyTask, Onto, Prepared, copier};
use icebridge_model::check::CheckKind;
use icebridge_model::plan::{CopyMode, EngineKind, PlannedTable};
use icebridge_model::sync::{SyncRound, SyncState, SyncedTable};
use icebridge_model::{Code, Error, Result};
use std::sync::Arc;
use std::time::Instant;

/// A source that expires snapshots takes files away while they are copied: its newer state no longer needs them.
const ATTEMPTS: usize = 3;

/// Takes a table as far as the source is now. An error means that the journal could not be written, or that the sync was
/// cancelled.
#[tracing::instrument(name = "sync", skip_all, fields(table = %planned.source, target_table = %planned.target))]
pub(crate) async fn take(session: &Session<'_>, planned: &PlannedTable, whole: bool) -> Result<SyncedTable> {
    let mut attempt = 1;
    loop {
        let sides = match session.sides(planned).await {
            Ok(sides) => sides,
            Err(error) => {
                let told = standing::failed(planned, error);
                record_failure(session, planned, &told, "").await?;
                return Ok(told);
            }
        };
        settle(session, planned, &sides).await?;
        let told = standing::as_it_stands(planned, &sides, standing::now_ms());
        if sides.is_up_to_date() {
            match whole {
                false => return Ok(told),
                true => match guarded(compare_as_it_is(session, planned, &sides).boxed()).await {
                    Ok(()) => return Ok(told),
                    Err(error) if error.code == Code::Cancelled && session.cancel.is_cancelled() => {
                        return Err(super::cancelled());
                    }
                    // What was rewritten can be written again.
                    Err(error) if planned.mode == CopyMode::Rewrite && says_that_it_differs(error.code) => {
                        tracing::warn!(table = %planned.source, %error, "the target is not its source, and is written anew");
                    }
                    Err(error) => {
                        let told = standing::told(planned, told, Err(error));
                        record_failure(session, planned, &told, &sides.source.metadata_location).await?;
                        return Ok(told);
                    }
                },
            }
        }
        let begun = attempt > 1 || has_begun(session, planned, &sides);
        let made = guarded(one_round(session, planned, &sides, (whole, begun)).boxed()).await;
        match made {
            Err(error) if error.code == Code::Cancelled && session.cancel.is_cancelled() => {
                return Err(super::cancelled());
            }
            Err(error) if error.code == Code::FileMissing && attempt < ATTEMPTS => {
                tracing::info!(%error, "a file of the source went while it was copied; its newer state is taken");
                attempt += 1;
            }
            other => {
                let told = standing::told(planned, told, other);
                record_failure(session, planned, &told, &sides.source.metadata_location).await?;
                return Ok(told);
            }
        }
    }
}

/// Whether the journal's last word is that this very round was begun, or that it failed: an attempt that ends as the one
/// before is no news.
fn has_begun(session: &Session<'_>, planned: &PlannedTable, sides: &Sides) -> bool {
    session.last_steps.get(&planned.source.to_string()).is_some_and(|last| {
        let is_same = last.source_metadata_location == sides.source.metadata_location;
        is_same
            && match last.stage {
                SyncStage::Begun => last.round == sides.standing.round + 1,
                SyncStage::Failed | SyncStage::Stopped => true,
                SyncStage::Compared | SyncStage::Committed => false,
            }
    })
}

/// A round whose commit was made and not written down: the process ended in between, or the answer was lost.
async fn settle(session: &Session<'_>, planned: &PlannedTable, sides: &Sides) -> Result<()> {
    let last = session.last_steps.get(&planned.source.to_string());
    if sides.standing.round == 0 || last.is_none_or(|last| last.stage == SyncStage::Committed) {
        return Ok(());
    }
    let Some(step) = step_of(session, planned, sides).await?.filter(|step| step.stage == SyncStage::Compared) else {
        return Ok(());
    };
    let made = step.made.clone().map(|made| shown(made, &sides.target));
    session.record(planned, &SyncStep { stage: SyncStage::Committed, made, ..step }).await?;
    session.local.store.forget_place(&session.plan.hash, &planned.source).await
}

/// A catalog may have written a metadata file of its own.
fn shown(made: SyncRound, target: &Table) -> SyncRound {
    SyncRound { target_metadata_location: target.metadata_location.clone(), ..made }
}

/// Once, and not again at every look at a table that nobody has mended.
pub(super) async fn record_failure(
    session: &Session<'_>,
    planned: &PlannedTable,
    told: &SyncedTable,
    source_metadata_location: &str,
) -> Result<()> {
    let Some(step) = failed_step(planned, told, source_metadata_location) else { return Ok(()) };
    let last = session.last_steps.get(&planned.source.to_string());
    if last.is_some_and(|last| last.stage == step.stage && last.error == step.error) {
        return Ok(());
    }
    session.record(planned, &step).await
}

pub(super) fn failed_step(
    planned: &PlannedTable,
    told: &SyncedTable,
    source_metadata_location: &str,
) -> Option<SyncStep> {
    let error = told.error.as_ref()?;
    tracing::warn!(table = %planned.source, code = %error.code, %error, "the table is not synced");
    Some(SyncStep {
        stage: if needs_a_person(error.code) { SyncStage::Stopped } else { SyncStage::Failed },
        target: planned.target.clone(),
        round: told.round,
        source_metadata_location: source_metadata_location.to_string(),
        source_snapshot_id: told.source_snapshot_id,
        made: None,
        error: Some(error.clone()),
        differs_at: None,
    })
}

async fn one_round(
    session: &Session<'_>,
    planned: &PlannedTable,
    sides: &Sides,
    (whole, is_begun): (bool, bool),
) -> Result<SyncedTable> {
    let began = Instant::now();
    let round = sides.standing.round + 1;
    let mut step = SyncStep {
        stage: SyncStage::Begun,
        target: planned.target.clone(),
        round,
        source_metadata_location: sides.source.metadata_location.clone(),
        source_snapshot_id: sides.source.metadata.current_snapshot_id,
        made: None,
        error: None,
        differs_at: None,
    };
    if !is_begun {
        session.record(planned, &step).await?;
    }
    let (prepared, mut compared) = copied_and_compared(session, planned, sides, (round, whole)).await?;
    let location = location(&prepared);
    let made = SyncRound {
        round,
        source_metadata_location: sides.source.metadata_location.clone(),
        source_snapshot_id: sides.source.metadata.current_snapshot_id,
        from_metadata_location: sides.target.metadata_location.clone(),
        target_metadata_location: location.to_string(),
        target_snapshot_id: None,
        engine: EngineKind::Embedded,
        job_run_id: None,
        changes: history::changes(&sides.then, &sides.source.metadata),
        files_copied: prepared.outcome.files_copied,
        bytes_written: prepared.outcome.bytes_written,
        rows_read: compared.rows_read,
        compared: compared.how,
        rows: compared.rows,
        digest: std::mem::take(&mut compared.digest),
        checks: std::mem::take(&mut compared.checks),
        milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    step = SyncStep { stage: SyncStage::Compared, made: Some(made.clone()), ..step };
    session.record(planned, &step).await?;

    let mut turns = session.commits.acquire(session.cancel).await?;
    // From here to the answer nothing is cancelled: a commit is made or it is not.
    let advanced = session.target.advance(&sides.target, location, &mut turns).await;
    let advanced = advanced.map_err(|error| refused_by_catalog(error, planned))?;
    let made = shown(made, &advanced);
    let committed = SyncStep { stage: SyncStage::Committed, made: Some(made.clone()), ..step };
    session.record(planned, &committed).await?;
    if let Some(validation) = compared.validation {
        session.local.save_validation(&session.plan, &session.run_id, &validation).await?;
    }
    session.local.store.forget_place(&session.plan.hash, &planned.source).await?;
    Ok(SyncedTable {
        round,
        synced_snapshot_id: made.source_snapshot_id,
        source_snapshot_id: made.source_snapshot_id,
        made: Some(made),
        ..standing::of(planned, SyncState::UpToDate)
    })
}

/// Tables are converted by their plan, and sources go on.
fn refused_by_catalog(error: Error, planned: &PlannedTable) -> Error {
    const NEW_PLAN: &str = "The source's table may have got something since its plan that the target does not take. The target shows the \
                            round before. Make a new plan for the table: its pre-flight says what can be converted.";
    match (error.code, planned.mode) {
        (Code::CatalogRefused, CopyMode::Rewrite) => Error { hint: Some(NEW_PLAN.into()), ..error },
        _ => error,
    }
}

/// With `whole` nothing that was kept is believed: where it differs, every row is written anew.
async fn copied_and_compared(
    session: &Session<'_>,
    planned: &PlannedTable,
    sides: &Sides,
    (round, whole): (u64, bool),
) -> Result<(Prepared, Comparison)> {
    let can_begin_anew = |onto: &Onto<'_>| whole && !onto.anew && planned.mode == CopyMode::Rewrite;
    let mut onto = Onto { target: &sides.target, round, trusts_compaction: !whole, anew: false };
    loop {
        let prepared = match copy(session, planned, sides, &onto).await {
            // Its manifests, or what others have left in them.
            Err(error)
                if can_begin_anew(&onto) && (says_that_it_differs(error.code) || error.code == Code::TargetChanged) =>
            {
                tracing::warn!(table = %planned.source, %error, "what the target has is not whole, and is written anew");
                onto.anew = true;
                continue;
            }
            prepared => prepared?,
        };
        let staged =
            Table::open(planned.target.clone(), location(&prepared).into(), sides.target.storage.clone()).await?;
        let compared = compare(session, planned, sides, &staged, whole).await;
        let differs = match &compared {
            Ok(compared) => compared.checks.iter().any(|check| !check.passed && check.name.kind != CheckKind::Deletes),
            Err(error) => says_that_it_differs(error.code),
        };
        if differs && can_begin_anew(&onto) {
            tracing::warn!(table = %planned.source, "what the target has differs from the source, and is written anew");
            onto.anew = true;
            continue;
        }
        let compared = compared?;
        refuse_difference(&compared.checks, planned)?;
        return Ok((prepared, compared));
    }
}

fn location(prepared: &Prepared) -> &str {
    match &prepared.publication {
        Publication::Register { metadata_location } | Publication::Create { metadata_location, .. } => {
            metadata_location
        }
    }
}

async fn copy(session: &Session<'_>, planned: &PlannedTable, sides: &Sides, onto: &Onto<'_>) -> Result<Prepared> {
    let first = session.local.store.outcome(&session.run_id, &planned.source).await?;
    let first = first.unwrap_or_default();
    check_identity(&sides.target, &first.target_uuid)?;
    let task = CopyTask {
        source: &sides.source,
        snapshot_id: sides.source.metadata.current_snapshot_id,
        target: session.target.as_ref(),
        target_ident: &planned.target,
        plan_hash: &session.plan.hash,
        // Nothing is staged: the files go beside those of the rounds before.
        place: "",
        owner: "",
        settings: &session.plan.settings,
        conversions: &planned.conversions,
        partitioning: first.partitioning.as_ref(),
        make_empty: false,
        writers: Arc::clone(&session.writers),
        observer: Arc::new(Counted {
            all: session.local.metrics.copied(EngineKind::Embedded),
            of_round: Arc::clone(&session.copied),
        }),
        checkpoint: Arc::new(StoreCheckpoint {
            store: session.local.store.clone(),
            plan_hash: session.plan.hash.clone(),
            table: planned.source.clone(),
        }),
        cancel: session.cancel.clone(),
    };
    copier(planned.mode).advance(&task, onto).await
}

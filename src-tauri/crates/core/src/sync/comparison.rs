//! Whether a table is its source: what a round brought, or all of it.

use super::session::{Session, Sides, check_identity};
use crate::ledger::{SyncStep, step_that_brought};
use crate::migration::Lakehouse;
use crate::validate::{self, Before, compare_changes};
use icebridge_lakehouse::Table;
use icebridge_lakehouse::copy::{Standing, is_as_left};
use icebridge_lakehouse::digest::RowDigest;
use icebridge_model::check::CheckKind;
use icebridge_model::conversion::Conversion;
use icebridge_model::plan::{CopyMode, PlannedTable};
use icebridge_model::run::CopyOutcome;
use icebridge_model::sync::{Compared, SyncRound};
use icebridge_model::validation::{Check, Validation};
use icebridge_model::{Code, Error, Result};

pub(super) struct Comparison {
    pub how: Compared,
    pub checks: Vec<Check>,
    pub rows_read: u64,
    pub rows: u64,
    pub digest: String,
    /// Of a whole comparison.
    pub validation: Option<Validation>,
}

/// What it found shows no more values than the plan wants.
pub(super) async fn compare(
    session: &Session<'_>,
    planned: &PlannedTable,
    sides: &Sides,
    staged: &Table,
    whole: bool,
) -> Result<Comparison> {
    let mut compared = compare_sides(session, planned, sides, staged, whole).await?;
    session.plan.hide_values(&mut compared.checks);
    Ok(compared)
}

async fn compare_sides(
    session: &Session<'_>,
    planned: &PlannedTable,
    sides: &Sides,
    staged: &Table,
    whole: bool,
) -> Result<Comparison> {
    // There they are no matter of the source's metadata, whether they were carried or not.
    let comments_carried = session.target.spec().is_unity();
    let before = match whole || planned.conversions.iter().any(Conversion::changes_rows) {
        true => None,
        false => known_digest(session, planned, sides).await?,
    };
    if let Some(digest) = before {
        let before = Before { target: &sides.target, snapshot_id: sides.target.metadata.current_snapshot_id, digest };
        let both = (&sides.source, staged);
        let changes = compare_changes(planned, both, &before, comments_carried, session.cancel).await?;
        if let Some(changes) = changes {
            return Ok(Comparison {
                how: Compared::Changes,
                checks: changes.checks,
                rows_read: changes.rows_read,
                rows: changes.rows,
                digest: changes.digest,
                validation: None,
            });
        }
    }
    let planned = as_synced(planned, &sides.source);
    let outcome = CopyOutcome::default();
    let sides = validate::Sides {
        planned: &planned,
        source: &sides.source,
        target: staged,
        outcome: &outcome,
        measured: None,
        comments_carried,
    };
    let compared = validate::compare(&Lakehouse, &sides, session.cancel).await?.validation;
    if let Some(error) = compared.error {
        return Err(error);
    }
    Ok(Comparison {
        how: Compared::Whole,
        rows_read: compared.rows.saturating_mul(2),
        rows: compared.rows,
        digest: compared.digest.clone(),
        checks: compared.checks.clone(),
        validation: Some(compared),
    })
}

/// Every row of both sides, where there is nothing to bring.
pub(super) async fn compare_as_it_is(session: &Session<'_>, planned: &PlannedTable, sides: &Sides) -> Result<()> {
    let made = session.local.store.outcome(&session.run_id, &planned.source).await?.unwrap_or_default();
    check_identity(&sides.target, &made.target_uuid)?;
    let compared = compare(session, planned, sides, &sides.target, true).await?;
    refuse_difference(&compared.checks, planned)?;
    match compared.validation {
        Some(validation) => session.local.save_validation(&session.plan, &session.run_id, &validation).await,
        None => Ok(()),
    }
}

/// And not merely that it could not be compared.
pub(super) fn says_that_it_differs(code: Code) -> bool {
    code == Code::ValidationFailed || code.is_damage()
}

/// The table as it would have been planned with the source's present state.
pub(super) fn as_synced(planned: &PlannedTable, source: &Table) -> PlannedTable {
    PlannedTable {
        metadata_location: source.metadata_location.clone(),
        snapshot_id: source.metadata.current_snapshot_id,
        ..planned.clone()
    }
}

/// The digest of what the target shows now, where it was compared: by the round that made it, or by the run.
async fn known_digest(session: &Session<'_>, planned: &PlannedTable, sides: &Sides) -> Result<Option<RowDigest>> {
    // Others have compacted it: their files were never compared.
    if !is_as_left(&sides.target.metadata) {
        return Ok(None);
    }
    if let Some(made) = step_of(session, planned, sides).await?.and_then(|step| step.made) {
        return Ok(RowDigest::from_hex(made.rows, &made.digest));
    }
    // Of a later state only who made its round knows what it is: a validation names its snapshot alone, and columns may be others.
    if sides.standing.round > 0 {
        return Ok(None);
    }
    let validation = session.local.store.validation_of_plan(&session.plan.hash, &planned.source).await?;
    let same = |validation: &Validation| {
        validation.passed && validation.source_snapshot_id == sides.standing.source_snapshot_id
    };
    Ok(validation.filter(same).and_then(|validation| RowDigest::from_hex(validation.rows, &validation.digest)))
}

/// The last step of the round that the target stands at, as far as this state made it.
pub(super) async fn step_of(session: &Session<'_>, planned: &PlannedTable, sides: &Sides) -> Result<Option<SyncStep>> {
    let of = &sides.standing.source_metadata_location;
    let step = step_that_brought(session.local, &session.plan.hash, &planned.source, of).await?;
    Ok(step.filter(|step| step.made.as_ref().is_some_and(|made| is_round(made, &sides.standing))))
}

fn is_round(made: &SyncRound, standing: &Standing) -> bool {
    made.round == standing.round && made.source_metadata_location == standing.source_metadata_location
}

pub(super) fn refuse_difference(checks: &[Check], planned: &PlannedTable) -> Result<()> {
    let failed: Vec<&Check> = checks.iter().filter(|check| !check.passed).collect();
    let Some(first) = failed.first() else { return Ok(()) };
    let names: Vec<String> = failed.iter().map(|check| check.name.to_string()).collect();
    let detail = if first.detail.is_empty() {
        format!("source {}, target {}", first.source, first.target)
    } else {
        first.detail.clone()
    };
    Err(Error::new(Code::ValidationFailed, format!("what was copied is not the source: {} differ", names.join(", ")))
        .about(&planned.source)
        .with_hint(if failed.iter().any(|check| check.name.kind == CheckKind::Deletes) {
            "The target still shows the round before. The source has got deletes that delete nothing (IB-F113), which nobody \
             accepted: compact the table at the source, or make a new plan that accepts them."
        } else if planned.mode != CopyMode::Rewrite {
            "The target still shows the round before. If its own files were changed or damaged, drop the table there and copy it anew by a \
             new plan; if not, report it with the log."
        } else {
            "The target still shows the round before. Try again with --whole: it compares every row, and writes the rows of a \
             rewritten table anew. If it stays so, report it with the log."
        })
        .with_cause_text(detail))
}

//! Whether a round that a cluster made is its source, and how it is written down.

use super::session::{Session, Sides};
use super::{comparison, history};
use crate::ledger::{SyncStage, SyncStep};
use crate::migration::Lakehouse;
use crate::validate;
use crate::validate::cluster::SourceRecords;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::copy::commits_since;
use icebridge_model::check::CheckKind;
use icebridge_model::photon::{ClusterValidation, PhotonSettings, SyncAction};
use icebridge_model::plan::{EngineKind, PlannedTable};
use icebridge_model::run::CopyOutcome;
use icebridge_model::sync::{Compared, SyncRound};
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result};

pub(super) struct JobProof<'s, 'a> {
    pub session: &'s Session<'a>,
    pub settings: &'s PhotonSettings,
}

impl JobProof<'_, '_> {
    pub fn reads_here(&self, planned: &PlannedTable, source: &Table) -> bool {
        let total = source.metadata.current_snapshot_id.and_then(|id| source.metadata.snapshot(id));
        let total = total.and_then(|one| one.summary.get("total-files-size")?.parse::<u64>().ok());
        self.settings.reads_here(total.unwrap_or(0).max(planned.estimate.bytes))
    }

    /// Every row of both sides, here or by the cluster. An error: they could not be compared.
    pub async fn compare(
        &self,
        planned: &PlannedTable,
        (source, target): (&Table, &Table),
        report: Option<&ClusterValidation>,
    ) -> Result<Validation> {
        let planned = comparison::as_synced(planned, source);
        if !self.reads_here(&planned, source) {
            let rows = report.and_then(|found| found.expected_rows);
            let records = SourceRecords::count(source, planned.snapshot_id, rows).await?;
            let snapshot = target.metadata.current_snapshot_id;
            let validation = validate::cluster::from_cluster(&planned, snapshot, report, &records);
            return match (report, &validation.error) {
                (None, Some(error)) => Err(error.clone()),
                _ => Ok(self.shown(validation)),
            };
        }
        let sides = validate::Sides {
            planned: &planned,
            source,
            target,
            outcome: &CopyOutcome::default(),
            measured: None,
            comments_carried: true,
        };
        let compared = validate::compare(&Lakehouse, &sides, self.session.cancel).await?;
        let mut validation = compared.validation;
        match &validation.error {
            Some(error) if !compared.conclusive => return Err(error.clone()),
            _ => {}
        }
        if report.is_some() && self.settings.great_expectations {
            validate::cluster::add_checks(&mut validation, report);
        }
        Ok(self.shown(validation))
    }

    /// With no more values than the plan wants.
    fn shown(&self, mut validation: Validation) -> Validation {
        self.session.plan.hide_values(&mut validation.checks);
        validation
    }

    pub fn made(
        &self,
        sides: &Sides,
        (source, target): (&Table, &Table),
        (round, job_run_id): (u64, Option<i64>),
        validation: &Validation,
    ) -> SyncRound {
        SyncRound {
            round,
            source_metadata_location: source.metadata_location.clone(),
            source_snapshot_id: source.metadata.current_snapshot_id,
            from_metadata_location: sides.target.metadata_location.clone(),
            target_metadata_location: target.metadata_location.clone(),
            target_snapshot_id: target.metadata.current_snapshot_id,
            engine: EngineKind::Photon,
            job_run_id,
            changes: history::changes(&sides.then, &source.metadata),
            // Those are the engine's own.
            files_copied: 0,
            bytes_written: 0,
            rows_read: validation.rows.saturating_mul(2),
            compared: Compared::Whole,
            rows: validation.rows,
            digest: validation.digest.clone(),
            checks: validation.checks.clone(),
            milliseconds: validation.milliseconds,
        }
    }

    /// Of a table that differs after a round: the snapshot that the job's commit left. An error: the commit is somebody else's, since the
    /// job had nothing to bring. None: it has none, or nobody can tell whose it is.
    pub async fn differs_at(
        &self,
        planned: &PlannedTable,
        left: Option<i64>,
        (source, target): (&Table, &Table),
    ) -> Result<Option<i64>> {
        let current = target.metadata.current_snapshot_id;
        if left == current || !self.reads_here(planned, source) {
            return Ok(None);
        }
        let Some(before) = target.clone().as_of(left) else { return Ok(None) };
        match self.compare(planned, (source, &before), None).await {
            Ok(validation) if validation.passed => Err(others_wrote(planned, (left, current))),
            Ok(validation) if validation.error.is_none() => Ok(current),
            Err(error) if error.code == Code::Cancelled => Err(error),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    pub async fn commit(&self, planned: &PlannedTable, made: SyncRound, validation: &Validation) -> Result<()> {
        let session = self.session;
        let step = SyncStep {
            stage: SyncStage::Committed,
            target: planned.target.clone(),
            round: made.round,
            source_metadata_location: made.source_metadata_location.clone(),
            source_snapshot_id: made.source_snapshot_id,
            made: Some(made),
            error: None,
            differs_at: None,
        };
        session.record(planned, &step).await?;
        session.local.save_validation(&session.plan, &session.run_id, validation).await
    }
}

/// A job commits once, or not at all. What somebody else has committed beside it the job may have taken away: it brings the source's rows
/// and no others.
pub(super) fn refuse_others(
    planned: &PlannedTable,
    sides: &Sides,
    (target, action): (&Table, Option<SyncAction>),
) -> Result<()> {
    let (left, current) = (sides.target.metadata.current_snapshot_id, target.metadata.current_snapshot_id);
    let own = usize::from(action.is_none_or(SyncAction::may_commit));
    match commits_since(&target.metadata, left) {
        Some(commits) if commits <= own => Ok(()),
        _ => Err(others_wrote(planned, (left, current))),
    }
}

fn others_wrote(planned: &PlannedTable, (left, current): (Option<i64>, Option<i64>)) -> Error {
    let [left, current] = [left, current].map(|id| id.map_or("none".to_string(), |id| id.to_string()));
    Error::new(Code::TargetChanged, "somebody else has written to the table in the target while a round was made")
        .about(&planned.target)
        .with_hint(format!(
            "What they wrote may be gone from the table, and is in its history, between the snapshots {left} and {current}. Bring it back \
             from there, and copy the table anew by a new plan."
        ))
}

/// The rows that a comparison counted in the target.
pub(super) fn rows_of_target(validation: &Validation) -> Option<u64> {
    validation.checks.iter().find(|check| check.name == CheckKind::Count)?.target.parse().ok()
}

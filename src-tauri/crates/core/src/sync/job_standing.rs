//! Which state of its source a table has that clusters copy and bring on.
//!
//! Their job notes the source's snapshot on the target; which of the source's metadata files that was, and which snapshot of the target we
//! left, is in the journal. A job that was submitted and never seen to its end may have written: what it left is compared.

use crate::LocalState;
use crate::cluster::{JobKind, StepRecord};
use crate::ledger::last_committed;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::copy::{Standing, commits_since, noted_by_job};
use icebridge_model::ids::PlanHash;
use icebridge_model::photon::{ClusterValidation, CopyEnd, SyncAction};
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::HashMap;

/// A job of a round that is not in the journal as committed, and which snapshot of the source it brings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attempt {
    pub job_run_id: i64,
    pub source_snapshot_id: Option<i64>,
    /// The target's snapshot that was there before.
    pub left: Option<i64>,
    /// The job ended well, and had something to bring: a commit since is its own.
    pub has_committed: bool,
    /// How the cluster found what the job left, where it was seen.
    pub report: Option<Box<ClusterValidation>>,
}

/// The last job of each table, by the target's name on the cluster.
#[derive(Default)]
pub(crate) struct LastJobs(HashMap<TableIdent, Attempt>);

impl LastJobs {
    pub fn of_table(&self, planned: &PlannedTable) -> Option<Attempt> {
        self.0.get(&planned.cluster.as_ref()?.target).cloned()
    }

    /// Steps come in the order of their attempts.
    pub fn of(steps: &[StepRecord]) -> Self {
        let mut last = HashMap::new();
        for step in steps.iter().filter(|step| step.job == JobKind::IncrementalSync) {
            let Some(job_run_id) = step.job_run_id else { continue };
            for table in step.tables() {
                let result = step.result_of(&table.target);
                let report = result.and_then(|result| result.validation.clone()).map(Box::new);
                let has_committed = result.is_some_and(|result| {
                    result.end == CopyEnd::Done && result.action.is_none_or(SyncAction::may_commit)
                });
                let source_snapshot_id = table.snapshot_id;
                let attempt = Attempt { job_run_id, source_snapshot_id, left: None, has_committed, report };
                last.insert(table.target.clone(), attempt);
            }
        }
        Self(last)
    }
}

/// The standing, and an attempt that may have written since.
pub(super) async fn of(
    (local, plan_hash): (&LocalState, &PlanHash),
    planned: &PlannedTable,
    (target, source): (&Table, &Table),
    last: Option<Attempt>,
) -> Result<(Standing, Option<Attempt>)> {
    if noted_by_job(&target.metadata, plan_hash).is_none() {
        return Err(changed(planned, "the table in the target is not the one that a cluster copied for this plan"));
    }
    let committed = last_committed(local, plan_hash, &planned.source).await?;
    let made = committed.as_ref().and_then(|step| step.made.as_ref());
    let attempt = last.filter(|last| made.is_none_or(|made| made.job_run_id != Some(last.job_run_id)));
    let left = match made {
        Some(made) => made.target_snapshot_id,
        None => first_snapshot(local, plan_hash, planned).await?,
    };
    let written = match (left, target.metadata.current_snapshot_id) {
        (Some(left), _) => commits_since(&target.metadata, Some(left)),
        (None, None) => Some(0),
        (None, Some(_)) => return Err(unknown(planned)),
    };
    let is_as_left = written == Some(0);
    // A job commits once.
    if !is_as_left && (attempt.is_none() || written != Some(1)) {
        return Err(changed(
            planned,
            "somebody else has written to the table in the target since it was copied or synced",
        ));
    }
    let (round, location, snapshot) = match &committed {
        Some(step) => (step.round, step.source_metadata_location.as_str(), step.source_snapshot_id),
        None => (0, planned.metadata_location.as_str(), planned.snapshot_id),
    };
    // A file of the source with nothing but other metadata is no reason for a cluster.
    let location = if snapshot == source.metadata.current_snapshot_id { &source.metadata_location } else { location };
    let standing = Standing { round, source_metadata_location: location.to_string(), source_snapshot_id: snapshot };
    Ok((standing, attempt.filter(|_| !is_as_left).map(|attempt| Attempt { left, ..attempt })))
}

/// The target's snapshot that the copy left, or that was proved to be its source since.
async fn first_snapshot(local: &LocalState, plan_hash: &PlanHash, planned: &PlannedTable) -> Result<Option<i64>> {
    let outcome = local.store.outcome_of_plan(plan_hash, &planned.source).await?;
    let left = outcome.and_then(|outcome| outcome.cluster).and_then(|cluster| cluster.target_snapshot_id);
    if left.is_some() {
        return Ok(left);
    }
    let proof = local.store.validation_of_plan(plan_hash, &planned.source).await?;
    let proof = proof.filter(|proof| proof.passed && proof.source_snapshot_id == planned.snapshot_id);
    Ok(proof.and_then(|proof| proof.target_snapshot_id))
}

/// The target was not open to this machine when the table was copied.
fn unknown(planned: &PlannedTable) -> Error {
    const MESSAGE: &str =
        "it is not known which snapshot of the target the copy left, and others may have written since";
    Error::new(Code::Unsupported, MESSAGE)
        .about(&planned.target)
        .with_hint("`icebridge validate` compares every row on this machine, and notes the snapshot that it has seen.")
}

pub(super) fn changed(planned: &PlannedTable, what: &str) -> Error {
    Error::new(Code::TargetChanged, what).about(&planned.target).with_hint(
        "This command has changed nothing. To go on, undo that write there; or drop the table in the target and copy it anew by a new plan.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_job_that_was_submitted_counts() {
        let step = |attempt: u32, job: &str, run: Option<i64>, snapshot: i64| -> StepRecord {
            let table = json!({"source": "glue.s.a", "target": "main.s.a", "method": "ctas", "snapshot_id": snapshot,
                "format_version": 2, "bytes": 1, "rows": 1});
            let lane = json!({"key": "lane-1", "tables": [table], "input_path": "", "result_path": ""});
            serde_json::from_value(json!({"plan_hash": "p", "step": "s", "job": job, "attempt": attempt, "run_id": "r",
                "state": "started", "intended_at": "", "run_name": "", "lanes": [lane],
                "compute": {"serverless": {"budget_policy": null}}, "timeout_seconds": null, "scripts": "",
                "job_id": null, "job_run_id": run, "run_page_url": null}))
            .unwrap()
        };
        let steps = [
            step(1, "bulk_copy", Some(1), 1),
            step(2, "incremental_sync", Some(2), 2),
            step(3, "incremental_sync", Some(3), 3),
            step(4, "incremental_sync", None, 4),
        ];
        let last = LastJobs::of(&steps);
        let found = last.0.get(&TableIdent::new(["main", "s"], "a"));
        let last =
            Attempt { job_run_id: 3, source_snapshot_id: Some(3), left: None, has_committed: false, report: None };
        assert_eq!(found, Some(&last));
    }
}

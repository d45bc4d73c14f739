//! Which state of its source a table has that clusters copy and bring on.
//!
//! Their job notes the source's snapshot on the target; which of the source's metadata files that was, and which snapshot of the target we
//! left, is in the journal. A job that was submitted and never seen to its end may have written: what it left is compared.

use crate::LocalState;
use crate::cluster::{JobKind, StepRecord};
use crate::ledger::last_committed;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::copy::{Standing, noted_by_job, shows_rows_of};
use icebridge_model::ids::PlanHash;
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::HashMap;

/// A job of a round that is not in the journal as committed, and which snapshot of the source it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub job_run_id: i64,
    pub source_snapshot_id: Option<i64>,
}

/// The last job of each table, by the target's name on the cluster.
#[derive(Default)]
pub(crate) struct LastJobs(HashMap<TableIdent, Attempt>);

impl LastJobs {
    /// Steps come in the order of their attempts.
    pub fn of(steps: &[StepRecord]) -> Self {
        let mut last = HashMap::new();
        for step in steps.iter().filter(|step| step.job == JobKind::IncrementalSync) {
            let Some(job_run_id) = step.job_run_id else { continue };
            for table in step.tables() {
                let attempt = Attempt { job_run_id, source_snapshot_id: table.snapshot_id };
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
    last: &LastJobs,
) -> Result<(Standing, Option<Attempt>)> {
    let Some(noted) = noted_by_job(&target.metadata, plan_hash) else {
        return Err(changed(planned, "the table in the target is not the one that a cluster copied for this plan"));
    };
    let committed = last_committed(local, plan_hash, &planned.source).await?;
    let made = committed.as_ref().and_then(|step| step.made.as_ref());
    let attempt = planned.cluster.as_ref().and_then(|copy| last.0.get(&copy.target));
    let attempt = attempt.filter(|last| made.is_none_or(|made| made.job_run_id != Some(last.job_run_id))).cloned();
    let left = match made {
        Some(made) => made.target_snapshot_id,
        None => first_snapshot(local, plan_hash, planned).await?,
    };
    // Where the target is opened by the workspace's own API its snapshots are not known.
    let is_as_left = match (left, target.metadata.current_snapshot_id) {
        (Some(left), Some(_)) => shows_rows_of(&target.metadata, left),
        _ => committed.as_ref().map_or(planned.snapshot_id, |step| step.source_snapshot_id) == noted,
    };
    if !is_as_left && attempt.is_none() {
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
    Ok((standing, attempt.filter(|_| !is_as_left)))
}

/// The target's snapshot that the copy left.
async fn first_snapshot(local: &LocalState, plan_hash: &PlanHash, planned: &PlannedTable) -> Result<Option<i64>> {
    let outcome = local.store.outcome_of_plan(plan_hash, &planned.source).await?;
    Ok(outcome.and_then(|outcome| outcome.cluster).and_then(|cluster| cluster.target_snapshot_id))
}

pub(super) fn changed(planned: &PlannedTable, what: &str) -> Error {
    Error::new(Code::TargetChanged, what).about(&planned.target).with_hint(
        "Nothing was changed. To go on, undo that write there; or drop the table in the target and copy it anew by a new plan.",
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
        assert_eq!(found, Some(&Attempt { job_run_id: 3, source_snapshot_id: Some(3) }));
    }
}

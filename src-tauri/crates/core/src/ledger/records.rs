//! Runs as the store has them.

use super::entry::{OLD_RUN_STARTED, PLAN_REHEARSED, RUN_STARTED, RunStarted, TABLE_VALIDATED, read};
use super::history::TableHistory;
use crate::LocalState;
use icebridge_model::ids::PlanHash;
use icebridge_model::plan::Plan;
use icebridge_model::rehearsal::Rehearsal;
use icebridge_model::{Code, Error, Result, TableIdent};
use icebridge_store::{RunRecord, StagedPlace};
use std::collections::HashMap;

/// Empty: the latest.
pub(crate) async fn find_run(local: &LocalState, run_id: &str) -> Result<RunRecord> {
    if !run_id.is_empty() {
        return local.store.run(run_id).await;
    }
    local.store.latest_run().await?.ok_or_else(|| {
        Error::new(Code::RunNotFound, "there is no run yet").with_hint("Start one with `icebridge run PLAN`.")
    })
}

pub(crate) fn plan_of(record: &RunRecord) -> Result<Plan> {
    Plan::from_text(&record.plan_text).map_err(|e| e.about(&record.run_id))
}

/// How a run began.
pub(crate) async fn run_started(local: &LocalState, run_id: &str) -> Result<Option<RunStarted>> {
    let entry = local.store.first_entry(run_id, &[RUN_STARTED, OLD_RUN_STARTED]).await?;
    entry.as_ref().map(read).transpose()
}

/// The rehearsals of a plan, the last one last.
pub(crate) async fn rehearsals_of(local: &LocalState, plan_hash: &PlanHash) -> Result<Vec<Rehearsal>> {
    let entries = local.store.entries("").await?;
    let read = |entry| read::<Rehearsal>(entry);
    let all: Vec<Rehearsal> =
        entries.iter().filter(|entry| entry.kind == PLAN_REHEARSED).map(read).collect::<Result<_>>()?;
    Ok(all.into_iter().filter(|one| one.plan_hash == *plan_hash).collect())
}

/// In the plan's order, without the validations: those are in the store, too.
pub(crate) async fn table_histories(local: &LocalState, run_id: &str, plan: &Plan) -> Result<Vec<TableHistory>> {
    let mut by_table: HashMap<String, TableHistory> = HashMap::new();
    for entry in local.store.entries(run_id).await? {
        if entry.kind != TABLE_VALIDATED {
            by_table.entry(entry.table.clone()).or_default().take(&entry)?;
        }
    }
    Ok(plan.tables.iter().map(|table| by_table.remove(&table.source.to_string()).unwrap_or_default()).collect())
}

/// Whether the target may have what was staged in a place: by the run that has it now, which a later run may have got from one whose
/// commit is still under way.
pub(crate) async fn may_be_published(local: &LocalState, place: &StagedPlace) -> Result<bool> {
    // Of an earlier version, which did not write down whose it is.
    if place.run_id.is_empty() {
        return Ok(true);
    }
    for run_id in local.store.runs_of_plan(&place.plan_hash).await? {
        let history = table_history(local, &run_id, &place.source).await?;
        if history.is_unsettled() || (run_id == place.run_id && history.committed) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Of one table, without its validations.
pub(crate) async fn table_history(local: &LocalState, run_id: &str, table: &TableIdent) -> Result<TableHistory> {
    let mut history = TableHistory::default();
    for entry in local.store.entries_of(run_id, table).await? {
        if entry.kind != TABLE_VALIDATED {
            history.take(&entry)?;
        }
    }
    Ok(history)
}

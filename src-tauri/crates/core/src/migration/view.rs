//! What a run looks like: its record and plan, and the journal folded into the state of each table.

use super::live::ActiveRuns;
use crate::LocalState;
use crate::governance::documents;
use crate::ledger::{TableHistory, find_run, plan_of, table_histories, table_history};
use icebridge_model::photon::{ClusterStage, ClusterView};
use icebridge_model::plan::PlannedTable;
use icebridge_model::run::{RunCounters, RunState, RunSummary, RunView, TableMigration, TableState};
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result, TableIdent};
use icebridge_store::RunRecord;

/// A run as it is now (empty: the latest), live if it runs in this process. A journal that was changed is refused.
pub async fn view(local: &LocalState, run_id: &str) -> Result<RunView> {
    local.store.check_journal().await?;
    let record = as_of_now(local, find_run(local, run_id).await?).await?;
    let tables = match local.extension::<ActiveRuns>().get(&record.run_id) {
        Some(live) => live.tables.iter().map(|t| t.snapshot()).collect(),
        None => recorded(local, &record).await?,
    };
    let count = |wanted: TableState| tables.iter().filter(|t: &&TableMigration| t.state == wanted).count();
    Ok(RunView {
        migrated: count(TableState::Migrated),
        failed: count(TableState::Failed),
        state: record.state,
        run_id: record.run_id,
        plan_hash: record.plan_hash,
        source: record.source,
        target: record.target,
        started_at: record.started_at,
        ended_at: record.ended_at,
        tables,
    })
}

/// One table of a run, as its journal says.
pub(crate) async fn recorded_migration(
    local: &LocalState,
    run_id: &str,
    planned: &PlannedTable,
) -> Result<TableMigration> {
    let history = table_history(local, run_id, &planned.source).await?;
    let validation = local.store.validation(run_id, &planned.source).await?;
    Ok(table_migration(local, planned, &history, validation.as_slice()))
}

/// A table of a run that is at work in this process.
pub(crate) fn at_work(local: &LocalState, run_id: &str, source: &TableIdent) -> Option<TableMigration> {
    local.extension::<ActiveRuns>().table(run_id, source)
}

/// What is counted over a run that is at work in this process.
pub(crate) fn counted(local: &LocalState, run_id: &str) -> Option<RunCounters> {
    local.extension::<ActiveRuns>().counted(run_id)
}

/// All runs, newest first.
pub async fn list(local: &LocalState) -> Result<Vec<RunSummary>> {
    let mut counts = local.store.run_counts(None).await?;
    let mut summaries = Vec::new();
    for record in local.store.runs().await? {
        let record = as_of_now(local, record).await?;
        let counts = counts.remove(record.run_id.as_str()).unwrap_or_default();
        summaries.push(RunSummary {
            state: record.state,
            tables: counts.tables(),
            migrated: counts.of(TableState::Migrated),
            failed: counts.of(TableState::Failed),
            run_id: record.run_id,
            plan_hash: record.plan_hash,
            source: record.source,
            target: record.target,
            started_at: record.started_at,
            ended_at: record.ended_at,
        });
    }
    Ok(summaries)
}

/// Asks a run of this process to stop, and returns at once.
pub async fn cancel(local: &LocalState, run_id: &str) -> Result<()> {
    let record = find_run(local, run_id).await?;
    match local.extension::<ActiveRuns>().get(&record.run_id) {
        Some(live) => live.cancel.cancel(),
        None => match as_of_now(local, record.clone()).await?.state {
            RunState::Running => {
                return Err(Error::new(Code::StateLocked, "another process is at work on this run")
                    .about(&record.run_id)
                    .with_hint("Cancel it there, or end that process: the run can be resumed."));
            }
            state => {
                return Err(
                    Error::invalid(format!("the run is not running: it is {}", state.as_str())).about(&record.run_id)
                );
            }
        },
    }
    Ok(())
}

/// The holder of the lock marks every other run that says `running`, so one that says it while the lock is free is dead, or
/// ended between the two looks: a third look shows which.
pub(crate) async fn as_of_now(local: &LocalState, record: RunRecord) -> Result<RunRecord> {
    let at_work = record.state != RunState::Running
        || local.extension::<ActiveRuns>().get(&record.run_id).is_some()
        || local.store.is_locked().await?;
    if at_work {
        return Ok(record);
    }
    let mut record = local.store.run(&record.run_id).await?;
    if record.state == RunState::Running {
        record.state = RunState::Interrupted;
    }
    Ok(record)
}

async fn recorded(local: &LocalState, record: &RunRecord) -> Result<Vec<TableMigration>> {
    let plan = plan_of(record)?;
    let histories = table_histories(local, &record.run_id, &plan).await?;
    let validations = local.store.validations(&record.run_id).await?;
    Ok(plan
        .tables
        .iter()
        .zip(&histories)
        .map(|(planned, history)| table_migration(local, planned, history, &validations))
        .collect())
}

pub(super) fn table_migration(
    local: &LocalState,
    planned: &PlannedTable,
    history: &TableHistory,
    validations: &[Validation],
) -> TableMigration {
    let find = |source: &TableIdent| validations.iter().find(|v| v.source == *source).cloned();
    let validation = find(&planned.source);
    let written = history.outcome.as_ref().map_or(0, |outcome| match &outcome.cluster {
        _ if outcome.adopted => 0,
        // A cluster does not report the size of its files.
        Some(_) => planned.estimate.bytes,
        None => outcome.bytes_written,
    });
    let cluster = history.outcome.as_ref().and_then(|outcome| outcome.cluster.as_deref());
    let documents = cluster.and_then(|cluster| cluster.validation.as_ref());
    let committed = matches!(history.state(), TableState::Committed | TableState::Validating | TableState::Migrated);
    TableMigration {
        source: planned.source.clone(),
        target: planned.target.clone(),
        mode: planned.mode,
        state: history.state(),
        bytes_done: written,
        bytes_total: if committed { written } else { planned.estimate.bytes },
        rows_done: history.outcome.as_ref().and_then(|o| o.rows_written).unwrap_or(0),
        rows_total: validation.as_ref().map_or(planned.estimate.rows, |v| v.rows),
        error: history.error.clone(),
        validation,
        outcome: history.outcome.clone(),
        engine: planned.engine(),
        cluster: cluster.map(|cluster| ClusterView {
            stage: ClusterStage::Over,
            job_run_id: cluster.job_run_id,
            run_page_url: cluster.run_page_url.clone(),
            ..ClusterView::default()
        }),
        documents: documents.and_then(|validation| documents::page(&local.state_dir, &validation.docs)),
        governance: history.governance.clone(),
        not_validated: None,
        not_read_back: None,
    }
}

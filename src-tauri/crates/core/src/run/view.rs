//! What a run looks like: its record and plan, and the journal folded into the state of each table.

use super::entry::{OLD_TABLE_GOVERNANCE, TABLE_GOVERNANCE, TABLE_STATE, TableStep};
use crate::LocalState;
use crate::governance::documents;
use icebridge_model::governance::GovernanceReport;
use icebridge_model::journal::Entry;
use icebridge_model::photon::{ClusterStage, ClusterView};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{CopyOutcome, RunState, RunSummary, RunView, TableMigration, TableState};
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result, TableIdent};
use icebridge_store::RunRecord;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// A table's way so far, folded from its entries.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub state: TableState,
    /// A copy has begun and was not taken back.
    pub begun: bool,
    /// The target has it, or had it.
    pub landed: bool,
    pub error: Option<Error>,
    pub outcome: Option<CopyOutcome>,
    pub governance: Option<GovernanceReport>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { state: TableState::Queued, begun: false, landed: false, error: None, outcome: None, governance: None }
    }
}

impl Progress {
    fn take(&mut self, step: TableStep) {
        self.state = step.state;
        self.error = step.error;
        match step.state {
            TableState::Copying => self.begun = true,
            TableState::Failed => self.begun = false,
            TableState::Committed => self.landed = true,
            _ => {}
        }
        if step.outcome.is_some() {
            self.outcome = step.outcome;
        }
    }
}

impl Progress {
    fn follow(&mut self, entry: &Entry) -> Result<()> {
        match entry.kind.as_str() {
            TABLE_STATE => self.take(step_of(entry)?),
            TABLE_GOVERNANCE | OLD_TABLE_GOVERNANCE => self.governance = Some(read(entry)?),
            _ => {}
        }
        Ok(())
    }

    /// Migrated, and what follows was not done, or not all of it.
    pub fn is_owed(&self) -> bool {
        self.state == TableState::Migrated && self.governance.as_ref().is_none_or(|report| !report.not_done.is_empty())
    }
}

/// In the plan's order.
pub(crate) async fn progress_of(local: &LocalState, run_id: &str, plan: &Plan) -> Result<Vec<Progress>> {
    let mut by_table: HashMap<String, Progress> = HashMap::new();
    for entry in local.store.entries(run_id).await? {
        by_table.entry(entry.table.clone()).or_default().follow(&entry)?;
    }
    Ok(plan.tables.iter().map(|t| by_table.remove(&t.source.to_string()).unwrap_or_default()).collect())
}

fn step_of(entry: &Entry) -> Result<TableStep> {
    read(entry)
}

fn read<T: DeserializeOwned>(entry: &Entry) -> Result<T> {
    serde_json::from_value(entry.body.clone()).map_err(|e| {
        Error::new(Code::StateBroken, "a journal entry cannot be understood")
            .about(format!("journal entry {}", entry.sequence))
            .with_hint("The state was written by another version of IceBridge: use that one for this run.")
            .with_cause(e)
    })
}

/// Empty: the latest.
pub(crate) async fn find_run(local: &LocalState, run_id: &str) -> Result<RunRecord> {
    if !run_id.is_empty() {
        return local.store.run(run_id).await;
    }
    local.store.latest_run().await?.ok_or_else(|| {
        Error::new(Code::RunNotFound, "there is no run yet").with_hint("Start one with `icebridge run PLAN`.")
    })
}

/// A run as it is now (empty: the latest), live if it runs in this process.
pub async fn view(local: &LocalState, run_id: &str) -> Result<RunView> {
    let record = as_of_now(local, find_run(local, run_id).await?).await?;
    let tables = match local.live.get(&record.run_id) {
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
    let mut progress = Progress::default();
    for entry in local.store.entries_of(run_id, &planned.source).await? {
        progress.follow(&entry)?;
    }
    let validation = local.store.validation(run_id, &planned.source).await?;
    Ok(table_run(local, planned, &progress, validation.as_slice()))
}

/// A table of a run that is at work in this process.
pub(crate) fn at_work(local: &LocalState, run_id: &str, source: &TableIdent) -> Option<TableMigration> {
    local.live.table(run_id, source)
}

/// All runs, newest first.
pub async fn list(local: &LocalState) -> Result<Vec<RunSummary>> {
    let mut counts = local.store.run_counts(None).await?;
    let mut summaries = Vec::new();
    for record in local.store.runs().await? {
        let record = as_of_now(local, record).await?;
        let counts = counts.remove(&record.run_id).unwrap_or_default();
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
pub async fn cancel(local: &LocalState, run_id: &str) -> Result<RunView> {
    let record = find_run(local, run_id).await?;
    match local.live.get(&record.run_id) {
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
    view(local, &record.run_id).await
}

/// Whoever holds the lock marks every other run that says `running`, so one that says it while the lock is free is dead:
/// or it ended between the two looks, which a third one tells.
pub(crate) async fn as_of_now(local: &LocalState, record: RunRecord) -> Result<RunRecord> {
    let at_work = record.state != RunState::Running
        || local.live.get(&record.run_id).is_some()
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
    let plan = Plan::from_text(&record.plan_text).map_err(|e| e.about(&record.run_id))?;
    let progress = progress_of(local, &record.run_id, &plan).await?;
    let validations = local.store.validations(&record.run_id).await?;
    Ok(plan
        .tables
        .iter()
        .zip(&progress)
        .map(|(planned, progress)| table_run(local, planned, progress, &validations))
        .collect())
}

pub(super) fn table_run(
    local: &LocalState,
    planned: &PlannedTable,
    progress: &Progress,
    validations: &[Validation],
) -> TableMigration {
    let find = |source: &TableIdent| validations.iter().find(|v| v.source == *source).cloned();
    let validation = find(&planned.source);
    let written = progress.outcome.as_ref().map_or(0, |outcome| match &outcome.cluster {
        _ if outcome.adopted => 0,
        // What its files came to, the cluster does not tell.
        Some(_) => planned.estimate.bytes,
        None => outcome.bytes_written,
    });
    let cluster = progress.outcome.as_ref().and_then(|outcome| outcome.cluster.as_deref());
    let documents = cluster.and_then(|cluster| cluster.validation.as_ref());
    let landed = matches!(progress.state, TableState::Committed | TableState::Validating | TableState::Migrated);
    TableMigration {
        source: planned.source.clone(),
        target: planned.target.clone(),
        mode: planned.mode,
        state: progress.state,
        bytes_done: written,
        bytes_total: if landed { written } else { planned.estimate.bytes },
        rows_done: progress.outcome.as_ref().and_then(|o| o.rows_written).unwrap_or(0),
        rows_total: validation.as_ref().map_or(planned.estimate.rows, |v| v.rows),
        error: progress.error.clone(),
        validation,
        outcome: progress.outcome.clone(),
        engine: planned.engine(),
        cluster: cluster.map(|cluster| ClusterView {
            stage: ClusterStage::Over,
            job_run_id: cluster.job_run_id,
            run_page_url: cluster.run_page_url.clone(),
            ..ClusterView::default()
        }),
        documents: documents.and_then(|found| documents::page(&local.state_dir, &found.docs)),
        governance: progress.governance.clone(),
    }
}

//! Tables that this process copies, some at a time. Each step is written down before it is taken.

use super::adoption;
use super::context::{Migration, RunContext};
use super::empty_tables;
use super::executor::Executor;
use super::guard::guarded;
use super::layouts;
use super::pin::{self, Strictness};
use super::proving::CommittedTable;
use crate::ledger::TableStep;
use crate::validate::{self, Measured};
use async_trait::async_trait;
use futures::FutureExt;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::copy::{Copier, CopyTask, Prepared, lies_in};
use icebridge_model::conversion::PartitionWay;
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::{Code, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::Instrument;

pub(super) struct LocalCopy;

#[async_trait]
impl Executor for LocalCopy {
    async fn execute(&self, run: &Arc<RunContext>, tables: Vec<Migration>) -> Result<()> {
        let mut waiting = tables.into_iter();
        let mut at_work = JoinSet::new();
        let mut by_task: HashMap<Id, Migration> = HashMap::new();
        let mut first_error = None;
        let parallel = &run.live.parallel;
        let mut changes = parallel.listen();
        loop {
            if run.live.cancel.is_cancelled()
                && let Err(error) = Migration::cancel_all(waiting.by_ref().collect()).await
            {
                tracing::error!(%error, "the journal cannot be written");
                first_error.get_or_insert(error);
            }
            while at_work.len() < parallel.tables() {
                let Some(table) = waiting.next() else { break };
                let task = at_work.spawn({
                    let table = table.clone();
                    async move { migrate_table(&table).await }.in_current_span()
                });
                by_task.insert(task.id(), table);
            }
            parallel.set_at_work(at_work.len());
            let joined = tokio::select! {
                joined = at_work.join_next_with_id() => joined,
                // More of them may begin.
                Ok(()) = changes.changed() => continue,
            };
            let Some(joined) = joined else { break };
            let result = match joined {
                Ok((id, result)) => {
                    by_task.remove(&id);
                    result
                }
                // A step's panic is caught in the task; this one came from the catching.
                Err(broken) => match by_task.remove(&broken.id()) {
                    Some(table) => task_panicked(&table, &broken).await,
                    None => Ok(()),
                },
            };
            if let Err(error) = result {
                tracing::error!(%error, "the journal cannot be written");
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

async fn task_panicked(table: &Migration, broken: &JoinError) -> Result<()> {
    let planned = table.planned();
    let error = Error::internal("the table's task panicked").about(&planned.source).with_cause(broken);
    table.record(TableStep::new(TableState::Failed, &planned.target).error(error)).await
}

/// Takes one table as far as it goes. An error means that the journal itself could not be written.
#[tracing::instrument(name = "table", skip_all, fields(table = %table.planned().source, target_table = %table.planned().target))]
async fn migrate_table(table: &Migration) -> Result<()> {
    match guarded(attempt(table).boxed()).await {
        Ok(()) => table.follow_up().await,
        Err(error) => table.give_up(error).await,
    }
}

async fn attempt(table: &Migration) -> Result<()> {
    table.run.not_cancelled()?;
    let made = match table.find_made().await? {
        Some(found) => adopt(table, found).await?,
        None => {
            table.refuse_renamed().await?;
            copy_and_publish(table).await?
        }
    };
    match made {
        Some((source, committed)) => table.prove(&source, committed).await,
        // Proved before, and there is nothing to compare it with any more.
        None => Ok(()),
    }
}

/// The target has the table: from this run, an earlier one, or one of another state.
async fn adopt(table: &Migration, found: Table) -> Result<Option<(Table, CommittedTable)>> {
    let (run, planned) = (&table.run, table.planned());
    let recorded = run.local.store.outcome_of_plan(&run.plan.hash, &planned.source).await?;
    let outcome = CopyOutcome {
        adopted: true,
        target_metadata_location: found.metadata_location.clone(),
        target_location: found.metadata.location.clone(),
        ..recorded.unwrap_or_default()
    };
    let committed = CommittedTable { table: found, outcome, measured: None };
    table.record_committed(&committed, "the target already had this table from this plan").await?;
    table.record_round(&committed.table).await?;
    let as_it_stands = table.as_it_stands(&committed.table).await?;
    let source = match pin::pinned(run.source.as_ref(), &as_it_stands).await {
        Ok(source) => source,
        Err(error) if table.stands_proved(&committed, &error).await? => return Ok(None),
        Err(error) => return Err(error),
    };
    table.leave_place(&source, &committed.table).await?;
    Ok(Some((source, committed)))
}

async fn copy_and_publish(table: &Migration) -> Result<Option<(Table, CommittedTable)>> {
    let (run, planned) = (&table.run, table.planned());
    let strictness = if table.has_begun() { Strictness::Readable } else { Strictness::Current };
    let copier = run.environment.copier(planned.mode);
    let copier = copier.as_ref();
    let source = match pin::check(run.source.as_ref(), planned, strictness).await {
        Ok(source) => source,
        Err(error) => return Err(table.discard_stale(copier, error).await),
    };
    table.enter(TableState::Copying).await?;
    table.ensure_namespace().await?;
    let mut ways = run.specs_refused.ways(planned).into_iter().peekable();
    let mut refused = false;
    loop {
        let way = ways.next().flatten();
        table.live().restart();
        let at_once = run.target.makes_empty_tables();
        let mut tried = copy_one_way(table, &source, copier, (way, at_once)).await;
        if let Err(error) = &tried
            && !at_once
            && empty_tables::may_help(run.target.as_ref(), planned, error)
        {
            tracing::info!(%error, "the target refuses the table; it is made empty and filled");
            table.live().restart();
            match copy_one_way(table, &source, copier, (way, true)).await {
                Ok(made) => {
                    run.target.make_empty_tables();
                    run.staging_refused.learn(&run.local, &run.live.run_id, &run.plan, run.target.as_ref()).await?;
                    tried = Ok(made);
                }
                Err(other) if run.is_cancelled(&other) => return Err(other),
                Err(other) => tracing::info!(error = %other, "made empty first, it is refused as well"),
            }
        }
        match tried {
            // The target does not say what it refuses: it was the spec if it takes the table without.
            Err(error) if layouts::may_be_refused(way, &error) && ways.peek().is_some() => {
                refused = true;
                tracing::info!(%error, "the target refuses the table as it is laid out; another way is tried");
            }
            Ok(made) => {
                if refused {
                    run.specs_refused.learn(&run.local, &run.live.run_id, &run.plan, planned).await?;
                }
                return Ok(made);
            }
            Err(error) => return Err(error),
        }
    }
}

async fn copy_one_way(
    table: &Migration,
    source: &Table,
    copier: &dyn Copier,
    (way, make_empty): (Option<&PartitionWay>, bool),
) -> Result<Option<(Table, CommittedTable)>> {
    let (run, planned) = (&table.run, table.planned());
    let source = source.clone();
    let place = table.claim_place().await?;
    let task = CopyTask { make_empty, ..table.copy_task(&source, &place, way) };
    let prepared = match guarded(copier.copy(&task)).await {
        Ok(prepared) => prepared,
        Err(error) if error.code == Code::TableExists => {
            // Made since we looked: perhaps by another run of this plan.
            return match adoption::find(run.target.as_ref(), planned, &run.plan.hash).await {
                Ok(Some(found)) => adopt(table, found).await,
                _ => Err(table.undo(copier, &task, error).await),
            };
        }
        Err(error) => return Err(table.undo(copier, &task, error).await),
    };
    run.staging_refused.learn(&run.local, &run.live.run_id, &run.plan, run.target.as_ref()).await?;
    // Nothing becomes visible whose source cannot be read to its end: bytes can be copied that no reader understands.
    let reader = run.environment.as_ref();
    let reading = validate::measure(reader, &source, planned.snapshot_id, &planned.conversions, &run.live.cancel);
    let measured = match guarded(reading.boxed()).await {
        Ok(measured) => measured,
        Err(error) => return Err(table.undo(copier, &task, error).await),
    };
    let committed = publish(table, copier, &task, prepared, measured).await?;
    table.leave_place(&source, &committed.table).await?;
    Ok(Some((source, committed)))
}

async fn publish(
    table: &Migration,
    copier: &dyn Copier,
    task: &CopyTask<'_>,
    prepared: Prepared,
    measured: Measured,
) -> Result<CommittedTable> {
    let (run, target) = (&table.run, &table.planned().target);
    let mut outcome = prepared.outcome;
    let mut step = TableStep::new(TableState::Committing, target);
    step.publication = Some((&prepared.publication).into());
    table.record_made(step, &outcome).await?;

    let mut turns = run.commits.acquire(&run.live.cancel).await?;
    // From here to the answer nothing is cancelled: a commit is made or it is not.
    let published = match guarded(run.target.publish(target, &prepared.publication, &mut turns)).await {
        Ok(published) => published,
        Err(error) => after_failed_publish(table, copier, task, error).await?,
    };
    // Another run of the plan may have published first. Then the table is its, not what is staged here.
    outcome.adopted = !lies_in(&published, &outcome.target_location);
    outcome.commit_attempts = turns.taken();
    outcome.target_metadata_location.clone_from(&published.metadata_location);
    outcome.target_location.clone_from(&published.metadata.location);
    let note = if outcome.adopted { "another run of this plan published the table first" } else { "" };
    let committed = CommittedTable { table: published, outcome, measured: Some(measured) };
    table.record_committed(&committed, note).await?;
    Ok(committed)
}

/// The commit may have happened although it failed. Only the target knows.
async fn after_failed_publish(
    table: &Migration,
    copier: &dyn Copier,
    task: &CopyTask<'_>,
    error: Error,
) -> Result<Table> {
    let run = &table.run;
    match adoption::find(run.target.as_ref(), table.planned(), &run.plan.hash).await {
        Ok(Some(found)) => Ok(found),
        // It may still come: the files must stay.
        Ok(None) if error.code == Code::CommitUnknown => Err(error),
        Ok(None) => Err(table.undo(copier, task, error).await),
        Err(other) if other.code == Code::TableExists => Err(table.undo(copier, task, other).await),
        Err(other) => Err(error.with_cause_text(format!("and the target could not be asked: {other}"))),
    }
}

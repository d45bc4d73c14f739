//! Validates the tables of a finished run once more: weeks later, or after something was mended.

use super::environment::{Environment, Lakehouse};
use super::unproved::{record_unproved, round_not_seen};
use super::{pin, same_catalogs, synced, view};
use crate::LocalState;
use crate::judge::Judge;
use crate::ledger::{
    SyncStage, TABLE_NOT_VALIDATED, TABLE_STATE, TableStep, body, find_run, last_sync_steps, moved_states, plan_of,
    table_histories,
};
use crate::validate::{self, Sides};
use icebridge_lakehouse::copy::Standing;
use icebridge_lakehouse::{Catalog, Table, TargetCatalog};
use icebridge_metrics::Stage;
use icebridge_model::cutover::Moved;
use icebridge_model::judge::JudgeKind;
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{CopyOutcome, RunState, RunView, TableState};
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result, TableIdent};
use icebridge_store::RunRecord;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Compares every table that the run brought into the target, at the source's pinned snapshot. A table that differs, or is
/// damaged or gone in the target, is no longer migrated. One that could not be compared stays what it was, and the answer
/// names the reason. An empty run is the latest. What compares equal is read once more by the judge, where one is wanted.
pub async fn validate_again(
    local: &LocalState,
    run_id: &str,
    judge: Option<JudgeKind>,
    cancel: &CancellationToken,
) -> Result<RunView> {
    validate_again_in(local, run_id, judge, cancel, &Lakehouse).await
}

/// What the journal says of a state that this found.
const AGAIN: &str = "validated again";

/// What a comparison says of a table.
enum Verdict {
    Holds(Box<Validation>),
    /// With the validation, if it came to one.
    Fails(Error, Option<Box<Validation>>),
    /// The comparison could not take place.
    NotValidated(Error),
}

struct Judged {
    verdict: Verdict,
    /// Why the judge could not read the table.
    unread: Option<Error>,
    /// The round of a sync that was compared.
    round: Option<Standing>,
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, unread: None, round: None }
    }
}

/// Body of `table.not_validated`.
#[derive(Serialize)]
struct NotValidated<'a> {
    target: &'a TableIdent,
    error: &'a Error,
}

struct Comparison<'a> {
    local: &'a LocalState,
    environment: &'a dyn Environment,
    source: Arc<dyn Catalog>,
    target: Arc<dyn TargetCatalog>,
    plan: &'a Plan,
    /// Of tables that are cut over, by source table: others may have written to the target since.
    moved: HashMap<String, Moved>,
    unfinished: HashSet<String>,
    /// The last ones of the run.
    validations: Vec<Validation>,
    cancel: &'a CancellationToken,
}

#[tracing::instrument(name = "validate", skip_all, fields(run))]
pub(super) async fn validate_again_in(
    local: &LocalState,
    run_id: &str,
    judge: Option<JudgeKind>,
    cancel: &CancellationToken,
    environment: &dyn Environment,
) -> Result<RunView> {
    let _at_work = local.metrics.stage(Stage::Validate);
    let _lock = local.store.lock().await?;
    local.store.check_journal().await?;
    let record = find_run(local, run_id).await?;
    let run_id = record.run_id.as_str();
    tracing::Span::current().record("run", run_id);
    let plan = plan_of(&record)?;
    same_catalogs::check(local, run_id, &plan).await?;
    let histories = table_histories(local, run_id, &plan).await?;
    let target = environment.target(local, &plan.target).await?;
    let mut judge = match judge {
        Some(kind) => {
            let workspace = environment.client(local, &plan.target).await?;
            Some(Judge::start(kind, &plan, target.spec(), workspace, cancel).await?)
        }
        None => None,
    };
    let comparison = Comparison {
        local,
        unfinished: unfinished(local, &plan).await?,
        environment,
        source: environment.source(local, &plan.source).await?,
        target,
        plan: &plan,
        moved: moved_states(local, &plan.hash).await?,
        validations: local.store.validations(run_id).await?,
        cancel,
    };
    let mut migrated = 0;
    let (mut not_validated, mut not_read_back) = (HashMap::new(), HashMap::new());
    for (planned, history) in plan.tables.iter().zip(&histories) {
        // A table that was never committed has nothing to compare; one that was and then failed has.
        if !history.committed {
            continue;
        }
        let outcome = local.store.outcome(run_id, &planned.source).await?.unwrap_or_default();
        let Judged { verdict, unread, round } = comparison.verdict(planned, &outcome, judge.as_mut()).await?;
        if let Some(round) = round {
            synced::record_found(local, run_id, history, planned, round).await?;
        }
        if let Some(error) = unread {
            not_read_back.insert(planned.source.clone(), error);
        }
        let state = match verdict {
            Verdict::Holds(validation) => {
                local.save_validation(&plan, run_id, &validation).await?;
                // Only what changed: an entry for every look would bury the ones that matter.
                if history.state() != TableState::Migrated {
                    let step = TableStep::new(TableState::Migrated, &planned.target).note(AGAIN);
                    local.store.append(run_id, &planned.source.to_string(), TABLE_STATE, step.to_body()?).await?;
                }
                TableState::Migrated
            }
            Verdict::Fails(error, validation) => {
                record_unproved(local, (&plan, &record), planned, (error, AGAIN), validation.as_deref()).await?;
                TableState::Failed
            }
            Verdict::NotValidated(error) => {
                record_not_validated(local, run_id, planned, &error).await?;
                not_validated.insert(planned.source.clone(), error);
                history.state()
            }
        };
        migrated += usize::from(state == TableState::Migrated);
    }
    keep_run_state(local, &record, migrated == plan.tables.len()).await?;
    let mut view = view::view(local, run_id).await?;
    for table in &mut view.tables {
        table.not_validated = not_validated.remove(&table.source);
        table.not_read_back = not_read_back.remove(&table.source);
    }
    Ok(view)
}

/// A run that was over is succeeded or incomplete, by how its tables are now.
async fn keep_run_state(local: &LocalState, record: &RunRecord, all_migrated: bool) -> Result<()> {
    let state = match record.state {
        RunState::Succeeded | RunState::Incomplete if all_migrated => RunState::Succeeded,
        RunState::Succeeded => RunState::Incomplete,
        other => other,
    };
    if state != record.state {
        local.store.set_run_state(&record.run_id, state, record.ended_at.as_deref()).await?;
    }
    Ok(())
}

/// Tables that a cluster was asked to bring on, without an end that is known.
async fn unfinished(local: &LocalState, plan: &Plan) -> Result<HashSet<String>> {
    let last = last_sync_steps(local, &plan.hash).await?;
    let by_cluster = plan.tables.iter().filter(|table| table.cluster.is_some()).map(|table| table.source.to_string());
    Ok(by_cluster.filter(|table| last.get(table).is_some_and(|step| step.stage == SyncStage::Begun)).collect())
}

impl Comparison<'_> {
    /// The target's table, if it is there and the one that the run made.
    async fn made(&self, planned: &PlannedTable, outcome: &CopyOutcome) -> std::result::Result<Table, Verdict> {
        let table = match self.target.load(&planned.target).await {
            Ok(table) => table,
            Err(error) if error.code.is_damage() => {
                return Err(Verdict::Fails(error.about(&planned.target).at_target(), None));
            }
            Err(error) => return Err(Verdict::NotValidated(error)),
        };
        match table.identity() {
            Some(found) if !outcome.target_uuid.is_empty() && !found.eq_ignore_ascii_case(&outcome.target_uuid) => {
                let gone = "the table that the run made is gone, and another one has its name";
                let gone = Error::new(Code::TableNotFound, gone).about(&planned.target).or_usual_hint();
                Err(Verdict::Fails(gone, None))
            }
            _ => Ok(table),
        }
    }

    /// An error means cancelled.
    async fn verdict(
        &self,
        planned: &PlannedTable,
        outcome: &CopyOutcome,
        judge: Option<&mut Judge>,
    ) -> Result<Judged> {
        let unless_cancelled = |error: Error| match error.code == Code::Cancelled && self.cancel.is_cancelled() {
            true => Err(error),
            false => Ok(error.about(&planned.source).or_usual_hint()),
        };
        let not_validated = |error: Error| Ok(Judged::from(Verdict::NotValidated(unless_cancelled(error)?)));
        let to = match self.made(planned, outcome).await {
            Ok(table) => table,
            Err(Verdict::NotValidated(error)) => return not_validated(error),
            Err(verdict) => return Ok(verdict.into()),
        };
        let moved = self.moved.get(&planned.source.to_string());
        if moved.is_none() && self.unfinished.contains(&planned.source.to_string()) {
            return not_validated(round_not_seen());
        }
        let local = (self.local, self.plan.hash.as_str());
        let round = match moved {
            None => synced::round(local, planned, (self.target.as_ref(), &to)).await?,
            Some(_) => None,
        };
        let (as_it_stands, to) = match moved {
            None => (synced::as_it_stands(local, planned, (self.target.as_ref(), &to)).await?, to),
            Some(moved) => match synced::as_moved(planned, to, moved) {
                Ok((planned, to)) => (Cow::Owned(planned), to),
                Err(error) => return not_validated(error),
            },
        };
        let from = match pin::pinned(self.source.as_ref(), &as_it_stands).await {
            Ok(table) => table,
            Err(error) => return not_validated(error),
        };
        let since = matches!(as_it_stands, Cow::Owned(_)).then(|| synced::outcome_since(outcome));
        let sides = Sides {
            planned: &as_it_stands,
            source: &from,
            target: &to,
            outcome: since.as_ref().unwrap_or(outcome),
            measured: None,
            // Whoever may describe a table of Unity Catalog has not changed the copy.
            comments_carried: self.target.spec().is_unity(),
        };
        let mut compared = validate::compare(self.environment, &sides, self.cancel).await?;
        if !compared.conclusive {
            let unknown = || Error::internal("a comparison came to no end, without an error");
            return not_validated(compared.validation.error.unwrap_or_else(unknown));
        }
        // What a cluster had said of the copy is not asked again, and still counts.
        let before = self.validations.iter().find(|one| one.source == planned.source);
        let of_same = before.filter(|one| one.source_snapshot_id == compared.validation.source_snapshot_id);
        let by_cluster = outcome.cluster.as_ref().and_then(|cluster| cluster.validation.as_ref());
        validate::cluster::keep_checks(&mut compared.validation, of_same, by_cluster.filter(|_| round.is_none()));
        let mut unread = None;
        if let Some(judge) = judge.filter(|_| compared.validation.passed) {
            let read = judge.judge((&from, &to), self.target.as_ref(), &mut compared.validation, self.cancel).await;
            unread = read.err().map(unless_cancelled).transpose()?;
        }
        // What another judge found stays; what this one found is newer.
        validate::keep_read_back(&mut compared.validation, before);
        let verdict = match validate::failure(&compared.validation) {
            None => Verdict::Holds(Box::new(compared.validation)),
            Some(error) => {
                Verdict::Fails(error.about(&planned.source).or_usual_hint(), Some(Box::new(compared.validation)))
            }
        };
        Ok(Judged { verdict, unread, round })
    }
}

async fn record_not_validated(local: &LocalState, run_id: &str, planned: &PlannedTable, error: &Error) -> Result<()> {
    let entry = body(&NotValidated { target: &planned.target, error })?;
    local.store.append(run_id, &planned.source.to_string(), TABLE_NOT_VALIDATED, entry).await.map(drop)
}

//! One table's journey. Each step is written down before it is taken.

use super::adoption;
use super::checkpoint::StoreCheckpoint;
use super::entry::{TABLE_STATE, TableStep};
use super::ground::Ground;
use super::live::ActiveRun;
use super::pin::{self, Strictness};
use crate::LocalState;
use crate::governance::OncePerRun;
use crate::limiter::CommitLimiter;
use crate::validate::{self, Measured, Pair};
use futures::FutureExt;
use futures::future::BoxFuture;
use icebridge_databricks::Client;
use icebridge_lakehouse::copy::{Copier, CopyTask, Observer};
use icebridge_lakehouse::{Catalog, Table, TargetCatalog};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::validation::Validation;
use icebridge_model::{Code, Error, Result};
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// Everything the tables of one run share.
pub(super) struct Run {
    pub local: LocalState,
    pub ground: Arc<dyn Ground>,
    pub plan: Plan,
    pub source: Arc<dyn Catalog>,
    pub target: Arc<dyn TargetCatalog>,
    pub writers: Arc<Semaphore>,
    pub commits: CommitLimiter,
    pub live: Arc<ActiveRun>,
    /// Namespaces known to be there; one table at a time makes a new one.
    pub namespaces: Mutex<HashSet<Vec<String>>>,
    /// Tables whose copy began before this process did.
    pub begun: HashSet<usize>,
    /// Of the target's workspace, where it has one.
    pub client: Option<Client>,
    pub governance: OncePerRun,
}

/// A table that is in the target.
pub(super) struct Landed {
    pub table: Table,
    pub outcome: CopyOutcome,
    /// Its source as it was read before the commit; none if it was not read here, or the commit is an earlier run's.
    pub measured: Option<Measured>,
}

impl Run {
    /// Takes one table as far as it goes. An error means that the journal itself could not be written.
    pub async fn travel(&self, index: usize) -> Result<()> {
        let Some(planned) = self.plan.tables.get(index) else { return Ok(()) };
        let error = match guarded(self.attempt(index, planned).boxed()).await {
            Ok(()) => return self.follow_up(index, planned).await,
            Err(error) => error,
        };
        self.give_up(index, planned, error).await
    }

    /// Writes down why a table did not make it.
    pub(super) async fn give_up(&self, index: usize, planned: &PlannedTable, error: Error) -> Result<()> {
        let error = error.about(&planned.source).or_usual_hint();
        let mut step = if error.code == Code::Cancelled && self.live.cancel.is_cancelled() {
            TableStep::new(TableState::Cancelled, &planned.target)
                .note("what was finished is kept: a resume, or another run of the same plan, goes on from there")
        } else {
            tracing::warn!(table = %planned.source, %error, "table failed");
            TableStep::new(TableState::Failed, &planned.target)
        };
        step.error = Some(error);
        self.step(index, planned, step).await
    }

    async fn attempt(&self, index: usize, planned: &PlannedTable) -> Result<()> {
        self.not_cancelled()?;
        let (source, landed) = match adoption::find(self.target.as_ref(), planned, &self.plan.hash).await? {
            Some(table) => {
                let landed = self.adopt(planned, table).await?;
                self.landed(index, planned, &landed, "the target already had this table from this plan").await?;
                (pin::pinned(self.source.as_ref(), planned).await?, landed)
            }
            None => self.migrate(index, planned).await?,
        };
        // The files they speak of belong to a visible table now.
        self.local.store.clear_units(&self.plan.hash, &planned.source).await?;
        self.prove(index, planned, &source, landed).await
    }

    async fn migrate(&self, index: usize, planned: &PlannedTable) -> Result<(Table, Landed)> {
        let strictness = if self.begun.contains(&index) { Strictness::Readable } else { Strictness::Current };
        let copier = self.ground.copier(planned.mode);
        let source = match pin::check(self.source.as_ref(), planned, strictness).await {
            Ok(source) => source,
            Err(error) => return Err(self.sweep_stale(index, planned, copier.as_ref(), error).await),
        };
        self.step(index, planned, TableStep::new(TableState::Copying, &planned.target)).await?;
        self.ensure_namespace(planned).await?;

        if let Some(table) = self.live.tables.get(index) {
            table.restart();
        }
        let task = self.task(index, planned, &source);
        let prepared = match guarded(copier.copy(&task)).await {
            Ok(prepared) => prepared,
            Err(error) => return Err(self.undo(copier.as_ref(), &task, error).await),
        };
        // Nothing becomes visible whose source cannot be read to its end: bytes can be copied that no reader understands.
        let ground = self.ground.as_ref();
        let reading = validate::measure(ground, &source, planned.snapshot_id, &self.live.cancel);
        let measured = match guarded(reading.boxed()).await {
            Ok(measured) => measured,
            Err(error) => return Err(self.undo(copier.as_ref(), &task, error).await),
        };
        let mut landed = prepared.outcome;
        let mut step = TableStep::new(TableState::Committing, &planned.target);
        step.publication = Some((&prepared.publication).into());
        self.made(index, planned, step, &landed).await?;

        let mut turns = self.commits.acquire(&self.live.cancel).await?;
        // From here to the answer nothing is cancelled: a commit is made or it is not.
        let published = guarded(self.target.publish(&planned.target, &prepared.publication, &mut turns)).await;
        let table = match published {
            Ok(table) => table,
            Err(error) => self.after_failed_publish(planned, copier.as_ref(), &task, error).await?,
        };
        landed.commit_attempts = turns.taken();
        landed.target_metadata_location.clone_from(&table.metadata_location);
        landed.target_location.clone_from(&table.metadata.location);
        let landed = Landed { table, outcome: landed, measured: Some(measured) };
        self.landed(index, planned, &landed, "").await?;
        Ok((source, landed))
    }

    /// The commit may have happened although it failed. Only the target knows.
    async fn after_failed_publish(
        &self,
        planned: &PlannedTable,
        copier: &dyn Copier,
        task: &CopyTask<'_>,
        error: Error,
    ) -> Result<Table> {
        match adoption::find(self.target.as_ref(), planned, &self.plan.hash).await {
            Ok(Some(table)) => Ok(table),
            // It may still come: the files must stay.
            Ok(None) if error.code == Code::CommitUnknown => Err(error),
            Ok(None) => Err(self.undo(copier, task, error).await),
            Err(other) if other.code == Code::TableExists => Err(self.undo(copier, task, other).await),
            Err(other) => Err(error.with_cause_text(format!("and the target could not be asked: {other}"))),
        }
    }

    async fn adopt(&self, planned: &PlannedTable, table: Table) -> Result<Landed> {
        let recorded = self.local.store.outcome_of_plan(&self.plan.hash, &planned.source).await?;
        let outcome = CopyOutcome {
            adopted: true,
            target_metadata_location: table.metadata_location.clone(),
            target_location: table.metadata.location.clone(),
            ..recorded.unwrap_or_default()
        };
        Ok(Landed { table, outcome, measured: None })
    }

    pub(super) async fn landed(&self, index: usize, planned: &PlannedTable, landed: &Landed, note: &str) -> Result<()> {
        let mut step = TableStep::new(TableState::Committed, &planned.target).note(note);
        step.target_snapshot_id = landed.table.metadata.current_snapshot_id;
        self.made(index, planned, step, &landed.outcome).await
    }

    async fn prove(&self, index: usize, planned: &PlannedTable, source: &Table, landed: Landed) -> Result<()> {
        let validation = self.compare(index, planned, source, landed).await?;
        self.conclude(index, planned, validation).await
    }

    pub(super) async fn compare(
        &self,
        index: usize,
        planned: &PlannedTable,
        source: &Table,
        landed: Landed,
    ) -> Result<Validation> {
        self.not_cancelled()?;
        self.step(index, planned, TableStep::new(TableState::Validating, &planned.target)).await?;
        let Landed { table: target, outcome, measured } = &landed;
        let comments_carried = self.plan.settings.governance.as_ref().is_some_and(|wanted| wanted.comments);
        let pair = Pair { planned, source, target, outcome, measured: measured.as_ref(), comments_carried };
        guarded(validate::pair(self.ground.as_ref(), &pair, &self.live.cancel).boxed()).await
    }

    /// Writes a validation down and lets it decide.
    pub(super) async fn conclude(&self, index: usize, planned: &PlannedTable, validation: Validation) -> Result<()> {
        self.local.store.save_validation(&self.live.run_id, &validation).await?;
        if let Some(table) = self.live.tables.get(index) {
            table.change(|run| run.validation = Some(validation.clone()));
        }
        match validate::failure(&validation) {
            None => self.step(index, planned, TableStep::new(TableState::Migrated, &planned.target)).await,
            Some(error) => Err(error),
        }
    }

    /// After a failure before the commit: nothing half-made stays. After a cancel, what is finished stays for a resume.
    async fn undo(&self, copier: &dyn Copier, task: &CopyTask<'_>, error: Error) -> Error {
        if error.code == Code::Cancelled && self.live.cancel.is_cancelled() {
            return error;
        }
        let swept = async {
            guarded(copier.discard(task)).await?;
            self.local.store.clear_units(&self.plan.hash, &task.source.ident).await
        };
        match swept.await {
            Ok(()) => error,
            Err(sweep) => error.with_cause_text(format!("and what was copied could not be removed: {sweep}")),
        }
    }

    /// A table that went stale may have files from an earlier, cancelled run of this plan. They will never be needed.
    async fn sweep_stale(&self, index: usize, planned: &PlannedTable, copier: &dyn Copier, error: Error) -> Error {
        let left = self.local.store.count_units(&self.plan.hash, &planned.source).await.unwrap_or(0);
        if error.code != Code::PlanStale || left == 0 {
            return error;
        }
        // Without a source there is no task to discard; whoever drops the source table drops its plan.
        match self.source.load(&planned.source).await {
            Ok(source) => self.undo(copier, &self.task(index, planned, &source), error).await,
            Err(_) => error,
        }
    }

    fn task<'a>(&'a self, index: usize, planned: &'a PlannedTable, source: &'a Table) -> CopyTask<'a> {
        let observer: Arc<dyn Observer> = match self.live.tables.get(index) {
            Some(table) => Arc::clone(table) as Arc<dyn Observer>,
            None => Arc::new(Unobserved),
        };
        CopyTask {
            source,
            snapshot_id: planned.snapshot_id,
            target: self.target.as_ref(),
            target_ident: &planned.target,
            plan_hash: &self.plan.hash,
            settings: &self.plan.settings,
            writers: Arc::clone(&self.writers),
            observer,
            checkpoint: Arc::new(StoreCheckpoint {
                store: self.local.store.clone(),
                plan_hash: self.plan.hash.clone(),
                table: planned.source.clone(),
            }),
            cancel: self.live.cancel.clone(),
        }
    }

    pub(super) async fn ensure_namespace(&self, planned: &PlannedTable) -> Result<()> {
        let mut known = self.namespaces.lock().await;
        if !known.contains(&planned.target.namespace) {
            self.target.ensure_namespace(&planned.target.namespace).await.map_err(|e| e.about(&planned.target))?;
            known.insert(planned.target.namespace.clone());
        }
        Ok(())
    }

    pub(super) fn not_cancelled(&self) -> Result<()> {
        if self.live.cancel.is_cancelled() {
            return Err(Error::new(Code::Cancelled, "the run was cancelled"));
        }
        Ok(())
    }

    /// The journal first, then everybody else.
    pub async fn step(&self, index: usize, planned: &PlannedTable, step: TableStep) -> Result<()> {
        let source = planned.source.to_string();
        self.local.store.append(&self.live.run_id, &source, TABLE_STATE, step.to_body()?).await?;
        self.tell(index, step);
        Ok(())
    }

    /// A step that made something, which is kept with its checksums.
    async fn made(&self, index: usize, planned: &PlannedTable, step: TableStep, outcome: &CopyOutcome) -> Result<()> {
        let step = step.outcome(outcome);
        let entry = (TABLE_STATE, step.to_body()?);
        self.local.store.save_outcome(&self.live.run_id, &self.plan.hash, &planned.source, outcome, entry).await?;
        self.tell(index, step);
        Ok(())
    }

    fn tell(&self, index: usize, step: TableStep) {
        if let Some(table) = self.live.tables.get(index) {
            let counted = table.snapshot().bytes_done;
            table.change(|run| {
                run.state = step.state;
                run.error = step.error;
                if let Some(outcome) = step.outcome {
                    run.outcome = Some(outcome);
                }
                if step.state == TableState::Committed {
                    run.bytes_total = counted;
                }
            });
        }
        self.live.emit_table(&self.local, index);
    }
}

struct Unobserved;

impl Observer for Unobserved {
    fn bytes(&self, _more: u64) {}
    fn rows(&self, _more: u64) {}
}

/// A panic is a defect of ours in one table: it becomes that table's error.
pub(super) async fn guarded<T>(work: BoxFuture<'_, Result<T>>) -> Result<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let words = panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_string());
            Err(Error::internal("a step of this table broke off").with_cause_text(words))
        }
    }
}

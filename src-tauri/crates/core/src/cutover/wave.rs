//! What the tables of one call share: the catalogs, the hooks, the journal.

use super::told::told;
use crate::LocalState;
use crate::governance::step_metrics::{self, TableStep};
use crate::hooks::Hooks;
use crate::judge::Judge;
use crate::ledger::{CutoverStage, CutoverStep, TABLE_CUTOVER, body, last_cutover_steps};
use crate::mutex::lock;
use crate::state::now;
use crate::sync::Session;
use futures::{StreamExt, stream};
use icebridge_model::cutover::{CutoverState, CutoverTable, CutoverView, Moved};
use icebridge_model::event::Event;
use icebridge_model::hooks::{HookCall, HookDone, HookStage, HookTable};
use icebridge_model::plan::PlannedTable;
use icebridge_model::sync::SyncRequest;
use icebridge_model::view::rows;
use icebridge_model::{Error, Result, TableIdent};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

/// Events are sent at most this often.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// What the tables of one call share.
pub(super) struct Wave<'a> {
    pub session: Session<'a>,
    pub hooks: Hooks,
    /// By source table: when, and what.
    last_steps: std::sync::Mutex<HashMap<String, (String, CutoverStep)>>,
    pub judge: Mutex<Option<Judge>>,
    pub quiet: Duration,
    pub within: Duration,
    /// When the writers were stopped, by a hook.
    pub stopped_at: std::sync::OnceLock<String>,
    /// Tables whose source is quiet take their turn.
    pub turns: Semaphore,
    /// When an event was sent last.
    told: std::sync::Mutex<Option<Instant>>,
    /// What the table of metrics gets.
    steps: std::sync::Mutex<Vec<(TableIdent, String, Option<Moved>)>>,
}

impl<'a> Wave<'a> {
    /// Of the run that is named; if none is, of the one whose tables were cut over last.
    pub async fn of_moved(
        local: &'a LocalState,
        (run_id, tables): (&str, &[TableIdent]),
        hooks: &str,
        cancel: &'a CancellationToken,
    ) -> Result<Wave<'a>> {
        let last = match run_id {
            "" => local.store.last_run_with(TABLE_CUTOVER).await?.unwrap_or_default(),
            named => named.to_string(),
        };
        Self::open(local, (&last, tables), hooks, cancel).await
    }

    pub async fn open(
        local: &'a LocalState,
        (run_id, tables): (&str, &[TableIdent]),
        hooks: &str,
        cancel: &'a CancellationToken,
    ) -> Result<Wave<'a>> {
        let hooks = Hooks::read(hooks)?;
        let request = SyncRequest { run_id: run_id.into(), tables: tables.to_vec(), ..SyncRequest::default() };
        let session = Session::open(local, &request, cancel).await?;
        let turns = Semaphore::new(session.plan.settings.unmeasured_parallel_tables());
        let last_steps = std::sync::Mutex::new(last_cutover_steps(local, &session.plan.hash).await?);
        Ok(Self {
            session,
            hooks,
            last_steps,
            judge: Mutex::default(),
            quiet: Duration::ZERO,
            within: Duration::ZERO,
            stopped_at: std::sync::OnceLock::new(),
            turns,
            told: std::sync::Mutex::default(),
            steps: std::sync::Mutex::default(),
        })
    }

    /// The run's tables that are named, or all of them, each with whether the run migrated it.
    pub fn asked(&self, tables: &[TableIdent]) -> Result<Vec<(&PlannedTable, bool)>> {
        self.session.tables(&SyncRequest { tables: tables.to_vec(), ..SyncRequest::default() })
    }

    /// When, and what.
    pub fn last(&self, planned: &PlannedTable) -> Option<(String, CutoverStep)> {
        lock(&self.last_steps).get(&planned.source.to_string()).cloned()
    }

    pub fn last_step(&self, planned: &PlannedTable) -> Option<CutoverStep> {
        self.last(planned).map(|(_, step)| step)
    }

    pub fn state(&self, planned: &PlannedTable) -> CutoverState {
        self.last_step(planned).map_or(CutoverState::NotBegun, |step| step.stage.state())
    }

    pub async fn record(&self, planned: &PlannedTable, step: &CutoverStep) -> Result<()> {
        let (local, run_id, table) = (self.session.local, &self.session.run_id, planned.source.to_string());
        let entry = local.store.append(run_id, &table, TABLE_CUTOVER, body(step)?).await?;
        lock(&self.last_steps).insert(table, (entry.at.clone(), step.clone()));
        let what = match step.stage {
            CutoverStage::Moved => Some("cut_over"),
            CutoverStage::Returned => Some("moved_back"),
            CutoverStage::Finished => Some("finished"),
            _ => None,
        };
        if let Some(what) = what {
            // A table may be moved more than once.
            let state = format!("{what}, journal entry {}", entry.sequence);
            lock(&self.steps).push((planned.source.clone(), state, step.moved.clone()));
        }
        self.show(&told(planned, step, entry.at)).await
    }

    /// In the run's view.
    pub async fn show(&self, table: &CutoverTable) -> Result<()> {
        let (local, run_id) = (self.session.local, &self.session.run_id);
        let row = rows::cut_over(table, jiff::Timestamp::now().as_millisecond());
        local.store.save_run_rows(run_id, &[(table.source.clone(), row)]).await?;
        let mut last = lock(&self.told);
        if last.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            *last = Some(Instant::now());
            local.emit(Event::CutOver { run_id: run_id.clone() });
        }
        Ok(())
    }

    /// Calls the hooks of a stage for these tables. `attempt`: the key of the attempt; that of the call follows from it, the stage and
    /// the tables, so that the same call has the same key and no other one has.
    pub async fn call(
        &self,
        stage: HookStage,
        attempt: &str,
        tables: impl IntoIterator<Item = &PlannedTable>,
        done: &mut Vec<HookDone>,
    ) -> Result<()> {
        let table = |one: &PlannedTable| HookTable { source: one.source.clone(), target: one.target.clone() };
        let tables: Vec<HookTable> = tables.into_iter().map(table).collect();
        if tables.is_empty() || !self.hooks.has(stage) {
            return Ok(());
        }
        let plan = &self.session.plan;
        let named: Vec<String> = tables.iter().map(|one| one.source.to_string()).collect();
        let name = format!("icebridge hook {attempt} {} {}", stage.as_str(), named.join("\u{1f}"));
        let call = HookCall {
            version: 1,
            stage,
            key: hex::encode(&Sha256::digest(name)[..16]),
            run_id: self.session.run_id.to_string(),
            plan_hash: plan.hash.to_string(),
            source: plan.source.clone(),
            target: plan.target.clone(),
            tables,
            rehearsal: plan.settings.rehearsal_of.is_some(),
        };
        self.hooks.call(&call, done).await
    }

    /// Tells the writers of tables that are not moved, and were stopped, that they may write again. What failed of it is told, and is
    /// done again by the next call.
    pub async fn release(
        &self,
        tables: impl IntoIterator<Item = &PlannedTable>,
        done: &mut Vec<HookDone>,
    ) -> Result<()> {
        let stopped =
            |one: &&PlannedTable| self.last_step(one).is_some_and(|step| step.stopped && step.stage.is_at_source());
        let stopped: Vec<&PlannedTable> = tables.into_iter().filter(stopped).collect();
        let Some(attempt) = stopped.first().and_then(|one| self.last_step(one)).map(|step| step.key) else {
            return Ok(());
        };
        if self.call(HookStage::Release, &attempt, stopped.iter().copied(), done).await.is_err()
            || !self.hooks.has(HookStage::Release)
        {
            return Ok(());
        }
        for planned in stopped {
            if let Some(step) = self.last_step(planned) {
                self.record(planned, &CutoverStep { stopped: false, hooks: Vec::new(), ..step }).await?;
            }
        }
        Ok(())
    }

    /// What was done, also for the table of metrics.
    pub async fn end(&self, tables: Vec<CutoverTable>, hooks: Vec<HookDone>) -> CutoverView {
        let steps = std::mem::take(&mut *lock(&self.steps));
        let plan = &self.session.plan;
        let of = |source: &TableIdent| plan.tables.iter().find(|planned| planned.source == *source);
        let rows = steps.into_iter().filter_map(|(source, state, moved)| {
            let milliseconds = moved.as_ref().map(|moved| moved.downtime_ms);
            Some(TableStep { planned: of(&source)?, state, rows: moved.map(|moved| moved.rows), milliseconds })
        });
        let rows: Vec<TableStep<'_>> = rows.collect();
        step_metrics::record(self.session.local, (plan, &self.session.run_id), &rows, self.session.cancel).await;
        self.view(tables, hooks)
    }

    pub fn view(&self, mut tables: Vec<CutoverTable>, hooks: Vec<HookDone>) -> CutoverView {
        for table in &mut tables {
            // They may have been told since the table's own step.
            if let Some((_, step)) = lock(&self.last_steps).get(&table.source.to_string()) {
                table.writers_stopped = step.writers_stopped();
            }
        }
        CutoverView {
            run_id: self.session.run_id.clone(),
            source: self.session.plan.source.clone(),
            target: self.session.plan.target.clone(),
            at: now(),
            tables,
            hooks,
        }
    }

    /// In the tables' order, as many at once as a run has. To the end, whatever one of them says.
    pub async fn each<T>(&self, work: Vec<impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
        self.each_of(work, self.session.plan.settings.unmeasured_parallel_tables()).await
    }

    pub async fn each_of<T>(&self, work: Vec<impl Future<Output = Result<T>>>, at_once: usize) -> Result<Vec<T>> {
        let done: Vec<Result<T>> = stream::iter(work).buffered(at_once).collect().await;
        done.into_iter().collect()
    }
}

pub(super) fn refused(planned: &PlannedTable, message: &str, hint: &str) -> Error {
    Error::invalid(message).about(&planned.source).with_hint(hint)
}

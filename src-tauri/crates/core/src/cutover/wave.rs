//! One cut-over of several tables: what is done for all of them at once, and each table's own way in between.

use super::attempt::{self, Proven};
use super::{cancelled, look};
use crate::LocalState;
use crate::hooks::Hooks;
use crate::judge::Judge;
use crate::ledger::{CutoverStage, CutoverStep, TABLE_CUTOVER, body, last_cutover_steps};
use crate::migration::{Environment, Lakehouse};
use crate::mutex::lock;
use crate::state::now;
use crate::sync::{Session, begin_cancellable};
use futures::{StreamExt, stream};
use icebridge_metrics::Stage;
use icebridge_model::cutover::{CutoverRequest, CutoverState, CutoverTable, CutoverView};
use icebridge_model::event::Event;
use icebridge_model::hooks::{HookCall, HookDone, HookStage, HookTable};
use icebridge_model::plan::PlannedTable;
use icebridge_model::sync::SyncRequest;
use icebridge_model::view::rows;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Events are sent at most this often.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// What the tables of one call share.
pub(super) struct Wave<'a> {
    pub session: Session<'a>,
    pub hooks: Hooks,
    /// By source table: when, and what.
    pub last_steps: HashMap<String, (String, CutoverStep)>,
    pub judge: Mutex<Option<Judge>>,
    pub quiet: Duration,
    pub within: Duration,
    /// When an event was sent last.
    told: std::sync::Mutex<Option<Instant>>,
}

impl<'a> Wave<'a> {
    pub async fn open(
        local: &'a LocalState,
        (run_id, tables): (&str, &[TableIdent]),
        hooks: &str,
        cancel: &'a CancellationToken,
    ) -> Result<Wave<'a>> {
        let hooks = Hooks::read(hooks)?;
        let request = SyncRequest { run_id: run_id.into(), tables: tables.to_vec(), whole: false };
        let session = Session::open(local, &request, cancel).await?;
        let last_steps = last_cutover_steps(local, &session.plan.hash).await?;
        Ok(Self {
            session,
            hooks,
            last_steps,
            judge: Mutex::default(),
            quiet: Duration::ZERO,
            within: Duration::ZERO,
            told: std::sync::Mutex::default(),
        })
    }

    pub fn last_step(&self, planned: &PlannedTable) -> Option<&CutoverStep> {
        self.last_steps.get(&planned.source.to_string()).map(|(_, step)| step)
    }

    pub fn state(&self, planned: &PlannedTable) -> CutoverState {
        self.last_step(planned).map_or(CutoverState::NotBegun, |step| step.stage.state())
    }

    pub async fn record(&self, planned: &PlannedTable, step: &CutoverStep) -> Result<()> {
        let (local, run_id) = (self.session.local, &self.session.run_id);
        let entry = local.store.append(run_id, &planned.source.to_string(), TABLE_CUTOVER, body(step)?).await?;
        self.show(&look::told(planned, step, entry.at)).await
    }

    /// In the run's view.
    pub async fn show(&self, table: &CutoverTable) -> Result<()> {
        let (local, run_id) = (self.session.local, &self.session.run_id);
        let row = rows::cut_over(table, jiff::Timestamp::now().as_millisecond());
        local.store.save_run_rows(run_id, &[(table.source.clone(), row)]).await?;
        let mut told = lock(&self.told);
        if told.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            *told = Some(Instant::now());
            local.emit(Event::CutOver { run_id: run_id.clone() });
        }
        Ok(())
    }

    /// Calls the hooks of a stage for these tables.
    pub async fn call(
        &self,
        stage: HookStage,
        key: &str,
        tables: impl IntoIterator<Item = &PlannedTable>,
        done: &mut Vec<HookDone>,
    ) -> Result<()> {
        let table = |one: &PlannedTable| HookTable { source: one.source.clone(), target: one.target.clone() };
        let tables: Vec<HookTable> = tables.into_iter().map(table).collect();
        if tables.is_empty() || !self.hooks.has(stage) {
            return Ok(());
        }
        let plan = &self.session.plan;
        let call = HookCall {
            version: 1,
            stage,
            key: key.to_string(),
            run_id: self.session.run_id.to_string(),
            plan_hash: plan.hash.to_string(),
            source: plan.source.clone(),
            target: plan.target.clone(),
            tables,
        };
        self.hooks.call(&call, done).await
    }

    pub fn view(&self, tables: Vec<CutoverTable>, hooks: Vec<HookDone>) -> CutoverView {
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
        let at_once = self.session.plan.settings.max_parallel_tables.max(1);
        let done: Vec<Result<T>> = stream::iter(work).buffered(at_once).collect().await;
        done.into_iter().collect()
    }
}

/// Moves the tables that are not moved yet; others are told as they stand. A table that fails stops no other. An error means that nothing
/// could be begun, that the journal could not be written, or that it was cancelled.
pub async fn run(local: &LocalState, request: &CutoverRequest, cancel: &CancellationToken) -> Result<CutoverView> {
    let _lock = local.store.lock().await?;
    let cancel = begin_cancellable(local, cancel);
    local.store.check_journal().await?;
    let _at_work = local.metrics.stage(Stage::Cutover);
    let mut wave = Wave::open(local, (&request.run_id, &request.tables), &request.hooks, &cancel).await?;
    wave.quiet = Duration::from_secs(request.quiet_seconds);
    wave.within = Duration::from_secs(request.within_seconds.max(request.quiet_seconds));
    if let Some(kind) = request.judge {
        let session = &wave.session;
        let client = Lakehouse.client(local, &session.plan.target).await?;
        let judge = Judge::start(kind, &session.plan, session.target.spec(), client, &cancel).await?;
        wave.judge = Mutex::new(Some(judge));
    }
    let asked = wave.session.tables(&SyncRequest { tables: request.tables.clone(), ..SyncRequest::default() })?;
    let mut hooks = Vec::new();
    let tables = move_all(&wave, &asked, &mut hooks).await?;
    Ok(wave.view(tables, hooks))
}

/// A table that can be moved, and what was proved of it while its writers still wrote.
type Ready<'a> = (&'a PlannedTable, Proven);

async fn move_all(
    wave: &Wave<'_>,
    asked: &[(&PlannedTable, bool)],
    hooks: &mut Vec<HookDone>,
) -> Result<Vec<CutoverTable>> {
    let mut told: HashMap<&TableIdent, CutoverTable> = HashMap::new();
    let (mut moving, mut to_move) = (Vec::new(), Vec::new());
    for &(planned, migrated) in asked {
        match wave.state(planned) {
            CutoverState::Moving => moving.push(planned),
            CutoverState::OnProbation | CutoverState::Finished | CutoverState::Returning => {
                told.insert(&planned.source, look::as_it_stands(wave, planned, migrated));
            }
            _ if !migrated => {
                told.insert(&planned.source, look::as_it_stands(wave, planned, migrated));
            }
            _ => to_move.push(planned),
        }
    }
    let resumed = moving.iter().map(|planned| attempt::resume(wave, planned)).collect();
    told.extend(wave.each(resumed).await?.into_iter().map(|(planned, table)| (&planned.source, table)));

    let key = key_of(wave, &to_move);
    let prepared = to_move.iter().map(|planned| attempt::prepare(wave, planned, &key)).collect();
    let mut ready: Vec<Ready<'_>> = Vec::new();
    for (planned, prepared) in to_move.iter().copied().zip(wave.each(prepared).await?) {
        match prepared {
            Ok(proven) => ready.push((planned, proven)),
            Err(table) => drop(told.insert(&planned.source, *table)),
        }
    }
    told.extend(stop_and_move(wave, &key, ready, hooks).await?);
    Ok(asked.iter().filter_map(|(planned, _)| told.remove(&planned.source)).collect())
}

/// From the announcement on.
async fn stop_and_move<'a>(
    wave: &Wave<'_>,
    key: &str,
    ready: Vec<Ready<'a>>,
    hooks: &mut Vec<HookDone>,
) -> Result<Vec<(&'a TableIdent, CutoverTable)>> {
    let all = || ready.iter().map(|(planned, _)| *planned);
    let mut stopped = wave.call(HookStage::Announce, key, all(), hooks).await;
    if stopped.is_ok() {
        for planned in all() {
            wave.record(planned, &attempt::step(planned, CutoverStage::Announced, key)).await?;
        }
        stopped = wave.call(HookStage::Quiesce, key, all(), hooks).await;
    }
    if stopped.is_ok() && wave.session.cancel.is_cancelled() {
        stopped = Err(cancelled());
    }
    let moved = match stopped {
        Ok(()) => {
            let work = ready.iter().map(|(planned, proven)| attempt::take(wave, planned, key, proven)).collect();
            wave.each(work).await?
        }
        Err(error) => {
            let mut failed = Vec::new();
            for planned in all() {
                failed.push(attempt::failed(wave, planned, key, error.clone(), Vec::new()).await?);
            }
            failed
        }
    };
    let left = ready.iter().zip(&moved).filter(|(_, table)| !table.state.is_moved());
    // What failed of it is told; the tables are where they were.
    let _ = wave.call(HookStage::Release, key, left.map(|((planned, _), _)| *planned), hooks).await;
    if moved.iter().any(|table| table.error.as_ref().is_some_and(|error| error.code == Code::Cancelled)) {
        return Err(cancelled());
    }
    Ok(ready.iter().map(|(planned, _)| &planned.source).zip(moved).collect())
}

/// Of an attempt that its process did not end: hooks know it by its key.
fn key_of(wave: &Wave<'_>, tables: &[&PlannedTable]) -> String {
    let last = |planned: &&PlannedTable| {
        wave.last_step(planned).filter(|step| step.stage.state() == CutoverState::Begun).map(|step| step.key.clone())
    };
    let mut keys = tables.iter().map(last);
    match keys.next() {
        Some(Some(first)) if keys.all(|key| key.as_ref() == Some(&first)) => first,
        _ => uuid::Uuid::new_v4().to_string(),
    }
}

pub(super) fn refused(planned: &PlannedTable, message: &str, hint: &str) -> Error {
    Error::invalid(message).about(&planned.source).with_hint(hint)
}

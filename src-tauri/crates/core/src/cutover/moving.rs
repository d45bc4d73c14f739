//! One cut-over of several tables: what is done for all of them at once, and each table's own way in between.

use super::at_work::AtWork;
use super::attempt::{self, Proven};
use super::cancelled;
use super::freeze;
use super::look::as_it_stands;
use super::wave::{Wave, refused};
use crate::LocalState;
use crate::approval;
use crate::judge::Judge;
use crate::ledger::{CUTOVER_APPROVED, CutoverApproved, CutoverStage, CutoverStep, body};
use crate::migration::{Environment, Lakehouse};
use crate::state::now;
use icebridge_model::cutover::{CutoverRequest, CutoverState, CutoverTable, CutoverView};
use icebridge_model::hooks::{HookDone, HookStage};
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Result, TableIdent};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Sources that are looked at side by side.
const QUIET_AT_ONCE: usize = 256;

/// Moves the tables that are not moved yet; others are told as they stand. A table that fails stops no other. An error means that nothing
/// could be begun, that the journal could not be written, or that it was cancelled.
#[tracing::instrument(name = "cutover", skip_all, fields(run, command = "move"))]
pub async fn run(local: &LocalState, request: &CutoverRequest, cancel: &CancellationToken) -> Result<CutoverView> {
    let at_work = AtWork::begin(local, cancel).await?;
    let mut wave = Wave::open(local, (&request.run_id, &request.tables), &request.hooks, &at_work.cancel).await?;
    freeze::refuse(&wave.session.plan).map_err(|e| e.about(wave.session.plan.short_hash()))?;
    if let Some(approved) = approval::require(local, &wave.session.plan).await? {
        let began = CutoverApproved { approved, change: wave.session.plan.settings.change.clone() };
        local.store.append(&wave.session.run_id, "", CUTOVER_APPROVED, body(&began)?).await?;
    }
    wave.quiet = Duration::from_secs(request.quiet_seconds);
    wave.within = Duration::from_secs(request.within_seconds.max(request.quiet_seconds));
    if let Some(kind) = request.judge {
        let session = &wave.session;
        let client = Lakehouse.client(local, &session.plan.target).await?;
        let judge = Judge::start(kind, &session.plan, session.target.spec(), client, &at_work.cancel).await?;
        wave.judge = Mutex::new(Some(judge));
    }
    let asked = wave.asked(&request.tables)?;
    let mut hooks = Vec::new();
    let tables = move_all(&wave, &asked, &mut hooks).await?;
    Ok(wave.end(tables, hooks).await)
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
    let needs_hooks = |planned: &PlannedTable| {
        let begun = wave.last_step(planned).filter(|step| step.stage.state() == CutoverState::Moving);
        begun.is_some_and(|step| step.moved.is_some_and(|moved| !moved.moved_by.is_empty()))
            && !wave.hooks.has(HookStage::Move)
    };
    if let Some((planned, _)) = asked.iter().find(|(planned, _)| needs_hooks(planned)) {
        return Err(refused(
            planned,
            "the table is being moved by a hook, and no hook is given",
            "Name the hooks file, by --hooks.",
        ));
    }
    for &(planned, migrated) in asked {
        match wave.state(planned) {
            CutoverState::Moving => moving.push(planned),
            CutoverState::OnProbation | CutoverState::Finished | CutoverState::Returning => {
                told.insert(&planned.source, as_it_stands(wave, planned, migrated));
            }
            _ if !migrated => {
                let error = wave.session.not_proved(planned).await?;
                told.insert(&planned.source, CutoverTable { error, ..as_it_stands(wave, planned, migrated) });
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
    let moved = stop_and_move(wave, &key, ready, hooks).await;
    // Also of tables that an earlier call left stopped.
    wave.release(asked.iter().map(|(planned, _)| *planned), hooks).await?;
    told.extend(moved?);
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
    let mut stopped = call_unless_frozen(wave, (HookStage::Announce, key), all(), hooks).await;
    if stopped.is_ok() {
        let by_hook = wave.hooks.has(HookStage::Quiesce);
        // Those who were told to stop are told when they need not: also where people stop the writers.
        let to_release = by_hook || wave.hooks.has(HookStage::Release);
        for planned in all() {
            let step = attempt::step(wave, planned, CutoverStage::Announced, key);
            wave.record(planned, &CutoverStep { stopped: step.stopped || to_release, ..step }).await?;
        }
        stopped = call_unless_frozen(wave, (HookStage::Quiesce, key), all(), hooks).await;
        if by_hook && stopped.is_ok() {
            // It is set once.
            let _ = wave.stopped_at.set(now());
        }
    }
    if stopped.is_ok() && wave.session.cancel.is_cancelled() {
        stopped = Err(cancelled());
    }
    let moved = match stopped {
        Ok(()) => {
            let work = ready.iter().map(|(planned, proven)| attempt::take(wave, planned, key, proven)).collect();
            // They wait for quiet side by side; the work that follows goes by turns.
            wave.each_of(work, QUIET_AT_ONCE).await?
        }
        Err(error) => {
            let mut failed = Vec::new();
            for planned in all() {
                failed.push(attempt::failed(wave, planned, key, error.clone(), Vec::new()).await?);
            }
            failed
        }
    };
    if moved.iter().any(|table| table.error.as_ref().is_some_and(|error| error.code == Code::Cancelled)) {
        return Err(cancelled());
    }
    Ok(ready.iter().map(|(planned, _)| &planned.source).zip(moved).collect())
}

/// What came before may have taken hours: nobody is told, or stopped, while nothing may be moved.
async fn call_unless_frozen(
    wave: &Wave<'_>,
    (stage, key): (HookStage, &str),
    tables: impl IntoIterator<Item = &PlannedTable>,
    hooks: &mut Vec<HookDone>,
) -> Result<()> {
    freeze::refuse(&wave.session.plan)?;
    wave.call(stage, key, tables, hooks).await
}

/// Of an attempt that its process did not end: hooks know their calls by it.
fn key_of(wave: &Wave<'_>, tables: &[&PlannedTable]) -> String {
    let begun = |planned: &&PlannedTable| {
        wave.last_step(planned).filter(|step| step.stage.state() == CutoverState::Begun).map(|step| step.key)
    };
    // Under a key that a table has come to its end with, its hooks would take the next call for one that is made again.
    let is_over = |key: &String| {
        let last = |planned: &&PlannedTable| wave.last_step(planned);
        tables.iter().filter_map(last).any(|step| step.stage.is_at_source() && step.key == *key)
    };
    let mut keys = tables.iter().filter_map(begun);
    match keys.next() {
        Some(first) if keys.all(|key| key == first) && !is_over(&first) => first,
        _ => uuid::Uuid::new_v4().to_string(),
    }
}

//! A plan rehearsed: run, sync, move, check and way back, on a schema and in a state of their own, with the time that each took.
//!
//! It is the journey's own code on a plan that differs in its targets. Nothing of it is a run of this state: the latest run, a table's
//! history and the target's tables stay what they are.

mod at_present;
mod own_plan;
mod own_state;

use crate::LocalState;
use crate::hooks::Hooks;
use crate::ledger::{PLAN_REHEARSED, body};
use crate::migration::{Environment, Lakehouse};
use crate::state::now;
use crate::{cutover, migration, plan, sync};
use icebridge_model::cutover::{CutoverRequest, CutoverState, CutoverTables, CutoverView};
use icebridge_model::ids::{PlanHash, RunId};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::rehearsal::{Rehearsal, RehearsalRequest, RehearsedSteps, RehearsedTable};
use icebridge_model::run::{RunView, TableState};
use icebridge_model::sync::{SyncRequest, SyncView};
use icebridge_model::validation::ProofLevel;
use icebridge_model::{Code, Error, Result, TableIdent};
use std::future::Future;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// A source that is written to all the time is moved in a moment between two writes.
const WITHIN_SECONDS: u64 = 60;

/// A table that fails at one step is left out of the next ones, and stops no other.
pub async fn rehearse(local: &LocalState, request: &RehearsalRequest, cancel: &CancellationToken) -> Result<Rehearsal> {
    // What is wrong with it is told before anything is copied.
    Hooks::read(&request.hooks)?;
    let plan = plan::read(&request.plan).await?;
    let began_at = now();
    let schema = own_plan::schema(&request.schema, &began_at)?;
    let own = own_plan::make(&plan, &request.tables, &schema)?;
    if !request.schema.is_empty() {
        refuse_schema_in_use(local, &own, &schema).await?;
    }
    let own = at_present::pinned(local, own).await?;
    let state = own_state::open(local, &own, &schema).await?;
    let steps = Steps { state: &state, request, cancel };
    let done = match steps.all(&own).await {
        Ok(done) => done,
        Err(error) => return Err(broken_off(&state, &schema, error).await),
    };
    let made = Rehearsal {
        plan_hash: plan.hash.clone(),
        state_folder: state.state_dir.display().to_string(),
        target: plan.target.clone(),
        schema,
        began_at,
        ended_at: now(),
        ..done
    };
    keep(local, &plan.hash, &made).await?;
    Ok(made)
}

/// Runs that begin later write it into their own journal when they do.
async fn keep(local: &LocalState, plan_hash: &PlanHash, made: &Rehearsal) -> Result<()> {
    local.store.append("", "", PLAN_REHEARSED, body(made)?).await?;
    for run_id in local.store.runs_of_plan(plan_hash).await? {
        local.store.append(&run_id, "", PLAN_REHEARSED, body(made)?).await?;
    }
    Ok(())
}

/// Whoever drops the rehearsal's schema would drop what others keep there.
async fn refuse_schema_in_use(local: &LocalState, own: &Plan, schema: &str) -> Result<()> {
    let target = Lakehouse.target(local, &own.target).await?;
    let is_it = |namespace: &[String]| namespace.last().is_some_and(|name| name.to_lowercase() == schema);
    if !target.namespaces().await?.iter().any(|namespace| is_it(namespace)) {
        return Ok(());
    }
    let tables = target.tables().await?;
    match tables.iter().find(|table| is_it(&table.namespace)) {
        None => Ok(()),
        Some(table) => Err(Error::invalid("the schema has tables, and a rehearsal takes one of its own")
            .about(table)
            .with_hint("Name a schema that is not there, or has no table; or none.")),
    }
}

/// Says where it has left off; a state without a run is taken back.
async fn broken_off(state: &LocalState, schema: &str, error: Error) -> Error {
    let folder = state.state_dir.display();
    match state.store.latest_run().await {
        Ok(None) => {
            own_state::take_back(state).await;
            error
        }
        _ => Error {
            hint: Some(format!(
                "What was copied so far stays in the schema {schema} of the target, to be dropped there. `icebridge --state {folder} cutover \
                 look` shows whether a table was moved, and `back` moves it back. Then rehearse in another schema."
            )),
            ..error
        },
    }
}

struct Steps<'a> {
    /// The rehearsal's own.
    state: &'a LocalState,
    request: &'a RehearsalRequest,
    cancel: &'a CancellationToken,
}

impl Steps<'_> {
    async fn all(&self, own: &Plan) -> Result<Rehearsal> {
        let (mut milliseconds, mut hooks) = (RehearsedSteps::default(), Vec::new());
        let run = timed(&mut milliseconds.run, self.run(own)).await?;
        let run_id = run.run_id.clone();
        let mut tables: Vec<RehearsedTable> = own.tables.iter().map(|planned| begun(planned, &run)).collect();
        let some = |tables: &[RehearsedTable]| -> Vec<TableIdent> {
            tables.iter().filter(|table| table.error.is_none()).map(|table| table.source.clone()).collect()
        };
        let left = some(&tables);
        if !left.is_empty() {
            let synced = timed(&mut milliseconds.sync, self.sync(&run_id, left)).await?;
            note(&mut tables, synced.tables.into_iter().map(|one| (one.source, one.error)));
        }
        let left = some(&tables);
        let mut to_go_back = Vec::new();
        if !left.is_empty() {
            let moved = timed(&mut milliseconds.moved, self.moved(&run_id, left)).await?;
            hooks.extend(moved.hooks.iter().cloned());
            for table in moved.tables.iter().filter(|table| table.state.is_moved()) {
                to_go_back.push(table.source.clone());
                let Some(mine) = tables.iter_mut().find(|mine| mine.source == table.source) else { continue };
                if let (CutoverState::OnProbation, Some(moved)) = (table.state, &table.moved) {
                    (mine.rows, mine.proof) = (moved.rows, moved.proof);
                    mine.downtime_ms = Some(moved.downtime_ms);
                }
            }
            note(&mut tables, not_in(moved, CutoverState::OnProbation));
        }
        if !to_go_back.is_empty() {
            let asked = CutoverTables {
                run_id: run_id.clone(),
                tables: to_go_back,
                hooks: self.request.hooks.clone(),
                ..CutoverTables::default()
            };
            let checked = timed(&mut milliseconds.check, cutover::check(self.state, &asked, self.cancel)).await?;
            note(&mut tables, checked.tables.into_iter().map(|one| (one.source, one.error)));
            let back = timed(&mut milliseconds.back, cutover::back(self.state, &asked, self.cancel)).await?;
            for table in back.tables.iter().filter(|table| table.state == CutoverState::NotBegun) {
                if let Some(mine) = tables.iter_mut().find(|mine| mine.source == table.source) {
                    mine.went_back = true;
                }
            }
            hooks.extend(back.hooks.iter().cloned());
            note(&mut tables, not_in(back, CutoverState::NotBegun));
        }
        Ok(Rehearsal {
            plan_hash: PlanHash::default(),
            run_id,
            state_folder: String::new(),
            target: String::new(),
            schema: String::new(),
            began_at: String::new(),
            ended_at: String::new(),
            milliseconds,
            tables,
            hooks,
        })
    }

    async fn run(&self, own: &Plan) -> Result<RunView> {
        let run = migration::start(self.state, &own.to_text()?).await?;
        let ended = {
            let cancelling = run.canceller();
            let waiting = run.wait();
            tokio::pin!(waiting);
            tokio::select! {
                ended = &mut waiting => ended,
                () = self.cancel.cancelled() => {
                    cancelling.cancel();
                    waiting.await
                }
            }
        };
        match self.cancel.is_cancelled() {
            true => Err(Error::new(Code::Cancelled, "the rehearsal was cancelled")),
            false => ended,
        }
    }

    async fn sync(&self, run_id: &RunId, tables: Vec<TableIdent>) -> Result<SyncView> {
        let request = SyncRequest { run_id: run_id.clone(), tables, ..SyncRequest::default() };
        sync::round(self.state, &request, self.cancel).await
    }

    async fn moved(&self, run_id: &RunId, tables: Vec<TableIdent>) -> Result<CutoverView> {
        let request = CutoverRequest {
            run_id: run_id.clone(),
            tables,
            quiet_seconds: 0,
            within_seconds: WITHIN_SECONDS,
            judge: None,
            hooks: self.request.hooks.clone(),
        };
        cutover::run(self.state, &request, self.cancel).await
    }
}

async fn timed<T>(milliseconds: &mut u64, work: impl Future<Output = Result<T>>) -> Result<T> {
    let began = Instant::now();
    let done = Box::pin(work).await;
    *milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    done
}

fn begun(planned: &PlannedTable, run: &RunView) -> RehearsedTable {
    let copied = run.tables.iter().find(|table| table.source == planned.source);
    let validation = copied.and_then(|table| table.validation.as_ref());
    let is_migrated = copied.is_some_and(|table| table.state == TableState::Migrated);
    let why = || copied.and_then(|table| table.error.clone()).unwrap_or_else(|| not_done("it was not copied"));
    RehearsedTable {
        source: planned.source.clone(),
        target: planned.target.clone(),
        rows: validation.map_or(0, |one| one.rows),
        bytes: copied.map_or(0, |table| table.bytes_done),
        proof: validation.map_or(ProofLevel::None, |one| one.proof),
        downtime_ms: None,
        went_back: false,
        error: (!is_migrated).then(why),
    }
}

fn not_done(what: &str) -> Error {
    Error::new(Code::RunFailed, what)
}

/// The first error of a table stays.
fn note(tables: &mut [RehearsedTable], found: impl IntoIterator<Item = (TableIdent, Option<Error>)>) {
    for (source, error) in found {
        if let Some(mine) = tables.iter_mut().find(|mine| mine.source == source && mine.error.is_none()) {
            mine.error = error;
        }
    }
}

/// Also of a table that is there, and something went wrong on its way.
fn not_in(view: CutoverView, wanted: CutoverState) -> impl Iterator<Item = (TableIdent, Option<Error>)> {
    view.tables.into_iter().map(move |table| {
        let error = match table.error {
            None if table.state != wanted => Some(not_done("it did not come where this step takes it")),
            None if table.writers_stopped && wanted == CutoverState::NotBegun => {
                Some(Error::new(Code::HookFailed, "nobody has told its writers that they may write again"))
            }
            error => error,
        };
        (table.source, error)
    })
}

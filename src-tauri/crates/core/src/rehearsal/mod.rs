//! A plan rehearsed: run, sync, move, check and way back, on a schema and in a state of their own, with the time that each took.
//!
//! It is the journey's own code on a plan that differs in its targets. Nothing of it is a run of this state: the latest run, a table's
//! history and the target's tables stay what they are.

mod at_present;
mod own_plan;
pub(crate) mod own_state;
mod tables;

use crate::LocalState;
use crate::hooks::Hooks;
use crate::ledger::{PLAN_REHEARSED, body, find_run, moved_states, plan_of};
use crate::migration::{Environment, Lakehouse};
use crate::state::now;
use crate::{cutover, migration, plan, sync};
use icebridge_model::cutover::{CutoverRequest, CutoverState, CutoverTables, CutoverView};
use icebridge_model::hooks::HookDone;
use icebridge_model::ids::{PlanHash, RunId};
use icebridge_model::plan::Plan;
use icebridge_model::rehearsal::{Rehearsal, RehearsalOf, RehearsalRequest, RehearsedSteps};
use icebridge_model::run::RunView;
use icebridge_model::sync::{SyncRequest, SyncView};
use icebridge_model::{Code, Error, Result, TableIdent};
use std::future::Future;
use std::time::Instant;
use tables::{Tables, not_in};
use tokio_util::sync::CancellationToken;

/// A source that is written to all the time is moved in a moment between two writes.
const WITHIN_SECONDS: u64 = 60;

/// A table that fails at one step is left out of the next ones, and stops no other.
pub async fn rehearse(local: &LocalState, request: &RehearsalRequest, cancel: &CancellationToken) -> Result<Rehearsal> {
    // What is wrong with it is told before anything is copied.
    Hooks::read(&request.hooks)?;
    let plan = match &request.of {
        RehearsalOf::Plan(path) => plan::read(path).await?,
        RehearsalOf::Run(run_id) => plan_of(&find_run(local, run_id).await?)?,
    };
    let began_at = now();
    let schema = own_plan::schema(&request.schema, &began_at)?;
    let own = own_plan::make(&plan, &request.tables, &schema)?;
    if !request.hooks.is_empty() {
        refuse_moved(local, &plan.hash, &own).await?;
    }
    if !request.schema.is_empty() {
        refuse_schema_in_use(local, &own, &schema).await?;
    }
    let (own, newer) = at_present::pinned(local, own).await?;
    let state = own_state::open(local, &own, &schema).await?;
    let steps = Steps { state: &state, request, cancel };
    let done = match steps.take(&own).await {
        Ok(done) => done,
        Err(error) => return Err(broken_off(&state, &schema, error).await),
    };
    let mut tables = done.tables.all;
    for table in &mut tables {
        table.is_newer = newer.contains(&table.source);
    }
    let made = Rehearsal {
        plan_hash: plan.hash.clone(),
        run_id: done.run_id,
        state_folder: state.state_dir.display().to_string(),
        target: plan.target.clone(),
        schema,
        began_at,
        ended_at: now(),
        milliseconds: done.milliseconds,
        tables,
        hooks: done.hooks,
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

/// A hook that does not look whether it is a rehearsal would move back who was moved.
async fn refuse_moved(local: &LocalState, plan_hash: &PlanHash, own: &Plan) -> Result<()> {
    let moved = moved_states(local, plan_hash).await?;
    match own.tables.iter().find(|planned| moved.contains_key(&planned.source.to_string())) {
        None => Ok(()),
        Some(planned) => {
            Err(Error::new(Code::CutOver, "the table is cut over, and hooks of a rehearsal would be called for it")
                .about(&planned.source)
                .with_hint("Rehearse without --hooks, or name by --table those that are not cut over."))
        }
    }
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
                 look` shows whether a table was moved, and `back`, with the hooks file, moves it back. Then rehearse in another schema."
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

/// What came of the steps.
struct Done {
    run_id: RunId,
    milliseconds: RehearsedSteps,
    tables: Tables,
    hooks: Vec<HookDone>,
}

impl Steps<'_> {
    async fn take(&self, own: &Plan) -> Result<Done> {
        let (mut milliseconds, mut hooks) = (RehearsedSteps::default(), Vec::new());
        let run = timed(&mut milliseconds.run, self.run(own)).await?;
        let run_id = run.run_id.clone();
        let mut tables = Tables::of(own, run);
        let left = tables.left();
        if !left.is_empty() {
            let synced = timed(&mut milliseconds.sync, self.sync(&run_id, left)).await?;
            tables.note(synced.tables.into_iter().map(|one| (one.source, one.error)));
        }
        let left = tables.left();
        let mut to_go_back = Vec::new();
        if !left.is_empty() {
            let moved = timed(&mut milliseconds.moved, self.moved(&run_id, left)).await?;
            to_go_back = tables.moved(&moved);
            hooks.extend(moved.hooks.iter().cloned());
            tables.note(not_in(moved, CutoverState::OnProbation));
        }
        if !to_go_back.is_empty() {
            let asked = CutoverTables {
                run_id: run_id.clone(),
                tables: to_go_back,
                hooks: self.request.hooks.clone(),
                ..CutoverTables::default()
            };
            let checked = timed(&mut milliseconds.check, cutover::check(self.state, &asked, self.cancel)).await?;
            tables.note(checked.tables.into_iter().map(|one| (one.source, one.error)));
            let back = timed(&mut milliseconds.back, cutover::back(self.state, &asked, self.cancel)).await?;
            tables.went_back(&back);
            hooks.extend(back.hooks.iter().cloned());
            tables.note(not_in(back, CutoverState::NotBegun));
        }
        Ok(Done { run_id, milliseconds, tables, hooks })
    }

    async fn run(&self, own: &Plan) -> Result<RunView> {
        let run = migration::start(self.state, &own.to_text()?).await?;
        let ended = {
            let token = run.token();
            let waiting = run.wait();
            tokio::pin!(waiting);
            tokio::select! {
                ended = &mut waiting => ended,
                () = self.cancel.cancelled() => {
                    token.cancel();
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

//! Runs beginning: one-time runs, and runs of jobs.

use crate::base::{Fields, Refusal, Shared};
use crate::jobs::{Begun, JobsState, RunRequest, Terms};
use crate::runner::{Runner, drive};
use crate::state::{Common, Principal};
use crate::web::{Answer, Caller};
use axum::Json;
use axum::extract::State;
use serde_json::json;

pub async fn submit(State(runner): State<Runner>, caller: Caller, fields: Fields) -> Answer {
    let id = runner.common.ids.number();
    let request = on_terms(&runner.common, &runner.jobs, &caller, |terms| RunRequest::one_time(&fields, id, terms))?;
    let run = begin(&runner, &caller, request)?;
    Ok(Json(json!({"run_id": run})))
}

pub async fn run_now(State(runner): State<Runner>, caller: Caller, fields: Fields) -> Answer {
    let job_id = u64::try_from(fields.must_int("job_id")?).unwrap_or_default();
    let settings = runner.jobs.lock().job(job_id)?.settings.clone();
    let settings = Fields(settings.as_object().cloned().unwrap_or_default());
    let make = |terms: &Terms<'_>| RunRequest::of_job(&fields, job_id, &settings, terms);
    let run = begin(&runner, &caller, on_terms(&runner.common, &runner.jobs, &caller, make)?)?;
    Ok(Json(json!({"run_id": run, "number_in_job": run})))
}

/// What `check` says on the terms of the workspace as it is.
pub fn on_terms<T>(
    common: &Common,
    jobs: &Shared<JobsState>,
    caller: &Principal,
    check: impl FnOnce(&Terms<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let behaviour = common.settings.lock().behaviour.clone();
    let policies = jobs.lock().policies.clone();
    let principals = common.principals.lock();
    check(&Terms { behaviour: &behaviour, principals: &principals, caller, policies: &policies })
}

fn begin(runner: &Runner, caller: &Caller, request: RunRequest) -> Result<u64, Refusal> {
    let counts = &runner.common.counts;
    counts.submissions.add_one();
    let max_of_job = request.max_of_job;
    let max_runs = runner.common.settings.lock().max_runs;
    let begun = runner.jobs.lock().begin(request, &caller.name, max_runs, &runner.common.ids, runner.common.now())?;
    match begun {
        Begun::New(id) => {
            counts.runs_started.add_one();
            tokio::spawn(drive(runner.clone(), id, max_of_job));
        }
        Begun::Repeated(_) => counts.submissions_repeated.add_one(),
        Begun::Skipped(_) => {}
    }
    Ok(begun.run())
}

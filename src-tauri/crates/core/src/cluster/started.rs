//! Started: the run was asked for, once, and its id is known.
//!
//! Its token is made of nothing but plan, step and attempt. So a run that was asked for and whose answer was lost, to the
//! network or to the end of this process, is found in two ways: by its name among the runs, and by the token, with which
//! asking again gives the same run.
//!
//! Whether a workspace offers serverless compute, no call says: a refusal by the code for that leads to the clusters that the
//! record has in store. It is written down before anything else is asked for, and the token stays the same.

use super::job_made;
use super::patience::cancelled;
use super::record::{StepRecord, StepState};
use super::requests;
use super::step::StepContext;
use futures::TryStreamExt;
use icebridge_databricks::Client;
use icebridge_databricks::jobs::{Run, RunFilter, Stage};
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;

/// The workspace's clock and ours need not agree: a run is looked for from this long before its intention was written.
const MAX_CLOCK_DIFFERENCE_MS: i64 = 24 * 3_600_000;

pub(super) async fn start(record: &mut StepRecord, context: &StepContext<'_>) -> Result<()> {
    let found = if context.resumed { find(record, context).await? } else { None };
    let job_run_id = match found {
        Some(job_run_id) => job_run_id,
        None if context.cancel.is_cancelled() => return Err(cancelled()),
        None => match asked(record, context).await {
            Ok(job_run_id) => job_run_id,
            // Whatever the reason: an earlier attempt at this very request may have been accepted.
            Err(error) => match find(record, context).await {
                Ok(Some(job_run_id)) => job_run_id,
                Ok(None) if error.code == Code::Unsupported && record.fall_back(why(&error), None) => {
                    return context.reach(record, StepState::Prepared).await;
                }
                _ => return Err(explained(error, record)),
            },
        },
    };
    record.job_run_id = Some(job_run_id);
    context.reach(record, StepState::Started).await
}

/// The workspace's own words.
fn why(error: &Error) -> String {
    error.causes.first().unwrap_or(&error.message).clone()
}

/// A refusal by another code may be one of serverless compute all the same; a person can tell.
fn explained(mut error: Error, record: &StepRecord) -> Error {
    let refused = matches!(error.code, Code::WorkspaceRefused | Code::AccessDenied | Code::Unsupported);
    if refused && record.is_serverless() && record.else_cluster.is_some() {
        let ours =
            "If the workspace has no serverless compute, make the plan with `--compute classic`: it asks for clusters.";
        error.hint = Some(error.hint.map_or_else(|| ours.to_owned(), |hint| format!("{hint} {ours}")));
    }
    error
}

/// Unless the spend cap is reached.
async fn asked(record: &StepRecord, context: &StepContext<'_>) -> Result<i64> {
    context.may_spend()?;
    request(record, context).await
}

async fn request(record: &StepRecord, context: &StepContext<'_>) -> Result<i64> {
    let StepContext { client, patience, .. } = context;
    let token = record.token();
    match (record.needs_job(), record.job_id) {
        (false, _) => {
            let submission = requests::submission(record);
            let submit = || async { Ok(client.submit_run(&submission, &token).await?.value.get()) };
            patience.ask(Some(context.cancel), submit).await
        }
        (true, Some(job)) => {
            let parameters = BTreeMap::new();
            let run = || async { Ok(client.run_job(job, &parameters, &token).await?.value.get()) };
            patience.ask(Some(context.cancel), run).await
        }
        (true, None) => Err(Error::internal("the record of a step has no job").about(&record.step)),
    }
}

/// The check: the run of this step, if the workspace has one.
pub(super) async fn find(record: &mut StepRecord, context: &StepContext<'_>) -> Result<Option<i64>> {
    let StepContext { client, patience, .. } = context;
    let filter = if record.needs_job() {
        record.job_id = job_made::find(record, context).await?;
        // Without a job there is no run of it.
        let Some(job) = record.job_id else { return Ok(None) };
        RunFilter { job_id: Some(job.into()), ..RunFilter::default() }
    } else {
        let intended = record.intended_at.parse::<jiff::Timestamp>().ok();
        let started_from = intended.map(|at| at.as_millisecond() - MAX_CLOCK_DIFFERENCE_MS);
        RunFilter { one_time_only: true, started_from, ..RunFilter::default() }
    };
    let run_name = record.run_name.as_str();
    match patience.ask(None, || first_named(client, &filter, run_name)).await {
        Ok(run) => Ok(run.map(|run| run.run_id.get())),
        // The job was deleted together with what is known of its runs. A refusal says that in the way of any wrong value.
        Err(error) if error.code == Code::ObjectNotFound => Ok(None),
        Err(error) if error.code == Code::WorkspaceRefused && filter.job_id.is_some() => {
            let there = patience.ask(None, || client.job_named(run_name)).await?;
            if there.is_some() { Err(error) } else { Ok(None) }
        }
        Err(error) => Err(error),
    }
}

async fn first_named(client: &Client, filter: &RunFilter, name: &str) -> Result<Option<Run>> {
    let mut runs = client.runs(filter);
    let mut found = None;
    while let Some(run) = runs.try_next().await? {
        // The newest come first. If there were two, the first that was made is the one that the token leads to.
        if run.run_name.as_deref() == Some(name) {
            found = Some(run);
        }
    }
    Ok(found)
}

/// The undo: asks the workspace to end the run. It is over only when the workspace says so.
pub(super) async fn stop(record: &StepRecord, job_run_id: i64, context: &StepContext<'_>) -> Result<()> {
    let StepContext { client, patience, .. } = context;
    let Err(error) = patience.ask(None, || client.cancel_run(job_run_id)).await else { return Ok(()) };
    tracing::warn!(step = record.step, %error, "the run could not be cancelled");
    // It may have ended by itself in this moment.
    let run = patience.ask(None, || client.run(job_run_id)).await?;
    match run.is_some_and(|run| !matches!(run.stage(), Stage::Over(_))) {
        true => Err(error),
        false => Ok(()),
    }
}

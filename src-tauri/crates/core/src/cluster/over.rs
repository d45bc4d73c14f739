//! Over: the run has ended, and the record has what came of each table.
//!
//! Whether it already happened, the workspace says: a run that ended long ago is followed for one look. There is no undo.

use super::follow::{self, Ended, follow};
use super::judge::{self, Evidence, Output, RunEnd};
use super::record::{StepRecord, StepState};
use super::result_file::Left;
use super::step::StepContext;
use super::{checks, result_file};
use icebridge_databricks::jobs::{Outcome, RunTask, Stage, TerminationCode};
use icebridge_model::photon::{ClusterResult, CopyEnd};
use icebridge_model::{Error, Result};

pub(super) async fn finish(record: &mut StepRecord, context: &StepContext<'_>) -> Result<()> {
    let job_run_id = record
        .job_run_id
        .ok_or_else(|| Error::internal("the record of a started run has no run id").about(&record.step))?;
    let ended = follow(record, job_run_id, context).await?;
    record.milliseconds = ended.milliseconds;
    let copies = result_file::all(context.client, record, &context.patience).await?;
    let checked = result_file::checks(context.client, record, &context.patience).await?;
    if let Some(why) = not_offered(&ended)
        && copies.iter().all(|copy| *copy == Left::Missing)
        && record.fall_back(why, Some(job_run_id))
    {
        return context.reach(record, StepState::Prepared).await;
    }
    let output = match (&ended.end, &ended.run) {
        (RunEnd::Over(Outcome::Failed(_) | Outcome::TimedOut), Some(run)) => follow::output(context.client, run).await,
        _ => Output::new(),
    };
    let tasks = ended.run.as_ref().map(follow::task_ends).unwrap_or_default();
    let evidence = Evidence { end: ended.end, tasks, output };
    let mut results = judge::results(record, &evidence, &copies);
    checks::add(&mut results, record, &evidence, &checked);
    if evidence.end == RunEnd::Over(Outcome::Cancelled) && !context.cancel.is_cancelled() {
        blame_cap(&mut results, context);
    }
    record.results = results;
    record.ended = evidence.end.explanation();
    context.reach(record, StepState::Over).await
}

/// Tables that were cut off because enough was spent.
fn blame_cap(results: &mut [ClusterResult], context: &StepContext<'_>) {
    let Some(cap) = context.cap.filter(|cap| cap.is_reached()) else { return };
    for result in results.iter_mut().filter(|result| result.end == CopyEnd::Cancelled) {
        result.end = CopyEnd::Failed;
        result.error = Some(cap.error().about(&result.target));
    }
}

/// Some workspaces take a run on serverless compute, and end it by the code for what they do not offer.
fn not_offered(ended: &Ended) -> Option<String> {
    let run = ended.run.as_ref()?;
    let of = |stage: Stage| match stage {
        Stage::Over(Outcome::Failed(end)) if end.code == TerminationCode::FeatureDisabled.as_str() => {
            Some(if end.message.is_empty() { end.explanation } else { end.message })
        }
        _ => None,
    };
    of(run.stage()).or_else(|| run.tasks.iter().map(RunTask::stage).find_map(of))
}

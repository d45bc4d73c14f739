//! Over: the run has ended, and the record has what came of each table.
//!
//! Whether it already happened, the workspace says: a run that ended long ago is followed for one look. There is no undo.

use super::follow::{self, follow};
use super::judge::{self, Evidence, Output, RunEnd};
use super::record::{StepRecord, StepState};
use super::step::StepContext;
use super::{checks, result_file};
use icebridge_databricks::jobs::Outcome;
use icebridge_model::{Error, Result};

pub(super) async fn finish(record: &mut StepRecord, context: &StepContext<'_>) -> Result<()> {
    let job_run_id = record
        .job_run_id
        .ok_or_else(|| Error::internal("the record of a started run has no run id").about(&record.step))?;
    let ended = follow(record, job_run_id, context).await?;
    let copies = result_file::all(context.client, record, &context.patience).await?;
    let checked = result_file::checks(context.client, record, &context.patience).await?;
    let output = match (&ended.end, &ended.run) {
        (RunEnd::Over(Outcome::Failed(_) | Outcome::TimedOut), Some(run)) => follow::output(context.client, run).await,
        _ => Output::new(),
    };
    let tasks = ended.run.as_ref().map(follow::task_ends).unwrap_or_default();
    let evidence = Evidence { end: ended.end, tasks, output };
    let mut results = judge::results(record, &evidence, &copies);
    checks::add(&mut results, record, &evidence, &checked);
    record.results = results;
    record.ended = evidence.end.explanation();
    context.reach(record, StepState::Over).await
}

//! Jobs and their runs.
//!
//! `runs/submit` gives each task a cluster of its own; many tables on one cluster need a job with a job cluster, and
//! `run-now`. Both carry an idempotency token, so that asking again after a lost answer gives the same run and never a
//! second cluster. Making a job has no such token: it is found by its name instead.

mod codes;
mod ids;
mod request;
mod run;
mod termination;
#[cfg(test)]
mod tests;

pub use codes::{LifeCycle, ResultState, RunState, TerminationCode, TerminationType};
pub use ids::{JobId, JobRunId};
pub use request::{
    Environment, EnvironmentSpec, IdempotencyToken, JobCluster, JobSettings, Library, Queue, RunAs, RunIf,
    SparkPythonTask, Submission, Task, TaskDependency,
};
pub use run::{
    ClusterInstance, Outcome, QueueDetails, Run, RunOutput, RunStatus, RunTask, Stage, State, TerminationDetails,
};
pub use termination::{Termination, explain_termination};

use crate::client::{Answer, Call, Client, Failure, Family, PageGuard, RefusalKind, SERVICE};
use futures::stream::{BoxStream, TryStreamExt};
use icebridge_model::{Code, Error, Result};
use serde::Deserialize;
use serde_json::json;

const ROOT: &str = "/api/2.2/jobs";

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Job {
    pub job_id: JobId,
    #[serde(default)]
    pub settings: NamedSettings,
    #[serde(default)]
    pub creator_user_name: Option<String>,
    #[serde(default)]
    pub created_time: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NamedSettings {
    #[serde(default)]
    pub name: Option<String>,
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    pub job_id: Option<JobId>,
    pub active_only: bool,
    /// Those of `submit`.
    pub one_time_only: bool,
    /// Milliseconds since 1970.
    pub started_from: Option<i64>,
}

#[derive(Deserialize)]
struct CreatedRun {
    run_id: JobRunId,
}

#[derive(Deserialize)]
struct CreatedJob {
    job_id: JobId,
}

impl Client {
    /// A one-time run. With the same token again it is the same run.
    pub async fn submit_run(&self, submission: &Submission, token: &IdempotencyToken) -> Result<Answer<JobRunId>> {
        let call = Call::post(Family::JobsSubmit, format!("{ROOT}/runs/submit")).idempotent();
        let body = request::with_token(submission, token)?;
        Ok(self.send::<CreatedRun>(call.json(&body)?).await?.map(|run| run.run_id))
    }

    /// A run of a job. With the same token again it is the same run.
    pub async fn run_job(
        &self,
        job_id: impl Into<JobId>,
        parameters: &std::collections::BTreeMap<String, String>,
        token: &IdempotencyToken,
    ) -> Result<Answer<JobRunId>> {
        let call = Call::post(Family::JobsSubmit, format!("{ROOT}/run-now")).idempotent();
        let job_id: JobId = job_id.into();
        let mut body = json!({"job_id": job_id, "idempotency_token": token.as_str()});
        if !parameters.is_empty() {
            body["job_parameters"] = json!(parameters);
        }
        Ok(self.send::<CreatedRun>(call.json(&body)?).await?.map(|run| run.run_id))
    }

    /// The job of this name, made if there is none. The name must belong to one plan only: it is what a lost answer is
    /// looked up by.
    pub async fn find_or_create_job(&self, settings: &JobSettings) -> Result<Answer<JobId>> {
        if let Some(job) = self.job_named(&settings.name).await? {
            return Ok(Answer { value: job.job_id, request_id: None });
        }
        let call = Call::post(Family::JobsSubmit, format!("{ROOT}/create")).json(settings)?;
        match self.send::<CreatedJob>(call).await.map_err(Error::from) {
            Ok(answer) => Ok(answer.map(|job| job.job_id)),
            Err(error) if matches!(error.code, Code::OutcomeUnknown | Code::AnswerNotUnderstood) => {
                match self.job_named(&settings.name).await? {
                    Some(job) => Ok(Answer { value: job.job_id, request_id: None }),
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The oldest, if there are several.
    pub async fn job_named(&self, name: &str) -> Result<Option<Job>> {
        let mut jobs = self.items::<Job>(Call::get(Family::Jobs, format!("{ROOT}/list")).query("name", name), "jobs");
        let mut found: Option<Job> = None;
        while let Some(job) = jobs.try_next().await? {
            // The filter does not look at capitals.
            let ours = job.settings.name.as_deref() == Some(name);
            if ours && found.as_ref().is_none_or(|other| job.job_id < other.job_id) {
                found = Some(job);
            }
        }
        Ok(found)
    }

    /// No error if there was none.
    pub async fn delete_job(&self, job_id: impl Into<JobId>) -> Result<()> {
        let job_id: JobId = job_id.into();
        let call = Call::post(Family::Jobs, format!("{ROOT}/delete")).idempotent().json(&json!({"job_id": job_id}))?;
        match self.execute(call).await {
            Err(Failure::Refused(refusal)) if refusal.is_missing() || refusal.is_wrong_parameter() => Ok(()),
            other => Ok(other?),
        }
    }

    /// With all its tasks, however many pages they take. None: unknown, or removed after 60 days.
    pub async fn run(&self, run_id: impl Into<JobRunId>) -> Result<Option<Run>> {
        let run_id: JobRunId = run_id.into();
        let call = || Call::get(Family::Jobs, format!("{ROOT}/runs/get")).query("run_id", run_id);
        let mut run: Run = match self.send(call()).await {
            Ok(answer) => answer.value,
            Err(Failure::Refused(refusal)) if refusal.is_missing() || refusal.is_wrong_parameter() => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let mut guard = PageGuard::in_memory();
        while let Some(token) = run.next_page_token.take().filter(|token| !token.is_empty()) {
            guard.next(&token, run.tasks.len(), &format!("the tasks of run {run_id}"), &SERVICE)?;
            let more: Run = self.fetch(call().query("page_token", token)).await?;
            run.tasks.extend(more.tasks);
            run.next_page_token = more.next_page_token;
        }
        Ok(Some(run))
    }

    /// The newest first, as the workspace gives them; without their tasks.
    pub fn runs(&self, filter: &RunFilter) -> BoxStream<'static, Result<Run>> {
        let call = Call::get(Family::Jobs, format!("{ROOT}/runs/list"))
            .query("limit", 0)
            .query_opt("job_id", filter.job_id)
            .query_opt("active_only", filter.active_only.then_some(true))
            .query_opt("run_type", filter.one_time_only.then_some("SUBMIT_RUN"))
            .query_opt("start_time_from", filter.started_from);
        self.items(call, "runs")
    }

    /// Of one task: `task_run_id` is the task's own, not that of the whole run, which has no output.
    pub async fn task_output(&self, task_run_id: impl Into<JobRunId>) -> Result<RunOutput> {
        let task_run_id: JobRunId = task_run_id.into();
        self.fetch(Call::get(Family::Jobs, format!("{ROOT}/runs/get-output")).query("run_id", task_run_id)).await
    }

    /// Asked for: the run is over when its stage says so.
    pub async fn cancel_run(&self, run_id: impl Into<JobRunId>) -> Result<()> {
        let run_id: JobRunId = run_id.into();
        // What is cancelled twice is cancelled.
        let call = Call::post(Family::Jobs, format!("{ROOT}/runs/cancel")).idempotent();
        self.execute(call.json(&json!({"run_id": run_id}))?).await?;
        Ok(())
    }
}

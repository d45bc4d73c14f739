//! Jobs and their runs.
//!
//! `runs/submit` gives each task a cluster of its own; many tables on one cluster need a job with a job cluster, and
//! `run-now`. Both carry an idempotency token, so that asking again after a lost answer gives the same run and never a
//! second cluster. Making a job has no such token: it is found by its name instead.

mod request;
mod run;
#[cfg(test)]
mod tests;
mod words;

pub use request::{
    Environment, EnvironmentSpec, IdempotencyToken, JobCluster, JobSettings, Library, Queue, RunIf, SparkPythonTask,
    Submission, Task, TaskDependency,
};
pub use run::{
    ClusterInstance, LifeCycle, Outcome, QueueDetails, ResultState, Run, RunOutput, RunState, RunStatus, RunTask,
    Stage, State, TerminationCode, TerminationDetails, TerminationType,
};
pub use words::{Words, words_of};

use crate::client::{Answer, Call, Client, Family};
use futures::StreamExt;
use futures::stream::{self, BoxStream, TryStreamExt};
use icebridge_model::{Code, Error, Result};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

const ROOT: &str = "/api/2.2/jobs";

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Job {
    pub job_id: i64,
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
    pub job_id: Option<i64>,
    pub active_only: bool,
    /// Those of `submit`.
    pub one_time_only: bool,
    /// Milliseconds since 1970.
    pub started_from: Option<i64>,
}

#[derive(Deserialize)]
struct RunId {
    run_id: i64,
}

#[derive(Deserialize)]
struct JobId {
    job_id: i64,
}

/// Between two looks at a run: short while it may start, long while it works.
const FIRST_LOOK: Duration = Duration::from_secs(2);
const LONGEST_LOOK: Duration = Duration::from_secs(30);

impl Client {
    /// A one-time run. With the same token again it is the same run.
    pub async fn submit_run(&self, submission: &Submission, token: &IdempotencyToken) -> Result<Answer<i64>> {
        let call = Call::post(Family::JobsSubmit, format!("{ROOT}/runs/submit")).harmless();
        let body = request::with_token(submission, token)?;
        Ok(self.send::<RunId>(call.json(&body)?).await?.map(|run| run.run_id))
    }

    /// A run of a job. With the same token again it is the same run.
    pub async fn run_job(
        &self,
        job_id: i64,
        parameters: &std::collections::BTreeMap<String, String>,
        token: &IdempotencyToken,
    ) -> Result<Answer<i64>> {
        let call = Call::post(Family::JobsSubmit, format!("{ROOT}/run-now")).harmless();
        let mut body = json!({"job_id": job_id, "idempotency_token": token.as_str()});
        if !parameters.is_empty() {
            body["job_parameters"] = json!(parameters);
        }
        Ok(self.send::<RunId>(call.json(&body)?).await?.map(|run| run.run_id))
    }

    /// The job of this name, made if there is none. The name must belong to one plan only: it is what a lost answer is
    /// looked up by.
    pub async fn find_or_create_job(&self, settings: &JobSettings) -> Result<Answer<i64>> {
        if let Some(job) = self.job_named(&settings.name).await? {
            return Ok(Answer { value: job.job_id, request_id: None });
        }
        let call = Call::post(Family::JobsSubmit, format!("{ROOT}/create")).json(settings)?;
        match self.send::<JobId>(call).await.map_err(Error::from) {
            Ok(answer) => Ok(answer.map(|job| job.job_id)),
            Err(error) if error.code == Code::OutcomeUnknown => match self.job_named(&settings.name).await? {
                Some(job) => Ok(Answer { value: job.job_id, request_id: None }),
                None => Err(error),
            },
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
    pub async fn delete_job(&self, job_id: i64) -> Result<()> {
        let call = Call::post(Family::Jobs, format!("{ROOT}/delete")).harmless().json(&json!({"job_id": job_id}))?;
        match self.tell(call).await {
            Err(failure) if failure.refusal().is_some_and(|refusal| refusal.is_missing()) => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }

    /// With all its tasks, however many pages they take. None: unknown, or removed after 60 days.
    pub async fn run(&self, run_id: i64) -> Result<Option<Run>> {
        let call = || Call::get(Family::Jobs, format!("{ROOT}/runs/get")).query("run_id", run_id);
        let Some(mut run) = self.find::<Run>(call()).await? else { return Ok(None) };
        let mut seen = std::collections::BTreeSet::new();
        while let Some(token) = run.next_page_token.take().filter(|token| !token.is_empty()) {
            if !seen.insert(token.clone()) {
                return Err(Error::new(
                    Code::WorkspaceRefused,
                    "the tasks of the run go in a circle: a page's token came twice",
                )
                .about(format!("run {run_id}")));
            }
            let more: Run = self.ask(call().query("page_token", token)).await?;
            run.tasks.extend(more.tasks);
            run.next_page_token = more.next_page_token;
        }
        Ok(Some(run))
    }

    /// The run, each time its stage or that of a task has changed; ends when it is over.
    pub fn watch_run(&self, run_id: i64) -> BoxStream<'static, Result<Run>> {
        self.watch_run_every(run_id, FIRST_LOOK, LONGEST_LOOK)
    }

    pub(crate) fn watch_run_every(
        &self,
        run_id: i64,
        first: Duration,
        longest: Duration,
    ) -> BoxStream<'static, Result<Run>> {
        struct Watch {
            client: Client,
            last: Option<Vec<Stage>>,
            pause: Duration,
        }
        let begin = Some(Watch { client: self.clone(), last: None, pause: first });
        stream::try_unfold(begin, move |watch| async move {
            let Some(mut watch) = watch else { return Ok(None) };
            loop {
                if watch.last.is_some() {
                    tokio::time::sleep(watch.pause).await;
                    watch.pause = (watch.pause * 3 / 2).min(longest);
                }
                let run = watch.client.run(run_id).await?.ok_or_else(|| {
                    Error::new(Code::ObjectNotFound, "the workspace does not know this run any more")
                        .about(format!("run {run_id}"))
                        .with_hint("Runs are removed after 60 days. Its results are on the volume.")
                })?;
                let stages: Vec<_> = std::iter::once(run.stage()).chain(run.tasks.iter().map(RunTask::stage)).collect();
                let over = matches!(run.stage(), Stage::Over(_));
                if over {
                    return Ok(Some((run, None)));
                }
                if watch.last.as_ref() != Some(&stages) {
                    watch.last = Some(stages);
                    watch.pause = first;
                    return Ok(Some((run, Some(watch))));
                }
            }
        })
        .boxed()
    }

    /// The newest first, as the workspace gives them; without their tasks.
    pub fn runs(&self, filter: &RunFilter) -> BoxStream<'static, Result<Run>> {
        let call = Call::get(Family::Jobs, format!("{ROOT}/runs/list"))
            .query("limit", 0)
            .maybe("job_id", filter.job_id)
            .maybe("active_only", filter.active_only.then_some(true))
            .maybe("run_type", filter.one_time_only.then_some("SUBMIT_RUN"))
            .maybe("start_time_from", filter.started_from);
        self.items(call, "runs")
    }

    /// Of one task: `task_run_id` is the task's own, not that of the whole run, which has no output.
    pub async fn task_output(&self, task_run_id: i64) -> Result<RunOutput> {
        self.ask(Call::get(Family::Jobs, format!("{ROOT}/runs/get-output")).query("run_id", task_run_id)).await
    }

    /// Asked for: the run is over when its stage says so.
    pub async fn cancel_run(&self, run_id: i64) -> Result<()> {
        // What is cancelled twice is cancelled.
        let call = Call::post(Family::Jobs, format!("{ROOT}/runs/cancel")).harmless();
        self.tell(call.json(&json!({"run_id": run_id}))?).await?;
        Ok(())
    }
}

//! Asking for the cluster, once.
//!
//! The intention is in the store before this begins, and its token is made of nothing but plan, step and attempt. So a run
//! that was asked for and whose answer was lost, to the network or to the end of this process, is found in two ways: by its
//! name among the runs, and by the token, with which asking again gives the same run.

use super::engine::Engine;
use super::patience::{Patience, cancelled};
use super::record::{Compute, StepRecord, StepState};
use super::scripts::BULK_COPY;
use futures::TryStreamExt;
use icebridge_databricks::jobs::{
    Environment, EnvironmentSpec, JobCluster, JobSettings, Queue, Run, RunFilter, SparkPythonTask, Submission, Task,
};
use icebridge_model::photon::{TAG_JOB, TAG_PLAN};
use icebridge_model::{Code, Result};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

const CLUSTER: &str = "copy";
const ENVIRONMENT: &str = "copy";
/// The workspace's clock and ours need not agree: a run is looked for from this long before its intention was written.
const CLOCKS_DIFFER_MS: i64 = 24 * 3_600_000;

impl Engine {
    /// Brings the record from `Prepared` to `Started`. `met`: the record comes from an earlier process, which may have asked.
    pub(super) async fn start(
        &self,
        record: &mut StepRecord,
        met: bool,
        patience: &Patience<'_>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        if met && let Some(run) = self.find(record, patience).await? {
            return self.started(record, run, patience).await;
        }
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        match self.ask(record, patience, cancel).await {
            Ok(run_id) => self.started(record, run_id, patience).await,
            // Whatever the reason: an earlier request of this very asking may have been taken.
            Err(error) => match self.find(record, patience).await {
                Ok(Some(run)) => self.started(record, run, patience).await,
                _ => Err(error),
            },
        }
    }

    async fn started(&self, record: &mut StepRecord, run_id: i64, patience: &Patience<'_>) -> Result<()> {
        record.run_id = Some(run_id);
        self.reach(record, StepState::Started, patience.observer).await
    }

    async fn ask(&self, record: &mut StepRecord, patience: &Patience<'_>, cancel: &CancellationToken) -> Result<i64> {
        let token = record.token();
        if !record.needs_job() {
            let submission = submission(record);
            return patience.ask(Some(cancel), || submit(self, &submission, &token)).await;
        }
        let job = match record.job_id {
            Some(job) => job,
            None => {
                // It has no token: it is looked for by its name, each time before it is made.
                let settings = job(record);
                let make = || async { Ok(self.client.find_or_create_job(&settings).await?.value) };
                let job = patience.ask(Some(cancel), make).await?;
                record.job_id = Some(job);
                self.reach(record, StepState::JobMade, patience.observer).await?;
                job
            }
        };
        let none = BTreeMap::new();
        patience.ask(Some(cancel), || async { Ok(self.client.run_job(job, &none, &token).await?.value) }).await
    }

    /// The run of this record, if the workspace has one.
    async fn find(&self, record: &mut StepRecord, patience: &Patience<'_>) -> Result<Option<i64>> {
        let filter = if record.needs_job() {
            if record.job_id.is_none() {
                let found = patience.ask(None, || self.client.job_named(&record.run_name)).await?;
                record.job_id = found.map(|job| job.job_id);
            }
            // Without a job there is no run of it.
            let Some(job) = record.job_id else { return Ok(None) };
            RunFilter { job_id: Some(job), ..RunFilter::default() }
        } else {
            let from =
                record.intended_at.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond() - CLOCKS_DIFFER_MS);
            RunFilter { one_time_only: true, started_from: from, ..RunFilter::default() }
        };
        let known: &StepRecord = record;
        let found = patience.ask(None, || named(self, &filter, known)).await;
        match found {
            Ok(run) => Ok(run.map(|run| run.run_id)),
            // The job was deleted together with what is known of its runs.
            Err(error) if error.code == Code::ObjectNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn submit(
    engine: &Engine,
    submission: &Submission,
    token: &icebridge_databricks::jobs::IdempotencyToken,
) -> Result<i64> {
    Ok(engine.client.submit_run(submission, token).await?.value)
}

async fn named(engine: &Engine, filter: &RunFilter, record: &StepRecord) -> Result<Option<Run>> {
    let mut runs = engine.client.runs(filter);
    let mut found = None;
    while let Some(run) = runs.try_next().await? {
        // The newest come first. If there were two, the first that was made is the one that the token leads to.
        if run.run_name.as_deref() == Some(record.run_name.as_str()) {
            found = Some(run);
        }
    }
    Ok(found)
}

fn tasks(record: &StepRecord) -> Vec<Task> {
    let shared = record.needs_job();
    let task = |lane: &super::record::Lane| {
        let (own, common, serverless) = match &record.compute {
            Compute::Cluster(_) if shared => (None, Some(CLUSTER.to_owned()), None),
            Compute::Cluster(spec) => (Some(spec.as_ref().clone()), None, None),
            Compute::Serverless { .. } => (None, None, Some(ENVIRONMENT.to_owned())),
        };
        Task {
            task_key: lane.key.clone(),
            spark_python_task: Some(SparkPythonTask {
                python_file: format!("{}/{BULK_COPY}", record.scripts),
                parameters: vec![lane.input_path.clone()],
            }),
            new_cluster: own,
            job_cluster_key: common,
            environment_key: serverless,
            // A script that failed says why, and knows better than the workspace whether it is worth another try.
            max_retries: Some(0),
            ..Task::default()
        }
    };
    record.lanes.iter().map(task).collect()
}

fn environments(record: &StepRecord) -> Vec<Environment> {
    match record.compute {
        Compute::Cluster(_) => Vec::new(),
        Compute::Serverless { .. } => vec![Environment {
            environment_key: ENVIRONMENT.into(),
            spec: EnvironmentSpec { environment_version: "4".into(), dependencies: Vec::new() },
        }],
    }
}

fn submission(record: &StepRecord) -> Submission {
    let budget_policy_id = match &record.compute {
        Compute::Cluster(_) => None,
        Compute::Serverless { budget_policy } => budget_policy.clone(),
    };
    Submission {
        run_name: record.run_name.clone(),
        tasks: tasks(record),
        environments: environments(record),
        timeout_seconds: record.timeout_seconds,
        queue: Queue { enabled: true },
        budget_policy_id,
    }
}

fn job(record: &StepRecord) -> JobSettings {
    let job_clusters = match &record.compute {
        Compute::Cluster(spec) => {
            vec![JobCluster { job_cluster_key: CLUSTER.into(), new_cluster: spec.as_ref().clone() }]
        }
        Compute::Serverless { .. } => Vec::new(),
    };
    JobSettings {
        name: record.run_name.clone(),
        tasks: tasks(record),
        job_clusters,
        environments: environments(record),
        tags: BTreeMap::from([
            (TAG_PLAN.to_owned(), super::record::short(&record.plan_hash).to_owned()),
            (TAG_JOB.to_owned(), record.job.clone()),
        ]),
        timeout_seconds: record.timeout_seconds,
        queue: Queue { enabled: true },
        // Two at once would write the same tables.
        max_concurrent_runs: 1,
    }
}

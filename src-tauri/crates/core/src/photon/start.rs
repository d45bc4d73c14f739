//! Asking for the cluster, once.
//!
//! The intention is in the store before this begins, and its token is made of nothing but plan, step and attempt. So a run
//! that was asked for and whose answer was lost, to the network or to the end of this process, is found in two ways: by its
//! name among the runs, and by the token, with which asking again gives the same run.

use super::engine::Engine;
use super::patience::{Patience, cancelled};
use super::record::{Compute, Lane, LaneCheck, StepRecord, StepState};
use super::scripts::{BULK_COPY, GREAT_EXPECTATIONS, GX_RUNNER};
use futures::TryStreamExt;
use icebridge_databricks::jobs::{
    Environment, EnvironmentSpec, JobCluster, JobSettings, Library, Queue, Run, RunFilter, RunIf, SparkPythonTask,
    Submission, Task, TaskDependency,
};
use icebridge_model::photon::{TAG_PLAN, TAG_RUN};
use icebridge_model::{Code, Result};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

const CLUSTER: &str = "copy";
const ENVIRONMENT: &str = "copy";
/// Another one: a package that cannot be installed must not keep tables from being copied.
const CHECK_ENVIRONMENT: &str = "check";
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
            Ok(job_run_id) => self.started(record, job_run_id, patience).await,
            // Whatever the reason: an earlier request of this very asking may have been taken.
            Err(error) => match self.find(record, patience).await {
                Ok(Some(run)) => self.started(record, run, patience).await,
                _ => Err(error),
            },
        }
    }

    async fn started(&self, record: &mut StepRecord, job_run_id: i64, patience: &Patience<'_>) -> Result<()> {
        record.job_run_id = Some(job_run_id);
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
    pub(super) async fn find(&self, record: &mut StepRecord, patience: &Patience<'_>) -> Result<Option<i64>> {
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

/// Each lane before its check: the workspace takes no task before the one that it waits for.
fn tasks(record: &StepRecord) -> Vec<Task> {
    let of = |lane: &Lane| {
        let copy = task(record, &lane.key, BULK_COPY, &lane.input_path, ENVIRONMENT);
        std::iter::once(copy)
            .chain(lane.check.as_ref().map(|check| check_task(record, lane, check)))
            .collect::<Vec<_>>()
    };
    record.lanes.iter().flat_map(of).collect()
}

fn task(record: &StepRecord, key: &str, script: &str, input: &str, environment: &str) -> Task {
    let (own, common, serverless) = match &record.compute {
        Compute::Cluster(_) if record.needs_job() => (None, Some(CLUSTER.to_owned()), None),
        Compute::Cluster(spec) => (Some(spec.as_ref().clone()), None, None),
        Compute::Serverless { .. } => (None, None, Some(environment.to_owned())),
    };
    Task {
        task_key: key.to_owned(),
        spark_python_task: Some(SparkPythonTask {
            python_file: format!("{}/{script}", record.scripts),
            parameters: vec![input.to_owned()],
        }),
        new_cluster: own,
        job_cluster_key: common,
        environment_key: serverless,
        // A script that failed says why, and knows better than the workspace whether it is worth another try.
        max_retries: Some(0),
        ..Task::default()
    }
}

/// Also where the lane failed: some of its tables may be done.
fn check_task(record: &StepRecord, lane: &Lane, check: &LaneCheck) -> Task {
    let libraries = match record.compute {
        Compute::Cluster(_) => vec![Library::Pypi { package: GREAT_EXPECTATIONS.to_owned() }],
        // There it is the environment's.
        Compute::Serverless { .. } => Vec::new(),
    };
    Task {
        depends_on: vec![TaskDependency { task_key: lane.key.clone() }],
        run_if: Some(RunIf::AllDone),
        libraries,
        ..task(record, &check.key, GX_RUNNER, &check.input_path, CHECK_ENVIRONMENT)
    }
}

fn environments(record: &StepRecord) -> Vec<Environment> {
    let of = |key: &str, dependencies: Vec<String>| Environment {
        environment_key: key.into(),
        spec: EnvironmentSpec { environment_version: "4".into(), dependencies },
    };
    match record.compute {
        Compute::Cluster(_) => Vec::new(),
        Compute::Serverless { .. } => {
            let mut all = vec![of(ENVIRONMENT, Vec::new())];
            if record.lanes.iter().any(|lane| lane.check.is_some()) {
                all.push(of(CHECK_ENVIRONMENT, vec![GREAT_EXPECTATIONS.to_owned()]));
            }
            all
        }
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
            (TAG_RUN.to_owned(), record.run_id.clone()),
        ]),
        timeout_seconds: record.timeout_seconds,
        queue: Queue { enabled: true },
        // Two at once would write the same tables.
        max_concurrent_runs: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_databricks::clusters::ClusterSpec;
    use serde_json::{Value, json};

    fn record(compute: Compute, checked: bool) -> StepRecord {
        StepRecord {
            plan_hash: "p".into(),
            step: "alone-1".into(),
            attempt: 1,
            run_id: "r".into(),
            state: StepState::Prepared,
            intended_at: String::new(),
            run_name: "r".into(),
            lanes: vec![Lane::new("/Volumes/m/d/v/s", 1, Vec::new(), checked)],
            compute,
            timeout_seconds: None,
            scripts: "/Workspace/s".into(),
            job_id: None,
            job_run_id: None,
            run_page_url: None,
            results: Vec::new(),
            ended: String::new(),
        }
    }

    fn cluster() -> Compute {
        Compute::Cluster(Box::new(ClusterSpec { spark_version: "17.3.x-scala2.13".into(), ..ClusterSpec::default() }))
    }

    fn check(more: &Value) -> Value {
        let mut task = json!({
            "task_key": "check-1", "depends_on": [{"task_key": "lane-1"}], "run_if": "ALL_DONE", "max_retries": 0,
            "spark_python_task": {"python_file": "/Workspace/s/gx_runner.py", "parameters": ["/Volumes/m/d/v/s/check-1.json"]},
        });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    }

    #[test]
    fn a_check_shares_the_cluster_of_its_lane_and_brings_its_package() {
        let record = record(cluster(), true);
        assert!(record.needs_job());
        let job = serde_json::to_value(job(&record)).unwrap();
        let own = json!({"job_cluster_key": "copy", "libraries": [{"pypi": {"package": GREAT_EXPECTATIONS}}]});
        assert_eq!(job["tasks"][1], check(&own));
        assert_eq!(
            (&job["tasks"][0]["job_cluster_key"], &job["tasks"][0]["libraries"]),
            (&json!("copy"), &Value::Null)
        );
        assert_eq!(job["job_clusters"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn on_serverless_compute_the_package_is_in_the_checks_own_environment() {
        let record = record(Compute::Serverless { budget_policy: None }, true);
        assert!(!record.needs_job());
        let run = serde_json::to_value(submission(&record)).unwrap();
        assert_eq!(run["tasks"][1], check(&json!({"environment_key": "check"})));
        assert_eq!(run["tasks"][0]["environment_key"], "copy");
        assert_eq!(run["environments"][0]["spec"]["dependencies"], json!([]));
        assert_eq!(run["environments"][1]["environment_key"], "check");
        assert_eq!(run["environments"][1]["spec"]["dependencies"], json!([GREAT_EXPECTATIONS]));
    }

    #[test]
    fn one_task_without_a_check_is_a_one_time_run() {
        let record = record(cluster(), false);
        assert!(!record.needs_job());
        let run = serde_json::to_value(submission(&record)).unwrap();
        assert_eq!(run["tasks"].as_array().unwrap().len(), 1);
        assert!(run["tasks"][0]["new_cluster"].is_object());
    }
}

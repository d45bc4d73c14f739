//! The requests that make a job and start a run, from a record alone.

use super::record::{Compute, JobKind, Lane, LaneCheck, StepRecord, short};
use super::scripts::{BULK_COPY, GREAT_EXPECTATIONS, GX_RUNNER, INCREMENTAL_SYNC};
use icebridge_databricks::jobs::{
    Environment, EnvironmentSpec, JobCluster, JobSettings, Library, Queue, RunAs, RunIf, SparkPythonTask, Submission,
    Task, TaskDependency,
};
use icebridge_model::photon::{ClusterCopy, TAG_PLAN, TAG_RUN};
use std::collections::BTreeMap;

const CLUSTER: &str = "copy";
const ENVIRONMENT: &str = "copy";
/// Another one: a package that cannot be installed must not keep tables from being copied.
const CHECK_ENVIRONMENT: &str = "check";

/// Each lane before its check: the workspace takes no task before the one that it waits for.
fn tasks(record: &StepRecord) -> Vec<Task> {
    let of = |lane: &Lane| {
        let script = match record.job {
            JobKind::BulkCopy => BULK_COPY,
            JobKind::IncrementalSync => INCREMENTAL_SYNC,
        };
        let copy = task(record, &lane.key, script, &lane.input_path, ENVIRONMENT);
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
        disable_auto_optimization: matches!(record.compute, Compute::Serverless { .. }).then_some(true),
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

/// Its number means Python's packages; the engine behind it is known to apply deletion vectors from 5 on (docs/spark-jobs.md).
fn environment_version(record: &StepRecord) -> &'static str {
    let newest =
        |table: &ClusterCopy| table.format_version >= 3 || table.deletion_vectors.is_some_and(|count| count > 0);
    if record.tables().any(newest) { "5" } else { "4" }
}

fn environments(record: &StepRecord) -> Vec<Environment> {
    let of = |key: &str, dependencies: Vec<String>| Environment {
        environment_key: key.into(),
        spec: EnvironmentSpec { environment_version: environment_version(record).into(), dependencies },
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

pub(super) fn submission(record: &StepRecord) -> Submission {
    let (policy, performance_target) = match &record.compute {
        Compute::Cluster(_) => (None, None),
        Compute::Serverless { budget_policy, performance_target } => {
            (budget_policy.clone(), performance_target.clone())
        }
    };
    Submission {
        run_name: record.run_name.clone(),
        tasks: tasks(record),
        environments: environments(record),
        timeout_seconds: record.timeout_seconds,
        queue: Queue { enabled: true },
        budget_policy_id: policy.clone(),
        usage_policy_id: policy,
        performance_target,
        run_as: run_as(record),
    }
}

fn run_as(record: &StepRecord) -> Option<RunAs> {
    record.run_as.as_deref().map(RunAs::named)
}

pub(super) fn job(record: &StepRecord) -> JobSettings {
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
            (TAG_PLAN.to_owned(), short(&record.plan_hash).to_owned()),
            (TAG_RUN.to_owned(), record.run_id.to_string()),
        ]),
        timeout_seconds: record.timeout_seconds,
        queue: Queue { enabled: true },
        // Two at once would write the same tables.
        max_concurrent_runs: 1,
        run_as: run_as(record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::record::{sample, started};
    use icebridge_databricks::clusters::ClusterSpec;
    use serde_json::{Value, json};

    fn record(compute: Compute, checked: bool) -> StepRecord {
        let lanes = vec![Lane::new("/Volumes/m/d/v/s", 1, Vec::new(), checked)];
        StepRecord { compute, scripts: "/Workspace/s".into(), ..started(lanes) }
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
        let record = record(Compute::Serverless { budget_policy: Some("b-1".into()), performance_target: None }, true);
        assert!(!record.needs_job());
        let run = serde_json::to_value(submission(&record)).unwrap();
        assert_eq!(run["tasks"][1], check(&json!({"environment_key": "check", "disable_auto_optimization": true})));
        assert_eq!(run["tasks"][0]["environment_key"], "copy");
        assert_eq!((&run["budget_policy_id"], &run["usage_policy_id"]), (&json!("b-1"), &json!("b-1")));
        assert_eq!(run["environments"][0]["spec"]["dependencies"], json!([]));
        assert_eq!(run["environments"][1]["environment_key"], "check");
        assert_eq!(run["environments"][1]["spec"]["dependencies"], json!([GREAT_EXPECTATIONS]));
    }

    #[test]
    fn deletion_vectors_want_a_newer_environment() {
        let version = |vectors: u64, format: u8| {
            let table = ClusterCopy { deletion_vectors: Some(vectors), format_version: format, ..sample("t", 1) };
            let lanes = vec![Lane::new("/Volumes/m/d/v/s", 1, vec![table], false)];
            let compute = Compute::Serverless { budget_policy: None, performance_target: None };
            let run = submission(&StepRecord { compute, ..started(lanes) });
            run.environments[0].spec.environment_version.clone()
        };
        assert_eq!((version(0, 2), version(1, 2), version(0, 3)), ("4".into(), "5".into(), "5".into()));
    }

    #[test]
    fn a_run_runs_as_who_is_named() {
        for (name, kind) in [("ada@x.example", "user_name"), ("5e0b-12", "service_principal_name")] {
            let record = StepRecord { run_as: Some(name.into()), ..record(cluster(), false) };
            assert_eq!(serde_json::to_value(submission(&record)).unwrap()["run_as"], json!({kind: name}));
            assert_eq!(serde_json::to_value(job(&record)).unwrap()["run_as"], json!({kind: name}));
        }
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

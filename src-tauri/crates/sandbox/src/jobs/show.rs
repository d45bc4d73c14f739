//! Runs and tasks as the API has them.

use super::state::{Run, Task};
use serde_json::{Value, json};

fn page_url(url: &str, job: u64, run: u64) -> String {
    format!("{url}/#job/{job}/run/{run}")
}

/// A task as part of its run.
pub fn task_payload(url: &str, run: &Run, task: &Task) -> Value {
    let mut payload = task.spec.clone();
    let running = if task.running > 0 { task.running } else { task.ended };
    payload["run_id"] = task.run_id.into();
    payload["task_key"] = task.key.as_str().into();
    payload["state"] = task.phase.state();
    payload["status"] = task.phase.status();
    payload["attempt_number"] = 0.into();
    payload["start_time"] = task.started.into();
    payload["end_time"] = task.ended.into();
    payload["setup_duration"] = (running - task.started).max(0).into();
    payload["execution_duration"] = if task.ended > 0 { (task.ended - running).max(0) } else { 0 }.into();
    payload["cleanup_duration"] = 0.into();
    payload["run_page_url"] = page_url(url, run.job_id, task.run_id).into();
    if let Some(cluster) = &task.cluster {
        payload["cluster_instance"] = json!({"cluster_id": cluster, "spark_context_id": task.run_id.to_string()});
    }
    payload
}

fn run_as(run: &Run) -> Value {
    match &run.as_group {
        Some(group) => json!({"group_name": group}),
        None if run.creator.contains('@') => json!({"user_name": run.creator}),
        None => json!({"service_principal_name": run.creator}),
    }
}

/// A run without its tasks.
pub fn run_payload(url: &str, run: &Run) -> Value {
    let ended = if run.ended > 0 { run.ended } else { run.started };
    let mut payload = json!({
        "job_id": run.job_id, "run_id": run.id, "job_run_id": run.id, "number_in_job": run.id, "run_name": run.name,
        "creator_user_name": run.submitter, "run_as": run_as(run), "original_attempt_run_id": run.id, "attempt_number": 0,
        "run_type": if run.one_time { "SUBMIT_RUN" } else { "JOB_RUN" }, "trigger": "ONE_TIME", "format": "MULTI_TASK",
        "state": run.phase.state(), "status": run.phase.status(), "start_time": run.started, "end_time": run.ended,
        // Of runs with several tasks these are 0 in the real API as well; look at the tasks.
        "setup_duration": 0, "execution_duration": 0, "cleanup_duration": 0,
        "run_duration": ended - run.started, "queue_duration": run.started - run.queued_at,
        "run_page_url": page_url(url, run.job_id, run.id),
    });
    if !run.job_clusters.is_empty() {
        payload["job_clusters"] = run.job_clusters.clone().into();
    }
    if !run.parameters.is_empty() {
        let one = |(name, value): (&String, &String)| json!({"name": name, "value": value});
        payload["job_parameters"] = run.parameters.iter().map(one).collect::<Vec<_>>().into();
    }
    payload
}

/// A task as a run of its own, which its id is too.
pub fn task_as_run(url: &str, run: &Run, task: &Task) -> Value {
    let mut payload = run_payload(url, run);
    let own = task_payload(url, run, task);
    for name in ["run_id", "state", "status", "start_time", "end_time", "setup_duration", "execution_duration"] {
        payload[name] = own[name].clone();
    }
    payload["run_name"] = task.key.as_str().into();
    payload["task_key"] = task.key.as_str().into();
    payload
}

//! Runs and tasks as the API tells them.

use super::book::{Run, Task};
use crate::world::World;
use serde_json::{Value, json};

fn page_url(world: &World, job: u64, run: u64) -> String {
    let url = world.url.get().map_or("http://127.0.0.1", String::as_str);
    format!("{url}/#job/{job}/run/{run}")
}

/// A task as part of its run.
pub fn task(world: &World, run: &Run, task: &Task) -> Value {
    let mut told = task.spec.clone();
    let running = if task.running > 0 { task.running } else { task.ended };
    told["run_id"] = task.run_id.into();
    told["task_key"] = task.key.as_str().into();
    told["state"] = task.phase.state();
    told["status"] = task.phase.status();
    told["attempt_number"] = 0.into();
    told["start_time"] = task.started.into();
    told["end_time"] = task.ended.into();
    told["setup_duration"] = (running - task.started).max(0).into();
    told["execution_duration"] = if task.ended > 0 { (task.ended - running).max(0) } else { 0 }.into();
    told["cleanup_duration"] = 0.into();
    told["run_page_url"] = page_url(world, run.job_id, task.run_id).into();
    if let Some(cluster) = &task.cluster {
        told["cluster_instance"] = json!({"cluster_id": cluster, "spark_context_id": task.run_id.to_string()});
    }
    told
}

/// A run without its tasks.
pub fn bare(world: &World, run: &Run) -> Value {
    let ended = if run.ended > 0 { run.ended } else { run.started };
    let mut told = json!({
        "job_id": run.job_id, "run_id": run.id, "job_run_id": run.id, "number_in_job": run.id, "run_name": run.name,
        "creator_user_name": run.creator, "original_attempt_run_id": run.id, "attempt_number": 0,
        "run_type": if run.one_time { "SUBMIT_RUN" } else { "JOB_RUN" }, "trigger": "ONE_TIME", "format": "MULTI_TASK",
        "state": run.phase.state(), "status": run.phase.status(), "start_time": run.started, "end_time": run.ended,
        // Of runs with several tasks these are 0 in the real API as well; look at the tasks.
        "setup_duration": 0, "execution_duration": 0, "cleanup_duration": 0,
        "run_duration": ended - run.started, "queue_duration": run.started - run.queued_at,
        "run_page_url": page_url(world, run.job_id, run.id),
    });
    if !run.job_clusters.is_empty() {
        told["job_clusters"] = run.job_clusters.clone().into();
    }
    if !run.parameters.is_empty() {
        let one = |(name, value): (&String, &String)| json!({"name": name, "value": value});
        told["job_parameters"] = run.parameters.iter().map(one).collect::<Vec<_>>().into();
    }
    told
}

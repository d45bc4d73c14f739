//! A run from the queue to its end.

use super::parts::Runner;
use super::process::{self, TaskEnd};
use crate::iceberg::register_tables;
use crate::jobs::{Outcome, Phase, Queued, Run};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often a queued run looks whether it may begin.
const POLL: Duration = Duration::from_millis(20);

pub async fn drive(runner: Runner, id: u64, max_of_job: Option<usize>) {
    if !leave_queue(&runner, id, max_of_job).await {
        return;
    }
    let set = runner.common.settings.lock().next_ends.pop_front();
    let outcome = match set {
        Some(ending) => {
            let outcome = Outcome::from_ending(&ending);
            let wait = runner.common.settings.lock().cluster_start;
            tokio::time::sleep(wait).await;
            end_open_tasks(&runner, id, &outcome);
            outcome
        }
        None => {
            let timeout = runner.jobs.lock().runs.get(&id).map_or(0, |run| run.timeout_s);
            if tokio::time::timeout(limit(timeout), tasks(&runner, id)).await.is_err() {
                end_open_tasks(&runner, id, &Outcome::timed_out(timeout));
            }
            runner.jobs.lock().runs.get(&id).map_or_else(Outcome::success, Run::outcome)
        }
    };
    let of_scan = runner.clone();
    let scan = move || {
        let Runner { common, folder, metastore, .. } = &of_scan;
        register_tables(&folder.warehouse(), metastore, &common.ids, common.now());
    };
    // Before the run says that it has ended, what it made can be seen.
    let _ = tokio::task::spawn_blocking(scan).await;
    let now = runner.common.now();
    let mut jobs = runner.jobs.lock();
    jobs.end_clusters(id, &runner.common.ids, now);
    jobs.end_run(id, outcome, now);
}

/// Of a timeout in seconds, where 0 is none.
fn limit(seconds: u64) -> Duration {
    if seconds == 0 { Duration::MAX } else { Duration::from_secs(seconds) }
}

/// False if it was cancelled while it waited.
async fn leave_queue(runner: &Runner, id: u64, max_of_job: Option<usize>) -> bool {
    loop {
        let max_runs = runner.common.settings.lock().max_runs;
        let queued = runner.jobs.lock().leave_queue(id, max_runs, max_of_job, runner.common.now());
        match queued {
            Queued::Begins => return true,
            Queued::Over => return false,
            Queued::Waits => tokio::time::sleep(POLL).await,
        }
    }
}

fn end_open_tasks(runner: &Runner, id: u64, outcome: &Outcome) {
    runner.jobs.lock().end_open_tasks(id, outcome, runner.common.now());
}

/// Each task as soon as those before it have ended.
async fn tasks(runner: &Runner, id: u64) {
    let mut running = JoinSet::new();
    let mut begun: Vec<usize> = Vec::new();
    loop {
        let ready = runner.jobs.lock().ready_tasks(id, &begun, runner.common.now());
        for at in ready {
            begun.push(at);
            let started = runner.jobs.lock().assign_cluster(id, at, &runner.common.ids, runner.common.now());
            if started == Some(true) {
                runner.common.counts.clusters_started.add_one();
            }
            running.spawn(task(runner.clone(), id, at));
        }
        if running.join_next().await.is_none() {
            return;
        }
    }
}

async fn task(runner: Runner, id: u64, at: usize) {
    let Some((spec, task_run, cancel)) = begin(&runner, id, at) else { return };
    let wait = runner.common.settings.lock().cluster_start;
    // Serverless compute is there already.
    let starts = spec.get("environment_key").is_none();
    let end = tokio::select! {
        () = cancel.cancelled() => TaskEnd::of(Outcome::canceled()),
        end = async {
            if starts {
                tokio::time::sleep(wait).await;
            }
            let failure = runner.jobs.lock().start_failure(id, at);
            if let Some(outcome) = failure {
                return TaskEnd::of(outcome);
            }
            runner.jobs.lock().set_running(id, at, runner.common.now());
            let seconds = spec["timeout_seconds"].as_u64().unwrap_or_default();
            let done = tokio::time::timeout(limit(seconds), process::run(&runner, id, at, task_run, &spec)).await;
            done.unwrap_or_else(|_| TaskEnd::of(Outcome::timed_out(seconds)))
        } => end,
    };
    let now = runner.common.now();
    if let Some(task) = runner.jobs.lock().task_mut(id, at) {
        task.phase = Phase::Ended(end.outcome);
        task.error = end.error;
        task.trace = end.trace;
        task.ended = now;
    }
}

fn begin(runner: &Runner, id: u64, at: usize) -> Option<(Value, u64, CancellationToken)> {
    let now = runner.common.now();
    let mut jobs = runner.jobs.lock();
    let run = jobs.runs.get_mut(&id)?;
    let cancel = run.cancel.clone();
    let task = run.tasks.get_mut(at)?;
    task.phase = Phase::Pending;
    task.started = now;
    Some((task.spec.clone(), task.run_id, cancel))
}

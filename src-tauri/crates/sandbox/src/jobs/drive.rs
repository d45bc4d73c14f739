//! A run from the queue to its end.

use super::outcome::{Outcome, Phase};
use super::process::{self, Ended};
use super::{register, usage};
use crate::clusters;
use crate::world::{Shared, locked};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often one who waits looks again.
const LOOK: Duration = Duration::from_millis(20);

pub async fn drive(world: Shared, id: u64, most: Option<usize>) {
    if !leave_the_queue(&world, id, most).await {
        return;
    }
    let asked_for = locked(&world.settings).next_ends.pop_front();
    let outcome = match asked_for {
        Some(ending) => {
            let outcome = Outcome::asked_for(&ending);
            let wait = locked(&world.settings).cluster_start;
            tokio::time::sleep(wait).await;
            end_open_tasks(&world, id, &outcome);
            outcome
        }
        None => {
            let timeout = locked(&world.jobs).runs.get(&id).map_or(0, |run| run.timeout_s);
            let limit = if timeout == 0 { Duration::MAX } else { Duration::from_secs(timeout) };
            if tokio::time::timeout(limit, tasks(&world, id)).await.is_err() {
                end_open_tasks(&world, id, &Outcome::timed_out(timeout));
            }
            locked(&world.jobs).runs.get(&id).map_or_else(Outcome::success, super::book::Run::outcome)
        }
    };
    let root = world.clone();
    // Before the run says that it has ended, what it made can be seen.
    let _ = tokio::task::spawn_blocking(move || register::tables(&root)).await;
    let now = world.clock.now();
    clusters::end_of_run(&world, id, now);
    usage::record(&world, id);
    let mut book = locked(&world.jobs);
    if let Some(run) = book.runs.get_mut(&id) {
        run.phase = Phase::Ended(outcome);
        run.ended = now;
    }
}

/// False if it was cancelled while it waited.
async fn leave_the_queue(world: &Shared, id: u64, most: Option<usize>) -> bool {
    loop {
        {
            let max_runs = locked(&world.settings).max_runs;
            let now = world.clock.now();
            let mut book = locked(&world.jobs);
            let Some(phase) = book.runs.get(&id).map(|run| (run.phase.clone(), run.job_id)) else { return false };
            match phase {
                (Phase::Ended(_), _) => return false,
                (Phase::Queued(_), job) => {
                    let room = book.active() < max_runs && most.is_none_or(|most| book.active_of(job) < most);
                    if room
                        && book.is_next(id)
                        && let Some(run) = book.runs.get_mut(&id)
                    {
                        run.phase = Phase::Pending;
                        run.started = now;
                        for task in run.tasks.iter_mut().filter(|task| task.depends_on.is_empty()) {
                            task.phase = Phase::Pending;
                        }
                        return true;
                    }
                }
                _ => return true,
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn end_open_tasks(world: &Shared, id: u64, outcome: &Outcome) {
    let now = world.clock.now();
    let mut book = locked(&world.jobs);
    for task in book.runs.get_mut(&id).map(|run| run.tasks.iter_mut()).into_iter().flatten() {
        if task.phase.ended().is_none() {
            task.started = if task.started == 0 { now } else { task.started };
            task.phase = Phase::Ended(outcome.clone());
            task.ended = now;
        }
    }
}

/// Each task as soon as those before it have ended.
async fn tasks(world: &Shared, id: u64) {
    let mut running = JoinSet::new();
    let mut begun: Vec<usize> = Vec::new();
    // One cluster for all tasks that name it.
    let mut shared: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let ready = ready(world, id, &begun);
        for at in ready {
            begun.push(at);
            let named = {
                let book = locked(&world.jobs);
                let task = book.runs.get(&id).and_then(|run| run.tasks.get(at));
                task.and_then(|task| task.spec["job_cluster_key"].as_str().map(str::to_owned))
            };
            let old = named.as_ref().and_then(|name| shared.get(name).cloned());
            let cluster = clusters::for_task(world, id, at, old.as_deref());
            if let (Some(name), Some(cluster)) = (named, &cluster) {
                shared.insert(name, cluster.clone());
            }
            running.spawn(task(world.clone(), id, at));
        }
        if running.join_next().await.is_none() {
            return;
        }
    }
}

/// The tasks that can begin; those that never will are ended on the way.
fn ready(world: &Shared, id: u64, begun: &[usize]) -> Vec<usize> {
    let now = world.clock.now();
    let mut book = locked(&world.jobs);
    let Some(run) = book.runs.get_mut(&id) else { return Vec::new() };
    let mut ready = Vec::new();
    for at in 0..run.tasks.len() {
        let Some(task) = run.tasks.get(at).filter(|task| !begun.contains(&at) && task.phase.ended().is_none()) else {
            continue;
        };
        let before: Vec<Option<&Outcome>> =
            run.tasks.iter().filter(|one| task.depends_on.contains(&one.key)).map(|one| one.phase.ended()).collect();
        let failed = !task.whatever_came_before() && before.iter().flatten().any(|end| !end.is_good());
        let open = before.iter().any(Option::is_none);
        if run.cancel.is_cancelled() || failed {
            let outcome = if run.cancel.is_cancelled() { Outcome::canceled() } else { Outcome::upstream() };
            if let Some(task) = run.tasks.get_mut(at) {
                task.phase = Phase::Ended(outcome);
                (task.started, task.ended) = (now, now);
            }
        } else if !open {
            ready.push(at);
        }
    }
    ready
}

async fn task(world: Shared, id: u64, at: usize) {
    let Some((spec, task_run, cancel)) = begin(&world, id, at) else { return };
    let wait = locked(&world.settings).cluster_start;
    // Serverless compute is there already.
    let starts = spec.get("environment_key").is_none();
    let ended = tokio::select! {
        () = cancel.cancelled() => Ended::of(Outcome::canceled()),
        ended = async {
            if starts {
                tokio::time::sleep(wait).await;
            }
            if let Some(refused) = clusters::refuses(&world, id, at) {
                return Ended::of(refused);
            }
            running(&world, id, at);
            let seconds = spec["timeout_seconds"].as_u64().unwrap_or_default();
            let limit = if seconds == 0 { Duration::MAX } else { Duration::from_secs(seconds) };
            let done = tokio::time::timeout(limit, process::run(&world, id, at, task_run, &spec)).await;
            done.unwrap_or_else(|_| Ended::of(Outcome::timed_out(seconds)))
        } => ended,
    };
    let now = world.clock.now();
    let mut book = locked(&world.jobs);
    if let Some(task) = book.task_mut(id, at) {
        task.phase = Phase::Ended(ended.outcome);
        task.error = ended.error;
        task.trace = ended.trace;
        task.ended = now;
    }
}

fn begin(world: &Shared, id: u64, at: usize) -> Option<(Value, u64, tokio_util::sync::CancellationToken)> {
    let now = world.clock.now();
    let mut book = locked(&world.jobs);
    let run = book.runs.get_mut(&id)?;
    let cancel = run.cancel.clone();
    let task = run.tasks.get_mut(at)?;
    task.phase = Phase::Pending;
    task.started = now;
    Some((task.spec.clone(), task.run_id, cancel))
}

fn running(world: &Shared, id: u64, at: usize) {
    let now = world.clock.now();
    let mut book = locked(&world.jobs);
    let cluster = book.task_mut(id, at).and_then(|task| {
        task.phase = Phase::Running;
        task.running = now;
        task.cluster.clone()
    });
    if let Some(cluster) = cluster.and_then(|cluster| book.clusters.get_mut(&cluster))
        && cluster.state == "PENDING"
    {
        cluster.state = "RUNNING";
        cluster.events.push((now, "RUNNING"));
    }
    if let Some(run) = book.runs.get_mut(&id)
        && run.phase == Phase::Pending
    {
        run.phase = Phase::Running;
    }
}

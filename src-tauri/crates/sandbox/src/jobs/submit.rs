//! Runs beginning: one-time runs, and runs of jobs.

use super::book::{Run, Task};
use super::drive;
use super::outcome::{Outcome, Phase};
use crate::answer::{Answer, Refusal};
use crate::body::{Fields, plain};
use crate::caller::Caller;
use crate::counts::one;
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

const MOST_TASKS: usize = 100;
const LONGEST_TOKEN: usize = 64;
const LONGEST_PARAMETERS: usize = 10_000;

pub async fn submit(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    // Neither exists here, and silently ignored, a task would have no cluster.
    for name in ["job_clusters", "parameters"] {
        if fields.get(name).is_some() {
            return Err(Refusal::invalid(format!("Unknown field in the request of a one-time run: {name}")));
        }
    }
    let tasks = tasks(fields.list("tasks"), &[], MOST_TASKS)?;
    let token = token(&fields)?;
    one(&world.counts.submissions);
    let wanted = Wanted {
        job_id: world.ids.number(),
        name: fields.text("run_name")?.unwrap_or("Untitled").to_owned(),
        one_time: true,
        job_clusters: Vec::new(),
        parameters: BTreeMap::new(),
        tasks,
        queue: fields.get("queue").and_then(|queue| queue.get("enabled")).and_then(Value::as_bool).unwrap_or(true),
        timeout_s: seconds(&fields)?,
        most: None,
        only: Vec::new(),
    };
    let run = begin(&world, &caller, wanted, token.map(|token| format!("submit {token}")))?;
    Ok(Json(json!({"run_id": run})))
}

pub async fn run_now(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let job_id = u64::try_from(fields.must_int("job_id")?).unwrap_or_default();
    let settings = locked(&world.jobs).jobs.get(&job_id).map(|job| job.settings.clone());
    let settings = settings.ok_or_else(|| Refusal::invalid(format!("Job {job_id} does not exist.")))?;
    let settings = Fields(settings.as_object().cloned().unwrap_or_default());
    let token = token(&fields)?;
    let python = fields.list("python_params");
    check_parameters(python, "python_params")?;
    let clusters = settings.list("job_clusters").to_vec();
    let mut made = tasks(settings.list("tasks"), &clusters, 1_000)?;
    if !python.is_empty() {
        for task in &mut made {
            if let Some(script) = task.spec.get_mut("spark_python_task") {
                script["parameters"] = python.into();
            }
        }
    }
    let mut parameters = BTreeMap::new();
    for one in settings.list("parameters") {
        let text = |name: &str| one.get(name).map(plain).unwrap_or_default();
        parameters.insert(text("name"), text("default"));
    }
    parameters.extend(fields.map("job_parameters"));
    one(&world.counts.submissions);
    let most = settings.int("max_concurrent_runs")?.unwrap_or(1);
    let wanted = Wanted {
        job_id,
        name: settings.text("name")?.unwrap_or("Untitled").to_owned(),
        one_time: false,
        job_clusters: clusters,
        parameters,
        tasks: made,
        queue: settings.get("queue").and_then(|queue| queue.get("enabled")).and_then(Value::as_bool).unwrap_or(false),
        timeout_s: seconds(&settings)?,
        most: usize::try_from(most).ok(),
        only: fields.list("only").iter().map(plain).collect(),
    };
    let run = begin(&world, &caller, wanted, token.map(|token| format!("job {job_id} {token}")))?;
    Ok(Json(json!({"run_id": run, "number_in_job": run})))
}

fn seconds(fields: &Fields) -> Result<u64, Refusal> {
    Ok(fields.int("timeout_seconds")?.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default())
}

fn token(fields: &Fields) -> Result<Option<String>, Refusal> {
    let token = fields.text("idempotency_token")?.filter(|token| !token.is_empty());
    if token.is_some_and(|token| token.len() > LONGEST_TOKEN) {
        return Err(Refusal::invalid("The idempotency token must have at most 64 characters."));
    }
    Ok(token.map(str::to_owned))
}

fn check_parameters(parameters: &[Value], name: &str) -> Result<(), Refusal> {
    let text = serde_json::to_string(parameters).unwrap_or_default();
    if !text.is_ascii() {
        return Err(Refusal::invalid(format!("{name} must contain only ASCII characters.")));
    }
    if text.len() > LONGEST_PARAMETERS {
        return Err(Refusal::invalid(format!("{name} must have at most {LONGEST_PARAMETERS} bytes as JSON.")));
    }
    Ok(())
}

/// Tasks as far as they can be told to be wrong before anything runs.
pub fn tasks(specs: &[Value], job_clusters: &[Value], most: usize) -> Result<Vec<Task>, Refusal> {
    if specs.is_empty() || specs.len() > most {
        return Err(Refusal::invalid(format!("A run has 1 to {most} tasks, not {}.", specs.len())));
    }
    let mut keys = BTreeSet::new();
    let mut made = Vec::new();
    for spec in specs {
        let fields = Fields(spec.as_object().cloned().unwrap_or_default());
        let key = fields.must_text("task_key")?.to_owned();
        if !keys.insert(key.clone()) {
            return Err(Refusal::invalid(format!("Duplicate task key: {key}")));
        }
        check_compute(&key, &fields, job_clusters)?;
        // Of the real words only those that the sandbox does: another one would be done wrongly in silence.
        if fields.text("run_if")?.is_some_and(|when| !["ALL_SUCCESS", "ALL_DONE"].contains(&when)) {
            return Err(Refusal::invalid(format!(
                "Task {key}: the sandbox knows run_if ALL_SUCCESS and ALL_DONE only."
            )));
        }
        if !fields.list("libraries").is_empty() && fields.text("environment_key")?.is_some() {
            let words = format!("Task {key}: libraries have no meaning on serverless compute; name an environment.");
            return Err(Refusal::invalid(words));
        }
        let Some(script) = fields.get("spark_python_task").and_then(Value::as_object) else {
            return Err(Refusal::invalid(format!("Task {key}: the sandbox runs spark_python_task only.")));
        };
        let script = Fields(script.clone());
        script.must_text("python_file")?;
        check_parameters(script.list("parameters"), "parameters")?;
        let text = |value: &Value| value.get("task_key").map(plain).unwrap_or_default();
        let depends_on = fields.list("depends_on").iter().map(text).collect();
        made.push(Task {
            key,
            run_id: 0,
            spec: spec.clone(),
            depends_on,
            phase: Phase::Pending,
            cluster: None,
            started: 0,
            running: 0,
            ended: 0,
            error: None,
            trace: None,
        });
    }
    for (at, task) in made.iter().enumerate() {
        // Only on tasks before it: with that, there can be no circle.
        let before: Vec<&str> = made.iter().take(at).map(|one| one.key.as_str()).collect();
        if let Some(missing) = task.depends_on.iter().find(|key| !before.contains(&key.as_str())) {
            let words = format!("Task {} depends on {missing}, which is no task before it.", task.key);
            return Err(Refusal::invalid(words));
        }
    }
    Ok(made)
}

fn check_compute(key: &str, fields: &Fields, job_clusters: &[Value]) -> Result<(), Refusal> {
    let named = fields.text("job_cluster_key")?;
    if named.is_some() && job_clusters.is_empty() {
        return Err(Refusal::invalid(format!("Task {key}: job_cluster_key has no meaning in a one-time run.")));
    }
    if let Some(name) = named
        && !job_clusters.iter().any(|cluster| cluster["job_cluster_key"] == name)
    {
        return Err(Refusal::invalid(format!("Task {key}: there is no job cluster {name}.")));
    }
    let ways = [named.is_some(), fields.text("existing_cluster_id")?.is_some(), fields.get("new_cluster").is_some()];
    let serverless = fields.text("environment_key")?.is_some();
    if ways.iter().filter(|way| **way).count() + usize::from(serverless) != 1 {
        let words = format!(
            "Task {key}: exactly one of job_cluster_key, existing_cluster_id, new_cluster and environment_key must be given."
        );
        return Err(Refusal::invalid(words));
    }
    match fields.get("new_cluster") {
        Some(cluster) => crate::clusters::check(&format!("Task {key}"), cluster),
        None => Ok(()),
    }
}

struct Wanted {
    job_id: u64,
    name: String,
    one_time: bool,
    job_clusters: Vec<Value>,
    parameters: BTreeMap<String, String>,
    tasks: Vec<Task>,
    queue: bool,
    timeout_s: u64,
    /// Runs of the job at a time.
    most: Option<usize>,
    only: Vec<String>,
}

/// One lock from looking for the token to writing it down: of two equal requests, one starts the run.
fn begin(world: &Shared, caller: &Caller, wanted: Wanted, token: Option<String>) -> Result<u64, Refusal> {
    let max_runs = locked(&world.settings).max_runs;
    let now = world.clock.now();
    let mut book = locked(&world.jobs);
    if let Some(token) = &token
        && let Some(old) = book.tokens.get(token).copied()
    {
        if book.runs.get(&old).is_none_or(|run| run.deleted) {
            let words = format!("The run {old} of this idempotency token was deleted.");
            return Err(Refusal::invalid(words));
        }
        one(&world.counts.submissions_repeated);
        return Ok(old);
    }
    let job_full = wanted.most.is_some_and(|most| book.active_of(wanted.job_id) >= most);
    let full = book.active() >= max_runs;
    if full && !wanted.queue {
        return Err(Refusal::new(429, "REQUEST_LIMIT_EXCEEDED", "The workspace has too many active runs."));
    }
    let phase = match (job_full, wanted.queue, full) {
        (true, false, _) => Phase::Ended(Outcome::new(
            "MAXIMUM_CONCURRENT_RUNS_REACHED",
            "MAX_CONCURRENT_RUNS_EXCEEDED",
            "CLIENT_ERROR",
            "The job has as many runs as it may have at a time.",
        )),
        (true, true, _) => Phase::Queued("MAX_CONCURRENT_RUNS_REACHED"),
        (_, _, true) => Phase::Queued("ACTIVE_RUNS_LIMIT_REACHED"),
        _ => Phase::Pending,
    };
    let id = world.ids.number();
    let mut tasks = wanted.tasks;
    if !wanted.only.is_empty() {
        tasks.retain(|task| wanted.only.contains(&task.key));
    }
    for task in &mut tasks {
        task.run_id = world.ids.number();
        task.phase = if task.depends_on.is_empty() { phase.clone() } else { Phase::Blocked };
        if phase.ended().is_some() {
            task.phase = phase.clone();
        }
        // What was left out by `only` does not hold up the others.
        if !wanted.only.is_empty() {
            task.depends_on.retain(|key| wanted.only.contains(key));
        }
    }
    let skipped = phase.ended().is_some();
    let run = Run {
        id,
        job_id: wanted.job_id,
        name: wanted.name,
        creator: caller.name.clone(),
        one_time: wanted.one_time,
        job_clusters: wanted.job_clusters,
        parameters: wanted.parameters,
        tasks,
        timeout_s: wanted.timeout_s,
        phase,
        queued_at: now,
        started: now,
        ended: if skipped { now } else { 0 },
        cancel: CancellationToken::new(),
        deleted: false,
    };
    book.runs.insert(id, run);
    book.order.push(id);
    if let Some(token) = token {
        book.tokens.insert(token, id);
    }
    if !skipped {
        one(&world.counts.runs_started);
        tokio::spawn(drive::drive(world.clone(), id, wanted.most));
    }
    Ok(id)
}

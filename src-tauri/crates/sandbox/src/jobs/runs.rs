//! Looking at runs, and ending them.

use super::book::{Book, Run, Task};
use super::outcome::{Outcome, Phase};
use super::show;
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::page::Page;
use crate::world::{Shared, World, locked};
use axum::Json;
use axum::extract::{Query, State};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

type Asked = HashMap<String, String>;

/// The last so many bytes of a log are given out.
const LOG_BYTES: u64 = 5 << 20;
/// Runs are forgotten after 60 days.
const KEPT_MS: i64 = 60 * 24 * 3_600_000;

fn number(asked: &Asked, name: &str) -> Result<u64, Refusal> {
    let text = asked.get(name).map_or("", String::as_str);
    text.parse().map_err(|_| Refusal::invalid(format!("{name} must be a number, not '{text}'.")))
}

fn find(book: &Book, id: u64, now: i64) -> Result<&Run, Refusal> {
    let kept = |run: &&Run| run.ended == 0 || run.ended + KEPT_MS > now;
    book.run_of(id).filter(kept).ok_or_else(|| Refusal::invalid(format!("Run {id} does not exist.")))
}

/// By the id of the run, or of a task, which is then told as a run of its own.
pub async fn get(State(world): State<Shared>, Query(asked): Query<Asked>, page: Page) -> Answer {
    let id = number(&asked, "run_id")?;
    let book = locked(&world.jobs);
    let run = find(&book, id, world.clock.now())?;
    let mut told = match run.task(id) {
        Some(task) => of_task(&world, run, task),
        None => show::bare(&world, run),
    };
    let tasks: Vec<Value> = match run.task(id) {
        Some(task) => vec![show::task(&world, run, task)],
        None => run.tasks.iter().map(|task| show::task(&world, run, task)).collect(),
    };
    let cut = page.of("tasks", &tasks, 100);
    told["tasks"] = cut.get("tasks").cloned().unwrap_or_else(|| json!([]));
    if let Some(next) = cut.get("next_page_token") {
        told["next_page_token"] = next.clone();
        told["has_more"] = true.into();
    }
    Ok(Json(told))
}

fn of_task(world: &World, run: &Run, task: &Task) -> Value {
    let mut told = show::bare(world, run);
    let own = show::task(world, run, task);
    for name in ["run_id", "state", "status", "start_time", "end_time", "setup_duration", "execution_duration"] {
        told[name] = own[name].clone();
    }
    told["run_name"] = task.key.as_str().into();
    told["task_key"] = task.key.as_str().into();
    told
}

pub async fn list(State(world): State<Shared>, Query(asked): Query<Asked>, page: Page) -> Answer {
    let says = |name: &str| asked.get(name).is_some_and(|value| value == "true");
    if says("active_only") && says("completed_only") {
        return Err(Refusal::invalid("active_only and completed_only cannot both be true."));
    }
    if page.asked.is_some_and(|limit| limit > 25) {
        return Err(Refusal::invalid("limit must be at most 25."));
    }
    let optional =
        |name: &str| asked.get(name).filter(|text| !text.is_empty()).map(|_| number(&asked, name)).transpose();
    let (job, from, to) = (optional("job_id")?, optional("start_time_from")?, optional("start_time_to")?);
    let kind = asked.get("run_type").map_or("", String::as_str);
    let now = world.clock.now();
    let book = locked(&world.jobs);
    let wanted = |run: &&Run| {
        let started = u64::try_from(run.started).unwrap_or_default();
        find(&book, run.id, now).is_ok()
            && job.is_none_or(|job| run.job_id == job)
            && from.is_none_or(|from| started >= from)
            && to.is_none_or(|to| started <= to)
            && (!says("active_only") || !run.is_over())
            && (!says("completed_only") || run.is_over())
            && (kind.is_empty() || (kind == "SUBMIT_RUN") == run.one_time)
    };
    // Newest first.
    let runs = book.order.iter().rev().filter_map(|id| book.runs.get(id)).filter(wanted);
    let told = |run: &Run| {
        let mut told = show::bare(&world, run);
        if says("expand_tasks") {
            told["tasks"] =
                run.tasks.iter().take(100).map(|task| show::task(&world, run, task)).collect::<Vec<_>>().into();
        }
        told
    };
    let all: Vec<Value> = runs.map(told).collect();
    let mut answer = page.of("runs", &all, page.plain(20, 25));
    answer.insert("has_more".to_owned(), answer.contains_key("next_page_token").into());
    Ok(Json(Value::Object(answer)))
}

pub async fn output(State(world): State<Shared>, Query(asked): Query<Asked>) -> Answer {
    let id = number(&asked, "run_id")?;
    let (metadata, task) = {
        let book = locked(&world.jobs);
        let run = find(&book, id, world.clock.now())?;
        let task = match (run.task(id), run.tasks.as_slice()) {
            (Some(task), _) => task,
            (None, [only]) => only,
            (None, _) => {
                return Err(Refusal::invalid(
                    "Retrieving the output of runs with multiple tasks is not supported. Use the run ID of a task instead.",
                ));
            }
        };
        (of_task(&world, run, task), task.clone())
    };
    let (logs, truncated) = tail(&world, task.run_id);
    let mut told = json!({"metadata": metadata, "logs": logs, "logs_truncated": truncated});
    if let Some(error) = task.error {
        told["error"] = error.into();
    }
    if let Some(trace) = task.trace {
        told["error_trace"] = trace.into();
    }
    Ok(Json(told))
}

fn tail(world: &World, task_run: u64) -> (String, bool) {
    let read = || -> std::io::Result<(String, bool)> {
        let mut file = std::fs::File::open(world.folder.run(task_run).join("output.log"))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), length > LOG_BYTES))
    };
    read().unwrap_or_default()
}

pub async fn cancel(State(world): State<Shared>, fields: Fields) -> Answer {
    let id = u64::try_from(fields.must_int("run_id")?).unwrap_or_default();
    let now = world.clock.now();
    let mut book = locked(&world.jobs);
    let run = find(&book, id, now)?.id;
    end(&mut book, run, now);
    Ok(Json(json!({})))
}

/// Asynchronous: the run is ended by the one who drives it. One that waits has nobody yet who holds it up.
fn end(book: &mut Book, id: u64, now: i64) {
    let Some(run) = book.runs.get_mut(&id).filter(|run| !run.is_over()) else { return };
    run.cancel.cancel();
    if matches!(run.phase, Phase::Queued(_)) {
        run.phase = Phase::Ended(Outcome::canceled());
        run.ended = now;
        for task in &mut run.tasks {
            task.phase = Phase::Ended(Outcome::canceled());
            task.ended = now;
        }
    } else {
        run.phase = Phase::Terminating;
    }
}

pub async fn cancel_all(State(world): State<Shared>, fields: Fields) -> Answer {
    let job = fields.int("job_id")?.and_then(|id| u64::try_from(id).ok());
    if job.is_none() && !fields.flag("all_queued_runs") {
        return Err(Refusal::invalid("Missing required field: job_id"));
    }
    let now = world.clock.now();
    let mut book = locked(&world.jobs);
    let mine = |run: &&Run| match job {
        Some(job) => run.job_id == job,
        None => matches!(run.phase, Phase::Queued(_)),
    };
    let ids: Vec<u64> = book.runs.values().filter(mine).map(|run| run.id).collect();
    for id in ids {
        end(&mut book, id, now);
    }
    Ok(Json(json!({})))
}

pub async fn delete(State(world): State<Shared>, fields: Fields) -> Answer {
    let id = u64::try_from(fields.must_int("run_id")?).unwrap_or_default();
    let mut book = locked(&world.jobs);
    let run = find(&book, id, world.clock.now())?;
    if !run.is_over() {
        let words = format!("Run {id} is active; it cannot be deleted.");
        return Err(Refusal::new(400, "INVALID_STATE", words));
    }
    let id = run.id;
    if let Some(run) = book.runs.get_mut(&id) {
        run.deleted = true;
    }
    Ok(Json(json!({})))
}

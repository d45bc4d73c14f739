//! Runs as they are looked at and ended.

use crate::base::{Fields, Page, Params, Refusal, param};
use crate::jobs::{Phase, Run, run_payload, task_as_run, task_payload};
use crate::web::{Answer, Jobs, done, page};
use axum::Json;
use axum::extract::{Query, State};
use serde_json::{Value, json};
use std::io::{Read, Seek, SeekFrom};

/// The last so many bytes of a log are given out.
const LOG_BYTES: u64 = 5 << 20;

fn number(params: &Params, name: &str) -> Result<u64, Refusal> {
    let text = param(params, name);
    text.parse().map_err(|_| Refusal::invalid(format!("{name} must be a number, not '{text}'.")))
}

fn url(state: &Jobs) -> &str {
    state.common.url.get().map_or("http://127.0.0.1", String::as_str)
}

/// By the id of the run, or of a task, which is then shown as a run of its own.
pub async fn get(State(state): State<Jobs>, Query(params): Query<Params>, asked: Page) -> Answer {
    let (id, url) = (number(&params, "run_id")?, url(&state));
    let jobs = state.jobs.lock();
    let run = jobs.find(id, state.common.now())?;
    let (mut payload, tasks) = match run.task(id) {
        Some(task) => (task_as_run(url, run, task), vec![task_payload(url, run, task)]),
        None => (run_payload(url, run), run.tasks.iter().map(|task| task_payload(url, run, task)).collect()),
    };
    let cut = asked.of("tasks", &tasks, 100);
    payload["tasks"] = cut.get("tasks").cloned().unwrap_or_else(|| json!([]));
    if let Some(next) = cut.get("next_page_token") {
        payload["next_page_token"] = next.clone();
        payload["has_more"] = true.into();
    }
    Ok(Json(payload))
}

pub async fn list(State(state): State<Jobs>, Query(params): Query<Params>, asked: Page) -> Answer {
    let says = |name: &str| param(&params, name) == "true";
    if says("active_only") && says("completed_only") {
        return Err(Refusal::invalid("active_only and completed_only cannot both be true."));
    }
    if asked.size.is_some_and(|limit| limit > 25) {
        return Err(Refusal::invalid("limit must be at most 25."));
    }
    let optional =
        |name: &str| params.get(name).filter(|text| !text.is_empty()).map(|_| number(&params, name)).transpose();
    let (job, from, to) = (optional("job_id")?, optional("start_time_from")?, optional("start_time_to")?);
    let kind = param(&params, "run_type");
    let now = state.common.now();
    let jobs = state.jobs.lock();
    let wanted = |run: &&Run| {
        let started = u64::try_from(run.started).unwrap_or_default();
        jobs.find(run.id, now).is_ok()
            && job.is_none_or(|job| run.job_id == job)
            && from.is_none_or(|from| started >= from)
            && to.is_none_or(|to| started <= to)
            && (!says("active_only") || !run.is_over())
            && (!says("completed_only") || run.is_over())
            && (kind.is_empty() || (kind == "SUBMIT_RUN") == run.one_time)
    };
    let payload = |run: &Run| {
        let mut payload = run_payload(url(&state), run);
        if says("expand_tasks") {
            let tasks = run.tasks.iter().take(100).map(|task| task_payload(url(&state), run, task));
            payload["tasks"] = tasks.collect::<Vec<_>>().into();
        }
        payload
    };
    // Newest first.
    let runs = jobs.order.iter().rev().filter_map(|id| jobs.runs.get(id)).filter(wanted);
    let all: Vec<Value> = runs.map(payload).collect();
    let mut fields = asked.of("runs", &all, asked.plain(20, 25));
    fields.insert("has_more".to_owned(), fields.contains_key("next_page_token").into());
    page(fields)
}

pub async fn output(State(state): State<Jobs>, Query(params): Query<Params>) -> Answer {
    let id = number(&params, "run_id")?;
    let (metadata, task) = {
        let jobs = state.jobs.lock();
        let run = jobs.find(id, state.common.now())?;
        let task = match (run.task(id), run.tasks.as_slice()) {
            (Some(task), _) => task,
            (None, [only]) => only,
            (None, _) => {
                return Err(Refusal::invalid(
                    "Retrieving the output of runs with multiple tasks is not supported. Use the run ID of a task instead.",
                ));
            }
        };
        (task_as_run(url(&state), run, task), task.clone())
    };
    let (logs, truncated) = tail(&state, task.run_id);
    let mut payload = json!({"metadata": metadata, "logs": logs, "logs_truncated": truncated});
    if let Some(error) = task.error {
        payload["error"] = error.into();
    }
    if let Some(trace) = task.trace {
        payload["error_trace"] = trace.into();
    }
    Ok(Json(payload))
}

fn tail(state: &Jobs, task_run: u64) -> (String, bool) {
    let read = || -> std::io::Result<(String, bool)> {
        let mut file = std::fs::File::open(state.folder.run(task_run).join("output.log"))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), length > LOG_BYTES))
    };
    read().unwrap_or_default()
}

fn run_id(fields: &Fields) -> Result<u64, Refusal> {
    Ok(u64::try_from(fields.must_int("run_id")?).unwrap_or_default())
}

pub async fn cancel(State(state): State<Jobs>, fields: Fields) -> Answer {
    let now = state.common.now();
    let mut jobs = state.jobs.lock();
    let run = jobs.find(run_id(&fields)?, now)?.id;
    jobs.cancel(run, now);
    done()
}

pub async fn cancel_all(State(state): State<Jobs>, fields: Fields) -> Answer {
    let job = fields.int("job_id")?.and_then(|id| u64::try_from(id).ok());
    if job.is_none() && !fields.flag("all_queued_runs") {
        return Err(Refusal::missing_field("job_id"));
    }
    let now = state.common.now();
    let mut jobs = state.jobs.lock();
    let wanted = |run: &&Run| match job {
        Some(job) => run.job_id == job,
        None => matches!(run.phase, Phase::Queued(_)),
    };
    let ids: Vec<u64> = jobs.runs.values().filter(wanted).map(|run| run.id).collect();
    for id in ids {
        jobs.cancel(id, now);
    }
    done()
}

pub async fn delete(State(state): State<Jobs>, fields: Fields) -> Answer {
    state.jobs.lock().delete(run_id(&fields)?, state.common.now())?;
    done()
}

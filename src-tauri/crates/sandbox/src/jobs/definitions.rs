//! Saved jobs.

use super::book::Job;
use super::submit::tasks;
use crate::answer::{Answer, Refusal};
use crate::body::Fields;
use crate::caller::Caller;
use crate::counts::one;
use crate::page::Page;
use crate::world::{Shared, locked};
use axum::Json;
use axum::extract::{Query, State};
use serde_json::{Value, json};
use std::collections::HashMap;

fn told(job: &Job, with_tasks: bool) -> Value {
    let mut settings = job.settings.clone();
    if !with_tasks && let Some(fields) = settings.as_object_mut() {
        fields.remove("tasks");
        fields.remove("job_clusters");
    }
    json!({
        "job_id": job.id, "creator_user_name": job.creator, "created_time": job.created, "settings": settings,
        "run_as_user_name": job.creator,
    })
}

fn no_job(id: u64) -> Refusal {
    Refusal::invalid(format!("Job {id} does not exist."))
}

fn checked(fields: &Fields) -> Result<Value, Refusal> {
    let clusters = fields.list("job_clusters");
    for cluster in clusters {
        let name = cluster["job_cluster_key"].as_str().unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::invalid("Missing required field: job_cluster_key"));
        }
        crate::clusters::check(&format!("Job cluster {name}"), &cluster["new_cluster"])?;
    }
    tasks(fields.list("tasks"), clusters, 1_000)?;
    let mut settings = Value::Object(fields.0.clone());
    for (name, usual) in
        [("format", json!("MULTI_TASK")), ("max_concurrent_runs", json!(1)), ("name", json!("Untitled"))]
    {
        if settings.get(name).is_none() {
            settings[name] = usual;
        }
    }
    Ok(settings)
}

pub async fn create(State(world): State<Shared>, caller: Caller, fields: Fields) -> Answer {
    let settings = checked(&fields)?;
    let id = world.ids.number();
    let job = Job { id, settings, creator: caller.name.clone(), created: world.clock.now() };
    locked(&world.jobs).jobs.insert(id, job);
    one(&world.counts.jobs_created);
    Ok(Json(json!({"job_id": id})))
}

pub async fn reset(State(world): State<Shared>, fields: Fields) -> Answer {
    let id = u64::try_from(fields.must_int("job_id")?).unwrap_or_default();
    let new = fields.get("new_settings").and_then(Value::as_object).cloned().unwrap_or_default();
    let settings = checked(&Fields(new))?;
    let mut book = locked(&world.jobs);
    book.jobs.get_mut(&id).ok_or_else(|| no_job(id))?.settings = settings;
    Ok(Json(json!({})))
}

pub async fn get(State(world): State<Shared>, Query(asked): Query<HashMap<String, String>>, page: Page) -> Answer {
    let id = asked.get("job_id").and_then(|id| id.parse().ok()).unwrap_or_default();
    let book = locked(&world.jobs);
    let job = book.jobs.get(&id).ok_or_else(|| no_job(id))?;
    let mut answer = told(job, true);
    let all = job.settings["tasks"].as_array().map_or(&[][..], Vec::as_slice);
    let cut = page.of("tasks", all, 100);
    answer["settings"]["tasks"] = cut.get("tasks").cloned().unwrap_or_else(|| json!([]));
    if let Some(next) = cut.get("next_page_token") {
        answer["next_page_token"] = next.clone();
        answer["has_more"] = true.into();
    }
    Ok(Json(answer))
}

pub async fn list(State(world): State<Shared>, Query(asked): Query<HashMap<String, String>>, page: Page) -> Answer {
    let name = asked.get("name");
    let with_tasks = asked.get("expand_tasks").is_some_and(|value| value == "true");
    let book = locked(&world.jobs);
    let same = |job: &&Job| {
        name.is_none_or(|name| job.settings["name"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    };
    let all: Vec<Value> = book.jobs.values().filter(same).map(|job| told(job, with_tasks)).collect();
    let mut answer = page.of("jobs", &all, page.plain(20, 100));
    answer.insert("has_more".to_owned(), answer.contains_key("next_page_token").into());
    Ok(Json(Value::Object(answer)))
}

pub async fn delete(State(world): State<Shared>, fields: Fields) -> Answer {
    let id = u64::try_from(fields.must_int("job_id")?).unwrap_or_default();
    locked(&world.jobs).jobs.remove(&id).ok_or_else(|| no_job(id))?;
    Ok(Json(json!({})))
}

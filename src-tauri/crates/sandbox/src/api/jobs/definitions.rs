//! Saved jobs.

use super::submit::on_terms;
use crate::base::{Fields, Page, Params, param};

use crate::jobs::{Job, Terms, saved_settings};
use crate::web::{Answer, Caller, Jobs, done, page};
use axum::Json;
use axum::extract::{Query, State};
use serde_json::{Value, json};

pub async fn create(State(state): State<Jobs>, caller: Caller, fields: Fields) -> Answer {
    let check = |terms: &Terms<'_>| Ok((saved_settings(&fields, terms)?, terms.run_as(&fields)?));
    let (settings, run_as) = on_terms(&state.common, &state.jobs, &caller, check)?;
    let id = state.common.ids.number();
    let job = Job { id, settings, creator: caller.name.clone(), run_as: run_as.name, created: state.common.now() };
    state.jobs.lock().jobs.insert(id, job);
    state.common.counts.jobs_created.add_one();
    Ok(Json(json!({"job_id": id})))
}

pub async fn reset(State(state): State<Jobs>, caller: Caller, fields: Fields) -> Answer {
    let id = u64::try_from(fields.must_int("job_id")?).unwrap_or_default();
    let new = fields.get("new_settings").and_then(Value::as_object).cloned().unwrap_or_default();
    let new = Fields(new);
    let settings = on_terms(&state.common, &state.jobs, &caller, |terms| saved_settings(&new, terms))?;
    let mut jobs = state.jobs.lock();
    jobs.job(id)?;
    if let Some(job) = jobs.jobs.get_mut(&id) {
        job.settings = settings;
    }
    done()
}

pub async fn get(State(state): State<Jobs>, Query(params): Query<Params>, asked: Page) -> Answer {
    let id = param(&params, "job_id").parse().unwrap_or_default();
    let jobs = state.jobs.lock();
    let job = jobs.job(id)?;
    let mut payload = job.payload(true);
    let all = job.settings["tasks"].as_array().map_or(&[][..], Vec::as_slice);
    let cut = asked.of("tasks", all, 100);
    payload["settings"]["tasks"] = cut.get("tasks").cloned().unwrap_or_else(|| json!([]));
    if let Some(next) = cut.get("next_page_token") {
        payload["next_page_token"] = next.clone();
        payload["has_more"] = true.into();
    }
    Ok(Json(payload))
}

pub async fn list(State(state): State<Jobs>, Query(params): Query<Params>, asked: Page) -> Answer {
    let name = params.get("name");
    let with_tasks = param(&params, "expand_tasks") == "true";
    let jobs = state.jobs.lock();
    let same = |job: &&Job| {
        name.is_none_or(|name| job.settings["name"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    };
    let all: Vec<Value> = jobs.jobs.values().filter(same).map(|job| job.payload(with_tasks)).collect();
    let mut fields = asked.of("jobs", &all, asked.plain(20, 100));
    fields.insert("has_more".to_owned(), fields.contains_key("next_page_token").into());
    page(fields)
}

pub async fn delete(State(state): State<Jobs>, fields: Fields) -> Answer {
    let id = u64::try_from(fields.must_int("job_id")?).unwrap_or_default();
    let mut jobs = state.jobs.lock();
    jobs.job(id)?;
    jobs.jobs.remove(&id);
    done()
}

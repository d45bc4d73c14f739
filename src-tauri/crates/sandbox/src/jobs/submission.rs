//! Runs beginning: the check of a request, and its place in the queue.

use super::cluster;
use super::outcome::{Outcome, Phase};
use super::state::{JobsState, Run, Task};
use super::terms::{RunAs, Terms, check_environments, usage_policy};
use crate::base::{Fields, Ids, Refusal, plain};
use crate::state::behaviour::Cloud;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

const MAX_SUBMITTED_TASKS: usize = 100;
const MAX_JOB_TASKS: usize = 1_000;
const MAX_TOKEN: usize = 64;
const MAX_PARAMETER_BYTES: usize = 10_000;

#[derive(Default)]
pub struct RunRequest {
    pub job_id: u64,
    pub name: String,
    pub one_time: bool,
    pub job_clusters: Vec<Value>,
    /// What serverless tasks run in.
    pub environments: Vec<Value>,
    pub parameters: BTreeMap<String, String>,
    pub tasks: Vec<Task>,
    pub queue: bool,
    pub timeout_s: u64,
    /// How many runs the job may have at a time.
    pub max_of_job: Option<usize>,
    /// The keys of the tasks to run; all if empty.
    pub only: Vec<String>,
    /// Two requests with one token are one run.
    pub token: Option<String>,
    /// The caller where it says nothing else.
    pub run_as: RunAs,
    pub cloud: Cloud,
    pub performance: String,
    pub usage_policy: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl RunRequest {
    /// `POST runs/submit`
    pub fn one_time(fields: &Fields, job_id: u64, terms: &Terms<'_>) -> Result<Self, Refusal> {
        // Neither exists here, and silently ignored, a task would have no cluster.
        for name in ["job_clusters", "parameters"] {
            if fields.get(name).is_some() {
                return Err(Refusal::invalid(format!("Unknown field in the request of a one-time run: {name}")));
            }
        }
        let run_as = terms.run_as(fields)?;
        let tasks = tasks(fields.list("tasks"), &[], MAX_SUBMITTED_TASKS, terms, &run_as)?;
        check_environments(fields, fields.list("tasks"))?;
        Ok(Self {
            job_id,
            name: fields.text("run_name")?.unwrap_or("Untitled").to_owned(),
            one_time: true,
            environments: fields.list("environments").to_vec(),
            tasks,
            run_as,
            cloud: terms.behaviour.cloud,
            performance: performance(fields)?,
            usage_policy: usage_policy(fields)?,
            queue: queue(fields).unwrap_or(true),
            timeout_s: seconds(fields)?,
            token: idempotency_token(fields)?.map(|token| format!("submit {token}")),
            ..Self::default()
        })
    }

    /// `POST run-now`, of the job with these settings.
    pub fn of_job(fields: &Fields, job_id: u64, settings: &Fields, terms: &Terms<'_>) -> Result<Self, Refusal> {
        let python = fields.list("python_params");
        check_parameters(python, "python_params")?;
        let run_as = terms.run_as(settings)?;
        let mut job_clusters = settings.list("job_clusters").to_vec();
        for one in &mut job_clusters {
            let place = format!("Job cluster {}", plain(&one["job_cluster_key"]));
            one["new_cluster"] = cluster::settle(&place, &one["new_cluster"], terms, &run_as)?;
        }
        let mut tasks = tasks(settings.list("tasks"), &job_clusters, MAX_JOB_TASKS, terms, &run_as)?;
        if !python.is_empty() {
            for script in tasks.iter_mut().filter_map(|task| task.spec.get_mut("spark_python_task")) {
                script["parameters"] = python.into();
            }
        }
        let text = |one: &Value, name: &str| one.get(name).map(plain).unwrap_or_default();
        let defaults = settings.list("parameters").iter().map(|one| (text(one, "name"), text(one, "default")));
        let mut parameters: BTreeMap<String, String> = defaults.collect();
        parameters.extend(fields.map("job_parameters"));
        Ok(Self {
            job_id,
            name: settings.text("name")?.unwrap_or("Untitled").to_owned(),
            one_time: false,
            job_clusters,
            environments: settings.list("environments").to_vec(),
            parameters,
            tasks,
            queue: queue(settings).unwrap_or(false),
            timeout_s: seconds(settings)?,
            max_of_job: usize::try_from(settings.int("max_concurrent_runs")?.unwrap_or(1)).ok(),
            only: fields.list("only").iter().map(plain).collect(),
            token: idempotency_token(fields)?.map(|token| format!("job {job_id} {token}")),
            run_as,
            cloud: terms.behaviour.cloud,
            performance: performance(settings)?,
            usage_policy: usage_policy(settings)?,
            tags: settings.map("tags"),
        })
    }
}

fn performance(fields: &Fields) -> Result<String, Refusal> {
    Ok(fields.text("performance_target")?.unwrap_or("PERFORMANCE_OPTIMIZED").to_owned())
}

fn queue(fields: &Fields) -> Option<bool> {
    fields.get("queue").and_then(|queue| queue.get("enabled")).and_then(Value::as_bool)
}

fn seconds(fields: &Fields) -> Result<u64, Refusal> {
    Ok(fields.int("timeout_seconds")?.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default())
}

fn idempotency_token(fields: &Fields) -> Result<Option<&str>, Refusal> {
    let token = fields.text("idempotency_token")?.filter(|token| !token.is_empty());
    if token.is_some_and(|token| token.len() > MAX_TOKEN) {
        return Err(Refusal::invalid("The idempotency token must have at most 64 characters."));
    }
    Ok(token)
}

/// The settings of a saved job, checked, with the usual values where they are missing.
pub fn saved_settings(fields: &Fields, terms: &Terms<'_>) -> Result<Value, Refusal> {
    let run_as = terms.run_as(fields)?;
    usage_policy(fields)?;
    let clusters = fields.list("job_clusters");
    for one in clusters {
        let name = one["job_cluster_key"].as_str().unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::missing_field("job_cluster_key"));
        }
        cluster::settle(&format!("Job cluster {name}"), &one["new_cluster"], terms, &run_as)?;
    }
    tasks(fields.list("tasks"), clusters, MAX_JOB_TASKS, terms, &run_as)?;
    check_environments(fields, fields.list("tasks"))?;
    let mut settings = Value::Object(fields.0.clone());
    let usual = [("format", json!("MULTI_TASK")), ("max_concurrent_runs", json!(1)), ("name", json!("Untitled"))];
    for (name, value) in usual {
        if settings.get(name).is_none() {
            settings[name] = value;
        }
    }
    Ok(settings)
}

fn check_parameters(parameters: &[Value], name: &str) -> Result<(), Refusal> {
    let text = serde_json::to_string(parameters).unwrap_or_default();
    if !text.is_ascii() {
        return Err(Refusal::invalid(format!("{name} must contain only ASCII characters.")));
    }
    if text.len() > MAX_PARAMETER_BYTES {
        return Err(Refusal::invalid(format!("{name} must have at most {MAX_PARAMETER_BYTES} bytes as JSON.")));
    }
    Ok(())
}

/// Tasks, as far as they can be checked before anything runs.
fn tasks(
    specs: &[Value],
    job_clusters: &[Value],
    max: usize,
    terms: &Terms<'_>,
    run_as: &RunAs,
) -> Result<Vec<Task>, Refusal> {
    if specs.is_empty() || specs.len() > max {
        return Err(Refusal::invalid(format!("A run has 1 to {max} tasks, not {}.", specs.len())));
    }
    let mut keys = BTreeSet::new();
    let mut tasks: Vec<Task> = Vec::new();
    for spec in specs {
        let task = task(spec, job_clusters, terms, run_as)?;
        // Dependencies only on tasks before it: with that, there can be no circle.
        if let Some(missing) = task.depends_on.iter().find(|key| !keys.contains(*key)) {
            let message = format!("Task {} depends on {missing}, which is no task before it.", task.key);
            return Err(Refusal::invalid(message));
        }
        if !keys.insert(task.key.clone()) {
            return Err(Refusal::invalid(format!("Duplicate task key: {}", task.key)));
        }
        tasks.push(task);
    }
    Ok(tasks)
}

fn task(spec: &Value, job_clusters: &[Value], terms: &Terms<'_>, run_as: &RunAs) -> Result<Task, Refusal> {
    let fields = Fields(spec.as_object().cloned().unwrap_or_default());
    let key = fields.must_text("task_key")?.to_owned();
    check_compute(&key, &fields, job_clusters)?;
    terms.check_offer(&key, &fields)?;
    let mut spec = spec.clone();
    if let Some(cluster) = fields.get("new_cluster") {
        spec["new_cluster"] = cluster::settle(&format!("Task {key}"), cluster, terms, run_as)?;
    }
    // Only the real values that the sandbox carries out: another one would be done wrongly in silence.
    if fields.text("run_if")?.is_some_and(|when| !["ALL_SUCCESS", "ALL_DONE"].contains(&when)) {
        return Err(Refusal::invalid(format!("Task {key}: the sandbox knows run_if ALL_SUCCESS and ALL_DONE only.")));
    }
    if !fields.list("libraries").is_empty() && fields.text("environment_key")?.is_some() {
        let message = format!("Task {key}: libraries have no meaning on serverless compute; name an environment.");
        return Err(Refusal::invalid(message));
    }
    let Some(script) = fields.get("spark_python_task").and_then(Value::as_object) else {
        return Err(Refusal::invalid(format!("Task {key}: the sandbox runs spark_python_task only.")));
    };
    let script = Fields(script.clone());
    script.must_text("python_file")?;
    check_parameters(script.list("parameters"), "parameters")?;
    let text = |value: &Value| value.get("task_key").map(plain).unwrap_or_default();
    let depends_on = fields.list("depends_on").iter().map(text).collect();
    Ok(Task::new(key, spec, depends_on))
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
    let ways = ["job_cluster_key", "existing_cluster_id", "new_cluster", "environment_key"];
    if ways.iter().filter(|way| fields.get(way).is_some()).count() != 1 {
        let message = format!(
            "Task {key}: exactly one of job_cluster_key, existing_cluster_id, new_cluster and environment_key must be given."
        );
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

/// What came of a request.
#[derive(Debug, PartialEq)]
pub enum Begun {
    /// To be driven.
    New(u64),
    /// Ended at once: the job has as many runs as it may have.
    Skipped(u64),
    /// There is a run of this token already.
    Repeated(u64),
}

impl Begun {
    pub fn run(&self) -> u64 {
        let (Self::New(id) | Self::Skipped(id) | Self::Repeated(id)) = self;
        *id
    }
}

impl JobsState {
    /// From looking for the token to writing it down: of two equal requests, one starts the run.
    pub fn begin(
        &mut self,
        request: RunRequest,
        creator: &str,
        max_runs: usize,
        ids: &Ids,
        now: i64,
    ) -> Result<Begun, Refusal> {
        if let Some(old) = request.token.as_ref().and_then(|token| self.tokens.get(token)).copied() {
            if self.runs.get(&old).is_none_or(|run| run.deleted) {
                return Err(Refusal::invalid(format!("The run {old} of this idempotency token was deleted.")));
            }
            return Ok(Begun::Repeated(old));
        }
        let usage_tags = match &request.usage_policy {
            Some(id) => self.usage_policies.get(id).cloned().ok_or_else(|| no_usage_policy(id))?,
            None => BTreeMap::new(),
        };
        let phase = self.first_phase(&request, max_runs)?;
        let id = ids.number();
        let skipped = phase.ended().is_some();
        let run = Run {
            id,
            job_id: request.job_id,
            name: request.name,
            creator: if request.run_as.name.is_empty() { creator.to_owned() } else { request.run_as.name },
            submitter: creator.to_owned(),
            as_group: request.run_as.group,
            cloud: request.cloud,
            performance: request.performance,
            usage_policy: request.usage_policy,
            usage_tags,
            tags: request.tags,
            one_time: request.one_time,
            job_clusters: request.job_clusters,
            environments: request.environments,
            parameters: request.parameters,
            tasks: chosen(request.tasks, &request.only, &phase, ids),
            timeout_s: request.timeout_s,
            phase,
            queued_at: now,
            started: now,
            ended: if skipped { now } else { 0 },
            cancel: CancellationToken::new(),
            deleted: false,
        };
        self.runs.insert(id, run);
        self.order.push(id);
        self.tokens.extend(request.token.map(|token| (token, id)));
        Ok(if skipped { Begun::Skipped(id) } else { Begun::New(id) })
    }

    fn first_phase(&self, request: &RunRequest, max_runs: usize) -> Result<Phase, Refusal> {
        let job_full = request.max_of_job.is_some_and(|max| self.active_of(request.job_id) >= max);
        let full = self.active() >= max_runs;
        if full && !request.queue {
            return Err(Refusal::new(429, "REQUEST_LIMIT_EXCEEDED", "The workspace has too many active runs."));
        }
        Ok(match (job_full, request.queue, full) {
            (true, false, _) => Phase::Ended(Outcome::new(
                "MAXIMUM_CONCURRENT_RUNS_REACHED",
                "MAX_CONCURRENT_RUNS_EXCEEDED",
                "CLIENT_ERROR",
                "The job has as many runs as it may have at a time.",
            )),
            (true, true, _) => Phase::Queued("MAX_CONCURRENT_RUNS_REACHED"),
            (_, _, true) => Phase::Queued("ACTIVE_RUNS_LIMIT_REACHED"),
            _ => Phase::Pending,
        })
    }
}

fn no_usage_policy(id: &str) -> Refusal {
    Refusal::invalid(format!("Usage policy {id} does not exist, or the caller may not use it."))
}

/// The tasks of a run. What `only` leaves out does not hold up the others.
fn chosen(mut tasks: Vec<Task>, only: &[String], phase: &Phase, ids: &Ids) -> Vec<Task> {
    if !only.is_empty() {
        tasks.retain(|task| only.contains(&task.key));
    }
    for task in &mut tasks {
        let blocked = !task.depends_on.is_empty() && phase.ended().is_none();
        task.run_id = ids.number();
        task.phase = if blocked { Phase::Blocked } else { phase.clone() };
        if !only.is_empty() {
            task.depends_on.retain(|key| only.contains(key));
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::behaviour::Behaviour;
    use crate::state::{PILOT, Principals};

    fn spec(key: &str, more: Value) -> Value {
        let mut spec = json!({
            "task_key": key, "spark_python_task": {"python_file": "/x.py"},
            "new_cluster": {"spark_version": "17.3.x-scala2.13", "node_type_id": "i3.xlarge", "num_workers": 1},
        });
        for (name, value) in more.as_object().unwrap() {
            spec[name] = value.clone();
        }
        spec
    }

    fn request(body: Value) -> Result<RunRequest, Refusal> {
        let (behaviour, principals) = (Behaviour::default(), Principals::default());
        let caller = principals.get(PILOT).cloned().unwrap();
        let terms = Terms { behaviour: &behaviour, principals: &principals, caller: &caller, policies: &[] };
        RunRequest::one_time(&Fields(body.as_object().cloned().unwrap()), 1, &terms)
    }

    #[test]
    fn a_request_is_refused_for_what_it_lacks_or_repeats() {
        let two = |more: Value| json!({"tasks": [spec("a", json!({})), spec("b", more)]});
        assert_eq!(request(two(json!({"depends_on": [{"task_key": "a"}]}))).unwrap().tasks.len(), 2);
        for (body, part) in [
            (json!({}), "1 to 100 tasks"),
            (json!({"tasks": vec![spec("a", json!({})); 101]}), "1 to 100 tasks"),
            (two(json!({"task_key": "a"})), "Duplicate"),
            (two(json!({"depends_on": [{"task_key": "b"}]})), "no task before it"),
            (two(json!({"run_if": "AT_LEAST_ONE_FAILED"})), "run_if"),
            (two(json!({"job_cluster_key": "c"})), "no meaning in a one-time run"),
            (two(json!({"environment_key": "e"})), "exactly one of"),
            (two(json!({"existing_cluster_id": "c"})), "exactly one of"),
            (two(json!({"spark_python_task": null, "notebook_task": {}})), "spark_python_task only"),
            (two(json!({"spark_python_task": {"python_file": ""}})), "python_file"),
            (
                two(json!({"spark_python_task": {"python_file": "/x", "parameters": ["x".repeat(10_000)]}})),
                "at most 10000",
            ),
            (two(json!({"spark_python_task": {"python_file": "/x", "parameters": ["ä"]}})), "ASCII"),
            (json!({"tasks": [spec("a", json!({}))], "job_clusters": []}), "job_clusters"),
            (json!({"tasks": [spec("a", json!({}))], "parameters": [{}]}), "parameters"),
            (json!({"tasks": [spec("a", json!({}))], "idempotency_token": "x".repeat(65)}), "64 characters"),
        ] {
            let refusal = request(body.clone()).err().unwrap_or_else(|| panic!("{body}"));
            assert!(refusal.message.contains(part), "{part}: {}", refusal.message);
        }
    }

    #[test]
    fn one_token_is_one_run() {
        let (mut jobs, ids) = (JobsState::default(), Ids::default());
        let body = json!({"tasks": [spec("a", json!({}))], "idempotency_token": "t"});
        let begin = |jobs: &mut JobsState| jobs.begin(request(body.clone()).unwrap(), "p", 8, &ids, 1);
        let Ok(Begun::New(first)) = begin(&mut jobs) else { panic!("it is the first") };
        assert_eq!(begin(&mut jobs).unwrap(), Begun::Repeated(first));
        jobs.runs.get_mut(&first).unwrap().deleted = true;
        assert!(begin(&mut jobs).unwrap_err().message.contains("deleted"));
    }

    #[test]
    fn a_full_workspace_queues_and_a_full_job_skips() {
        let (mut jobs, ids) = (JobsState::default(), Ids::default());
        let body = |queue: bool| json!({"tasks": [spec("a", json!({}))], "queue": {"enabled": queue}});
        let first = jobs.begin(request(body(true)).unwrap(), "p", 1, &ids, 1).unwrap().run();
        assert_eq!(jobs.begin(request(body(false)).unwrap(), "p", 1, &ids, 1).unwrap_err().status, 429);
        let second = jobs.begin(request(body(true)).unwrap(), "p", 1, &ids, 1).unwrap().run();
        assert!(matches!(jobs.runs[&second].phase, Phase::Queued("ACTIVE_RUNS_LIMIT_REACHED")));
        assert_eq!(jobs.runs[&first].phase, Phase::Pending);
        let job = RunRequest { max_of_job: Some(1), queue: false, ..request(body(true)).unwrap() };
        let skipped = jobs.begin(job, "p", 8, &ids, 1).unwrap();
        assert!(matches!(skipped, Begun::Skipped(_)));
        assert_eq!(jobs.runs[&skipped.run()].tasks[0].phase.ended().unwrap().code, "MAX_CONCURRENT_RUNS_EXCEEDED");
    }
}

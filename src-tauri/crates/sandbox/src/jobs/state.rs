//! The record of jobs, runs and clusters.

use super::cluster::Cluster;
use super::outcome::{Outcome, Phase};
use super::policy::ClusterPolicy;
use super::usage::Usage;
use crate::base::Refusal;
use crate::state::ADMIN;
use crate::state::behaviour::Cloud;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;

pub struct JobsState {
    pub jobs: BTreeMap<u64, Job>,
    pub runs: BTreeMap<u64, Run>,
    /// In the order in which they came.
    pub order: Vec<u64>,
    /// Idempotency tokens, of one-time runs and of run-now apart.
    pub tokens: BTreeMap<String, u64>,
    pub clusters: BTreeMap<String, Cluster>,
    pub usage: Vec<Usage>,
    pub policies: Vec<ClusterPolicy>,
    /// Catalogs of default storage, which clusters do not reach.
    pub closed_catalogs: BTreeSet<String>,
    /// Usage policies: id to tags.
    pub usage_policies: BTreeMap<String, BTreeMap<String, String>>,
}

/// The usage policy that every sandbox has.
const USAGE_POLICY: &str = "6b0c1f4e-2a7d-4d3b-8a55-90c1d2e3f401";

impl Default for JobsState {
    fn default() -> Self {
        let team = [("team".to_owned(), "lake".to_owned())].into();
        Self {
            jobs: BTreeMap::new(),
            runs: BTreeMap::new(),
            order: Vec::new(),
            tokens: BTreeMap::new(),
            clusters: BTreeMap::new(),
            usage: Vec::new(),
            policies: ClusterPolicy::usual(ADMIN),
            closed_catalogs: BTreeSet::new(),
            usage_policies: [(USAGE_POLICY.to_owned(), team)].into(),
        }
    }
}

pub struct Job {
    pub id: u64,
    pub settings: Value,
    pub creator: String,
    pub run_as: String,
    pub created: i64,
}

pub struct Run {
    pub id: u64,
    /// One-time runs have a job id too, which no list of jobs has.
    pub job_id: u64,
    pub name: String,
    /// Whose rights it has.
    pub creator: String,
    /// Who asked for it.
    pub submitter: String,
    /// The group whose rights it shows, where it runs as one.
    pub as_group: Option<String>,
    pub cloud: Cloud,
    /// STANDARD or PERFORMANCE_OPTIMIZED, of serverless compute.
    pub performance: String,
    pub usage_policy: Option<String>,
    /// What the usage policy puts on serverless usage.
    pub usage_tags: BTreeMap<String, String>,
    /// Of the job; clusters get them too.
    pub tags: BTreeMap<String, String>,
    pub one_time: bool,
    pub job_clusters: Vec<Value>,
    pub environments: Vec<Value>,
    pub parameters: BTreeMap<String, String>,
    pub tasks: Vec<Task>,
    pub timeout_s: u64,
    pub phase: Phase,
    pub queued_at: i64,
    pub started: i64,
    pub ended: i64,
    pub cancel: CancellationToken,
    pub deleted: bool,
}

#[derive(Clone)]
pub struct Task {
    pub key: String,
    pub run_id: u64,
    pub spec: Value,
    pub depends_on: Vec<String>,
    pub phase: Phase,
    pub cluster: Option<String>,
    pub started: i64,
    pub running: i64,
    pub ended: i64,
    pub error: Option<String>,
    pub trace: Option<String>,
}

impl Task {
    pub fn new(key: String, spec: Value, depends_on: Vec<String>) -> Self {
        Self {
            key,
            run_id: 0,
            spec,
            depends_on,
            phase: Phase::Pending,
            cluster: None,
            started: 0,
            running: 0,
            ended: 0,
            error: None,
            trace: None,
        }
    }

    /// `run_if` of ALL_DONE: it begins however those before it ended.
    pub fn runs_after_failures(&self) -> bool {
        self.spec["run_if"] == "ALL_DONE"
    }
}

impl Run {
    pub fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Pending | Phase::Running | Phase::Terminating)
    }

    pub fn is_over(&self) -> bool {
        self.phase.ended().is_some()
    }

    pub fn task(&self, run_id: u64) -> Option<&Task> {
        self.tasks.iter().find(|task| task.run_id == run_id)
    }

    /// The run's end by those of its tasks. The last tasks decide: if they succeeded, the failures of the others are only
    /// mentioned.
    pub fn outcome(&self) -> Outcome {
        let before = |one: &Task| self.tasks.iter().any(|task| task.depends_on.contains(&one.key));
        let well = |task: &Task| task.phase.ended().is_none_or(Outcome::is_good);
        if self.tasks.iter().filter(|task| !before(task)).all(well) && !self.tasks.iter().all(well) {
            return Outcome::new("SUCCESS_WITH_FAILURES", "SUCCESS_WITH_FAILURES", "SUCCESS", "Some tasks failed.");
        }
        let bad = self.tasks.iter().filter_map(|task| task.phase.ended().map(|end| (task, end)));
        let bad = bad.filter(|(_, end)| !end.is_good()).min_by_key(|(_, end)| end.code == "SKIPPED");
        match bad {
            None => Outcome::success(),
            Some((_, end)) if end.result != "FAILED" => end.clone(),
            Some((task, end)) => Outcome {
                message: format!("Task {} failed with message: {}.", task.key, end.message.trim_end_matches('.')),
                ..end.clone()
            },
        }
    }
}

impl Job {
    pub fn payload(&self, with_tasks: bool) -> Value {
        let mut settings = self.settings.clone();
        if !with_tasks && let Some(fields) = settings.as_object_mut() {
            fields.remove("tasks");
            fields.remove("job_clusters");
        }
        json!({
            "job_id": self.id, "creator_user_name": self.creator, "created_time": self.created, "settings": settings,
            "run_as_user_name": self.run_as,
        })
    }
}

impl JobsState {
    pub fn job(&self, id: u64) -> Result<&Job, Refusal> {
        self.jobs.get(&id).ok_or_else(|| Refusal::invalid(format!("Job {id} does not exist.")))
    }

    pub fn active(&self) -> usize {
        self.runs.values().filter(|run| run.is_active()).count()
    }

    pub fn active_of(&self, job: u64) -> usize {
        self.runs.values().filter(|run| run.job_id == job && run.is_active()).count()
    }

    /// Whether none that waits was submitted before.
    pub fn is_next(&self, run: u64) -> bool {
        let waiting = |id: &&u64| self.runs.get(id).is_some_and(|one| matches!(one.phase, Phase::Queued(_)));
        self.order.iter().find(waiting).is_none_or(|first| *first == run)
    }

    /// A run by its own id or by one of its tasks'.
    pub fn run_of(&self, id: u64) -> Option<&Run> {
        let known = |run: &&Run| !run.deleted;
        self.runs.get(&id).or_else(|| self.runs.values().find(|run| run.task(id).is_some())).filter(known)
    }

    pub fn task_mut(&mut self, run: u64, at: usize) -> Option<&mut Task> {
        self.runs.get_mut(&run)?.tasks.get_mut(at)
    }
}

//! The record of jobs, runs and clusters.

use super::outcome::{Outcome, Phase};
use super::usage::Usage;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub struct Book {
    pub jobs: BTreeMap<u64, Job>,
    pub runs: BTreeMap<u64, Run>,
    /// In the order in which they came.
    pub order: Vec<u64>,
    /// Idempotency tokens, of one-time runs and of run-now apart.
    pub tokens: BTreeMap<String, u64>,
    pub clusters: BTreeMap<String, Cluster>,
    pub usage: Vec<Usage>,
}

pub struct Job {
    pub id: u64,
    pub settings: Value,
    pub creator: String,
    pub created: i64,
}

pub struct Run {
    pub id: u64,
    /// One-time runs have a job id too, which no list of jobs has.
    pub job_id: u64,
    pub name: String,
    pub creator: String,
    pub one_time: bool,
    pub job_clusters: Vec<Value>,
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

pub struct Cluster {
    pub id: String,
    pub name: String,
    pub spec: Value,
    pub creator: String,
    pub run: u64,
    pub task_keys: Vec<String>,
    pub state: &'static str,
    pub started: i64,
    pub ended: i64,
    /// (time, type)
    pub events: Vec<(i64, &'static str)>,
}

impl Task {
    /// `run_if` of ALL_DONE: it begins however those before it ended.
    pub fn whatever_came_before(&self) -> bool {
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

    /// The run's end by those of its tasks. Those that none comes after decide: if they ended well, the others' failures
    /// are only mentioned.
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

impl Book {
    pub fn active(&self) -> usize {
        self.runs.values().filter(|run| run.is_active()).count()
    }

    pub fn active_of(&self, job: u64) -> usize {
        self.runs.values().filter(|run| run.job_id == job && run.is_active()).count()
    }

    /// Whether nobody who waits came before.
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

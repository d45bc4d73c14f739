//! What is written down of a step before and after each thing that is done for it.

use icebridge_databricks::clusters::ClusterSpec;
use icebridge_databricks::jobs::IdempotencyToken;
use icebridge_model::ids::{PlanHash, RunId};
use icebridge_model::photon::{ClusterCopy, ClusterResult, ClusterStage};
use icebridge_model::{Error, TableIdent};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How far a step is. Each is written down when it is reached; what follows may have been begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Nothing was asked of the workspace yet.
    Intended,
    /// Scripts and inputs are there. From here on a run may exist whose id is not known here.
    Prepared,
    /// The job of several tasks is there.
    JobMade,
    /// The run's id is known.
    Started,
    /// The run has ended, and what came of it is in the record.
    Over,
    /// And nothing of it is left in the workspace but its run, its inputs and its results.
    Cleared,
}

impl StepState {
    /// As a stage of the tables that are at work in it.
    pub fn stage(self) -> ClusterStage {
        match self {
            Self::Intended => ClusterStage::Intended,
            Self::Prepared => ClusterStage::Prepared,
            Self::JobMade => ClusterStage::JobMade,
            Self::Started => ClusterStage::Started,
            Self::Over | Self::Cleared => ClusterStage::Over,
        }
    }
}

/// Which of the scripts a step's lanes run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Tables are made.
    #[default]
    BulkCopy,
    /// Tables that are there are brought up to their sources.
    IncrementalSync,
}

impl JobKind {
    pub fn is_copy(&self) -> bool {
        *self == Self::BulkCopy
    }
}

/// A task of the run, one after the other through its tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    pub key: String,
    pub tables: Vec<ClusterCopy>,
    pub input_path: String,
    pub result_path: String,
    /// None: the copies are not compared on the cluster.
    #[serde(default)]
    pub check: Option<LaneCheck>,
}

/// The task after a lane's that compares what it copied, however the lane ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCheck {
    pub key: String,
    pub input_path: String,
    pub result_path: String,
    /// A folder for the Data Docs.
    pub docs_path: String,
}

impl Lane {
    /// `number`: from 1 on. All its files lie in the folder.
    pub(super) fn new(folder: &str, number: usize, tables: Vec<ClusterCopy>, checked: bool) -> Self {
        let check = checked.then(|| LaneCheck {
            key: format!("check-{number}"),
            input_path: format!("{folder}/check-{number}.json"),
            result_path: format!("{folder}/checked-{number}.json"),
            docs_path: format!("{folder}/docs-{number}"),
        });
        Self {
            key: format!("lane-{number}"),
            tables,
            input_path: format!("{folder}/input-{number}.json"),
            result_path: format!("{folder}/result-{number}.json"),
            check,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compute {
    Cluster(Box<ClusterSpec>),
    Serverless {
        budget_policy: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        performance_target: Option<String>,
    },
}

/// One attempt at one group of tables. Holds all that a resume needs: settings may have changed since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    pub plan_hash: PlanHash,
    pub step: String,
    #[serde(default, skip_serializing_if = "JobKind::is_copy")]
    pub job: JobKind,
    pub attempt: u32,
    /// The run of a plan, whose journal has the step.
    pub run_id: RunId,
    pub state: StepState,
    pub intended_at: String,
    pub run_name: String,
    pub lanes: Vec<Lane>,
    pub compute: Compute,
    /// What takes the place of serverless compute if the workspace does not offer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub else_cluster: Option<Box<ClusterSpec>>,
    /// Why serverless compute was not to be had; empty: it was, or nobody wanted it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub not_offered: String,
    /// The run that was taken and then ended because serverless compute is not offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_run_id: Option<i64>,
    pub timeout_seconds: Option<u32>,
    /// None: who submits the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as: Option<String>,
    /// The folder of the scripts; empty before they are there.
    pub scripts: String,
    pub job_id: Option<i64>,
    pub job_run_id: Option<i64>,
    pub run_page_url: Option<String>,
    #[serde(default)]
    pub results: Vec<ClusterResult>,
    /// How the run ended, for people.
    #[serde(default)]
    pub ended: String,
    /// How long the run took, by the workspace's clock.
    #[serde(default)]
    pub milliseconds: u64,
}

impl StepRecord {
    /// From nothing but the plan, the step and the attempt: asking again, from any process, asks for the same run. The token of
    /// a run that was taken and then refused would lead to that one for ever.
    pub fn token(&self) -> IdempotencyToken {
        let attempt = self.attempt.to_string();
        let mut parts = vec![self.plan_hash.as_str(), &self.step, &attempt];
        if self.refused_run_id.is_some() {
            parts.push("cluster");
        }
        IdempotencyToken::of(&parts)
    }

    pub fn is_serverless(&self) -> bool {
        matches!(self.compute, Compute::Serverless { .. })
    }

    /// On clusters from here on, if there is one to take the place. `run`: what was taken and has ended, if it came to that.
    pub(super) fn fall_back(&mut self, why: String, run: Option<i64>) -> bool {
        let Some(spec) = self.else_cluster.take().filter(|_| self.is_serverless()) else { return false };
        self.compute = Compute::Cluster(spec);
        self.not_offered = why;
        self.job_run_id = None;
        if run.is_some() {
            self.refused_run_id = run;
            self.run_name = format!("{} on clusters", self.run_name);
        }
        true
    }

    /// A one-time run gives each task a cluster of its own, so tasks that share one need a job. Serverless compute has
    /// nothing to share.
    pub fn needs_job(&self) -> bool {
        let tasks = self.lanes.len() + self.lanes.iter().filter(|lane| lane.check.is_some()).count();
        tasks > 1 && matches!(self.compute, Compute::Cluster(_))
    }

    pub fn is_open(&self) -> bool {
        self.state < StepState::Over
    }

    pub fn tables(&self) -> impl Iterator<Item = &ClusterCopy> {
        self.lanes.iter().flat_map(|lane| &lane.tables)
    }

    pub fn result_of(&self, target: &TableIdent) -> Option<&ClusterResult> {
        self.results.iter().find(|result| result.target == *target)
    }

    /// For the journal, without what is long: causes, which may hold the end of a log, stay in the record. It holds no
    /// fractions, which the journal does not take.
    pub fn journal_body(&self) -> Value {
        let short_form = |error: &Error| json!({"code": error.code, "message": error.message});
        let end = |one: &ClusterResult| {
            json!({
                "target": one.target, "end": one.end, "error": one.error.as_ref().map(short_form),
                "valid": one.validation.as_ref().map(|found| found.passed),
            })
        };
        let ends: Vec<Value> = self.results.iter().map(end).collect();
        json!({
            "plan_hash": self.plan_hash, "step": self.step, "attempt": self.attempt, "state": self.state,
            "token": self.token().as_str(), "run_name": self.run_name, "job_id": self.job_id, "job_run_id": self.job_run_id,
            "run_page_url": self.run_page_url, "ended": self.ended, "tables": self.tables().count(), "results": ends,
            "compute": if self.is_serverless() { "serverless" } else { "clusters" }, "not_offered": self.not_offered,
        })
    }
}

/// Names a run and a job. It belongs to one attempt at one step of one plan: a lost answer is looked up by it.
pub(super) fn run_name(plan_hash: &str, step: &str, attempt: u32) -> String {
    format!("icebridge {} {step} attempt {attempt}", short(plan_hash))
}

pub(crate) fn short(plan_hash: &str) -> &str {
    plan_hash.get(..12).unwrap_or(plan_hash)
}

/// Of a run that was started, for the tests of what comes of it.
#[cfg(test)]
pub(super) fn started(lanes: Vec<Lane>) -> StepRecord {
    StepRecord {
        plan_hash: "p".into(),
        step: "shared-1".into(),
        job: JobKind::BulkCopy,
        attempt: 1,
        run_id: "r".into(),
        state: StepState::Started,
        intended_at: String::new(),
        run_name: String::new(),
        lanes,
        compute: Compute::Serverless { budget_policy: None, performance_target: None },
        else_cluster: None,
        not_offered: String::new(),
        refused_run_id: None,
        timeout_seconds: None,
        run_as: None,
        scripts: String::new(),
        job_id: None,
        job_run_id: Some(9),
        run_page_url: None,
        results: Vec::new(),
        ended: String::new(),
        milliseconds: 0,
    }
}

/// A table of `main.s` copied by CTAS, for tests.
#[cfg(test)]
pub(super) fn sample(name: &str, bytes: u64) -> ClusterCopy {
    let copy = json!({"source": format!("glue.s.{name}"), "target": format!("main.s.{name}"), "method": "ctas",
        "snapshot_id": 1, "format_version": 2, "bytes": bytes, "rows": bytes / 100});
    serde_json::from_value(copy).unwrap()
}

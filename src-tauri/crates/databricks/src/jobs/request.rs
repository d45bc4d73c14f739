//! What is asked for.

use crate::clusters::ClusterSpec;
use icebridge_model::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The name of one intention: a repeated request with it is the same run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyToken(String);

impl IdempotencyToken {
    /// From what makes the intention unique, such as plan, batch and attempt. The API takes at most 64 characters.
    pub fn of(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            // With its length, so that no two lists give the same text.
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        Self(hex::encode(digest.finalize()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SparkPythonTask {
    /// The absolute path of a workspace file.
    pub python_file: String,
    pub parameters: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Library {
    Pypi { package: String },
    Whl(String),
    Requirements(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskDependency {
    pub task_key: String,
}

/// Whether a task begins, by how those before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunIf {
    AllSuccess,
    /// However they ended.
    AllDone,
}

/// On one of: a cluster of its own, a job cluster (of a job, not of a submission), or serverless with an environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Task {
    pub task_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spark_python_task: Option<SparkPythonTask>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskDependency>,
    /// None: all of them well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_if: Option<RunIf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_cluster: Option<ClusterSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_cluster_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_key: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<Library>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// On serverless compute the workspace tries a failed task again by itself, unless this is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_auto_optimization: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobCluster {
    pub job_cluster_key: String,
    pub new_cluster: ClusterSpec,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Environment {
    pub environment_key: String,
    pub spec: EnvironmentSpec,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnvironmentSpec {
    /// A number, but the API takes it as text only.
    pub environment_version: String,
    pub dependencies: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queue {
    pub enabled: bool,
}

/// A one-time run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Submission {
    pub run_name: String,
    pub tasks: Vec<Task>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<Environment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Wait for a place instead of being refused.
    pub queue: Queue,
    /// The same policy under its older and its newer name: a workspace takes the one that it knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_policy_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_policy_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performance_target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<RunAs>,
}

/// Who a run runs as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunAs {
    UserName(String),
    /// By its application id.
    ServicePrincipalName(String),
}

impl RunAs {
    /// Users are named by their address.
    pub fn named(name: &str) -> Self {
        if name.contains('@') { Self::UserName(name.into()) } else { Self::ServicePrincipalName(name.into()) }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobSettings {
    pub name: String,
    pub tasks: Vec<Task>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub job_clusters: Vec<JobCluster>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<Environment>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    pub queue: Queue,
    pub max_concurrent_runs: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<RunAs>,
}

const MOST_TASKS: usize = 100;
const LONGEST_PARAMETERS: usize = 10_000;

pub(super) fn with_token(submission: &Submission, token: &IdempotencyToken) -> Result<Value> {
    if submission.tasks.is_empty() || submission.tasks.len() > MOST_TASKS {
        return Err(
            Error::invalid(format!("a one-time run has from 1 to {MOST_TASKS} tasks")).about(&submission.run_name)
        );
    }
    for task in &submission.tasks {
        if task.job_cluster_key.is_some() {
            return Err(Error::invalid("tasks of a one-time run cannot share a cluster")
                .about(&task.task_key)
                .with_hint("Make a job with a job cluster and run it."));
        }
        parameters(task)?;
    }
    let mut body = serde_json::to_value(submission)
        .map_err(|e| Error::internal("a submission cannot be written").with_cause(e))?;
    body["idempotency_token"] = json!(token.as_str());
    Ok(body)
}

/// Refused by the API with less to go on.
fn parameters(task: &Task) -> Result<()> {
    let Some(python) = &task.spark_python_task else { return Ok(()) };
    let size: usize = python.parameters.iter().map(|text| text.len() + 3).sum();
    if size > LONGEST_PARAMETERS || !python.parameters.iter().all(|text| text.is_ascii()) {
        return Err(Error::invalid("the parameters of a task are ASCII and have at most 10,000 bytes")
            .about(&task.task_key)
            .with_hint("Put them into a file and pass its path."));
    }
    Ok(())
}

//! A run and how far it is.

use super::codes::{LifeCycle, ResultState, RunState, TerminationCode, TerminationType};
use super::ids::{JobId, JobRunId};
use super::termination::{Termination, explain_termination};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDetails {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminationDetails {
    #[serde(default)]
    pub code: Option<TerminationCode>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default, rename = "type")]
    pub kind: Option<TerminationType>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatus {
    #[serde(default)]
    pub state: Option<RunState>,
    #[serde(default)]
    pub queue_details: Option<QueueDetails>,
    #[serde(default)]
    pub termination_details: Option<TerminationDetails>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    #[serde(default)]
    pub life_cycle_state: Option<LifeCycle>,
    #[serde(default)]
    pub result_state: Option<ResultState>,
    #[serde(default)]
    pub state_message: Option<String>,
    #[serde(default)]
    pub queue_reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterInstance {
    #[serde(default)]
    pub cluster_id: Option<String>,
}

/// Durations are in milliseconds, times since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTask {
    #[serde(default)]
    pub task_key: String,
    /// What output is asked for by.
    #[serde(default)]
    pub run_id: Option<JobRunId>,
    #[serde(default)]
    pub state: Option<State>,
    #[serde(default)]
    pub status: Option<RunStatus>,
    #[serde(default)]
    pub attempt_number: Option<i64>,
    #[serde(default)]
    pub cluster_instance: Option<ClusterInstance>,
    #[serde(default)]
    pub start_time: Option<i64>,
    #[serde(default)]
    pub end_time: Option<i64>,
    #[serde(default)]
    pub setup_duration: Option<i64>,
    #[serde(default)]
    pub execution_duration: Option<i64>,
    #[serde(default)]
    pub run_page_url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub run_id: JobRunId,
    #[serde(default)]
    pub job_id: Option<JobId>,
    #[serde(default)]
    pub run_name: Option<String>,
    #[serde(default)]
    pub state: Option<State>,
    #[serde(default)]
    pub status: Option<RunStatus>,
    #[serde(default)]
    pub tasks: Vec<RunTask>,
    #[serde(default)]
    pub cluster_instance: Option<ClusterInstance>,
    #[serde(default)]
    pub start_time: Option<i64>,
    #[serde(default)]
    pub end_time: Option<i64>,
    /// Of all tasks together; the others are 0 in runs of several tasks.
    #[serde(default)]
    pub run_duration: Option<i64>,
    #[serde(default)]
    pub queue_duration: Option<i64>,
    #[serde(default)]
    pub run_page_url: Option<String>,
    #[serde(default)]
    pub creator_user_name: Option<String>,
    #[serde(default, skip_serializing)]
    pub next_page_token: Option<String>,
}

/// Of one task. The end of what it printed; of notebooks the result's beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutput {
    #[serde(default)]
    pub logs: Option<String>,
    #[serde(default)]
    pub logs_truncated: bool,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub error_trace: Option<String>,
}

/// How far a run is, whatever version of the API said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// For a place in the workspace, with the reason.
    Queued(String),
    /// For the tasks before it, or for its next attempt.
    Waiting,
    /// The cluster is being made.
    Starting,
    Running,
    Stopping,
    Over(Outcome),
    /// A state newer than this program.
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    Failed(Termination),
    Cancelled,
    TimedOut,
    /// Never begun.
    Skipped(String),
}

impl Run {
    pub fn stage(&self) -> Stage {
        stage(self.status.as_ref(), self.state.as_ref(), self.end_time)
    }
}

impl RunTask {
    pub fn stage(&self) -> Stage {
        stage(self.status.as_ref(), self.state.as_ref(), self.end_time)
    }
}

fn stage(status: Option<&RunStatus>, state: Option<&State>, end_time: Option<i64>) -> Stage {
    let known = match status.filter(|status| status.state.is_some()) {
        Some(status) => stage_of_status(status, state),
        None => state.map_or_else(|| Stage::Unknown(String::new()), stage_of_state),
    };
    let details = status.and_then(|status| status.termination_details.as_ref());
    let result = state.and_then(|state| state.result_state.as_ref());
    // A state newer than this program may be one of an end: nothing else has a time of its end or a result. A reason for it
    // is there as soon as the run is being ended, while it may still write.
    let ended = end_time.is_some_and(|time| time > 0) || result.is_some();
    match known {
        Stage::Unknown(word) if ended => {
            let message = message_of(state);
            let message = if message.is_empty() { format!("its state is `{word}`") } else { message };
            Stage::Over(outcome(details, state, &message))
        }
        known => known,
    }
}

fn message_of(state: Option<&State>) -> String {
    state.and_then(|state| state.state_message.clone()).unwrap_or_default()
}

fn stage_of_status(status: &RunStatus, state: Option<&State>) -> Stage {
    let queued = || match &status.queue_details {
        Some(details) => explain_queue(details.code.as_deref(), details.message.as_deref()),
        None => explain_queue(None, state.and_then(|state| state.queue_reason.as_deref())),
    };
    match status.state.as_ref() {
        Some(RunState::Queued) => Stage::Queued(queued()),
        Some(RunState::Blocked | RunState::Waiting) => Stage::Waiting,
        Some(RunState::Pending) => Stage::Starting,
        Some(RunState::Running) => Stage::Running,
        Some(RunState::Terminating) => Stage::Stopping,
        Some(RunState::Terminated) => {
            Stage::Over(outcome(status.termination_details.as_ref(), state, &message_of(state)))
        }
        Some(RunState::Other(word)) => Stage::Unknown(word.clone()),
        None => Stage::Unknown(String::new()),
    }
}

fn stage_of_state(state: &State) -> Stage {
    let message = message_of(Some(state));
    match &state.life_cycle_state {
        Some(LifeCycle::Queued) => Stage::Queued(explain_queue(None, state.queue_reason.as_deref())),
        Some(LifeCycle::Blocked | LifeCycle::WaitingForRetry) => Stage::Waiting,
        Some(LifeCycle::Pending) => Stage::Starting,
        Some(LifeCycle::Running) => Stage::Running,
        Some(LifeCycle::Terminating) => Stage::Stopping,
        Some(LifeCycle::Terminated) => Stage::Over(outcome(None, Some(state), &message)),
        Some(LifeCycle::Skipped) => Stage::Over(Outcome::Skipped(message)),
        Some(LifeCycle::InternalError) => {
            Stage::Over(Outcome::Failed(explain_termination(Some(&TerminationCode::InternalError), &message)))
        }
        Some(LifeCycle::Other(word)) => Stage::Unknown(word.clone()),
        None => Stage::Unknown(String::new()),
    }
}

fn outcome(details: Option<&TerminationDetails>, state: Option<&State>, message: &str) -> Outcome {
    let result = state.and_then(|state| state.result_state.as_ref());
    // The result says it shortest; the details say why.
    match result {
        Some(ResultState::Success) => return Outcome::Succeeded,
        Some(ResultState::TimedOut) => return Outcome::TimedOut,
        Some(ResultState::Canceled) => return Outcome::Cancelled,
        Some(
            ResultState::Excluded | ResultState::UpstreamFailed | ResultState::UpstreamCanceled | ResultState::Disabled,
        ) => {
            return Outcome::Skipped(message.to_string());
        }
        _ => {}
    }
    let message =
        details.and_then(|details| details.message.as_deref()).filter(|text| !text.is_empty()).unwrap_or(message);
    let code = details.and_then(|details| details.code.as_ref());
    match code {
        Some(TerminationCode::Success) => Outcome::Succeeded,
        Some(TerminationCode::UserCanceled | TerminationCode::Canceled) => Outcome::Cancelled,
        Some(TerminationCode::Skipped | TerminationCode::Disabled) => Outcome::Skipped(message.to_string()),
        Some(code) => Outcome::Failed(explain_termination(Some(code), message)),
        // A success that is not said is none.
        None => Outcome::Failed(explain_termination(None, message)),
    }
}

fn explain_queue(code: Option<&str>, message: Option<&str>) -> String {
    let text = match code {
        Some("ACTIVE_RUNS_LIMIT_REACHED") => "the workspace runs as many jobs as it may at once",
        Some("MAX_CONCURRENT_RUNS_REACHED") => "the job runs as often as it may at once",
        Some("ACTIVE_RUN_JOB_TASKS_LIMIT_REACHED") => "the workspace has as many job-in-job tasks as it may at once",
        _ => return message.filter(|text| !text.is_empty()).unwrap_or("it waits for a place").to_string(),
    };
    text.to_string()
}

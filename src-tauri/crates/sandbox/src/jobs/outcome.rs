//! How runs and tasks stand and end, in the two vocabularies that the API has for it.

use crate::state::Ending;
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for other runs; with the queue's code.
    Queued(&'static str),
    /// Waits for tasks before it.
    Blocked,
    /// A cluster is being started.
    Pending,
    Running,
    Terminating,
    Ended(Outcome),
}

/// `result_state` of the old vocabulary, code and type of the new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub result: &'static str,
    pub code: String,
    pub kind: String,
    pub message: String,
}

impl Outcome {
    pub fn new(result: &'static str, code: &str, kind: &str, message: impl Into<String>) -> Self {
        Self { result, code: code.to_owned(), kind: kind.to_owned(), message: message.into() }
    }

    pub fn success() -> Self {
        Self::new("SUCCESS", "SUCCESS", "SUCCESS", "")
    }

    pub fn canceled() -> Self {
        Self::new("CANCELED", "USER_CANCELED", "SUCCESS", "Run cancelled.")
    }

    /// The platform's own cancellation; the old vocabulary is clearer.
    pub fn timed_out(seconds: u64) -> Self {
        Self::new("TIMEDOUT", "CANCELED", "CLIENT_ERROR", format!("Run timed out after {seconds} seconds."))
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::new("FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", message)
    }

    pub fn upstream() -> Self {
        Self::new("UPSTREAM_FAILED", "SKIPPED", "CLIENT_ERROR", "An upstream task failed.")
    }

    pub fn from_ending(ending: &Ending) -> Self {
        let result = match ending.code.as_str() {
            "SUCCESS" => "SUCCESS",
            "CANCELED" | "USER_CANCELED" => "CANCELED",
            "MAX_CONCURRENT_RUNS_EXCEEDED" => "MAXIMUM_CONCURRENT_RUNS_REACHED",
            _ => "FAILED",
        };
        Self::new(result, &ending.code, &ending.kind, ending.message.clone())
    }

    pub fn is_good(&self) -> bool {
        self.result == "SUCCESS"
    }

    /// Ends of the platform's making are not the run's: the old vocabulary has a state of its own for them.
    fn life_cycle(&self) -> &'static str {
        match (self.code.as_str(), self.kind.as_str()) {
            ("MAX_CONCURRENT_RUNS_EXCEEDED", _) => "SKIPPED",
            (_, "INTERNAL_ERROR" | "CLOUD_FAILURE") => "INTERNAL_ERROR",
            _ => "TERMINATED",
        }
    }
}

impl Phase {
    pub fn ended(&self) -> Option<&Outcome> {
        match self {
            Self::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The new vocabulary.
    pub fn status(&self) -> Value {
        match self {
            Self::Queued(code) => json!({
                "state": "QUEUED",
                "queue_details": {"code": code, "message": "The run is queued until other runs have ended."},
            }),
            Self::Blocked => json!({"state": "BLOCKED"}),
            Self::Pending => json!({"state": "PENDING"}),
            Self::Running => json!({"state": "RUNNING"}),
            Self::Terminating => json!({"state": "TERMINATING"}),
            Self::Ended(end) => json!({
                "state": "TERMINATED",
                "termination_details": {"code": end.code, "type": end.kind, "message": end.message},
            }),
        }
    }

    /// The old one.
    pub fn state(&self) -> Value {
        let life = |word: &str, message: &str| json!({"life_cycle_state": word, "state_message": message, "user_cancelled_or_timedout": false});
        match self {
            Self::Queued(_) => life("QUEUED", "Waiting in the queue"),
            Self::Blocked => life("BLOCKED", ""),
            Self::Pending => life("PENDING", "Waiting for cluster"),
            Self::Running => life("RUNNING", "In run"),
            Self::Terminating => life("TERMINATING", "Terminating the run"),
            Self::Ended(end) => {
                let mut payload = life(end.life_cycle(), &end.message);
                payload["result_state"] = end.result.into();
                payload["user_cancelled_or_timedout"] = matches!(end.result, "CANCELED" | "TIMEDOUT").into();
                payload
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_vocabularies_have_the_same_end() {
        let cloud =
            Ending { code: "CLOUD_FAILURE".into(), kind: "CLOUD_FAILURE".into(), message: "no spot nodes".into() };
        let phase = Phase::Ended(Outcome::from_ending(&cloud));
        assert_eq!(phase.state()["life_cycle_state"], "INTERNAL_ERROR");
        assert_eq!(phase.state()["result_state"], "FAILED");
        assert_eq!(phase.status()["termination_details"]["code"], "CLOUD_FAILURE");
        let canceled = Phase::Ended(Outcome::canceled());
        assert_eq!(canceled.state()["user_cancelled_or_timedout"], true);
        assert_eq!(canceled.status()["termination_details"]["code"], "USER_CANCELED");
        assert_eq!(Phase::Ended(Outcome::success()).state()["life_cycle_state"], "TERMINATED");
    }
}

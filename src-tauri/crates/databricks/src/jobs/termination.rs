//! The workspace's codes for how a run ended, explained.

use super::codes::TerminationCode;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Termination {
    /// As the workspace gives it; empty if it gave none.
    pub code: String,
    pub explanation: String,
    pub hint: String,
    /// The workspace's own message.
    pub message: String,
    /// The same run may do better a little later.
    pub retryable: bool,
}

pub fn explain_termination(code: Option<&TerminationCode>, message: &str) -> Termination {
    let (explanation, hint, retryable) =
        code.map_or(("it did not succeed", "See the message and the task's output.", false), meaning);
    Termination {
        code: code.map(|code| code.as_str().to_string()).unwrap_or_default(),
        explanation: explanation.into(),
        hint: hint.into(),
        message: message.to_string(),
        retryable,
    }
}

/// What happened, what to do next, and whether the same run may do better a little later.
fn meaning(code: &TerminationCode) -> (&'static str, &'static str, bool) {
    use TerminationCode as T;
    const RETRY: bool = true;
    match code {
        T::Success => ("it succeeded", "", false),
        T::SuccessWithFailures => ("some of its tasks failed", "Look at the tasks.", false),
        T::UserCanceled => ("a user cancelled it", "Run it again if that was not meant.", false),
        T::Canceled => {
            ("the workspace cancelled it, for example after its time limit", "Look at the time limit.", false)
        }
        T::Skipped => ("it was skipped", "See the message.", false),
        T::InternalError => ("the workspace reports an internal error", "Run it again.", RETRY),
        T::DriverError => {
            ("the driver stopped answering, most often for lack of memory", "Run it again with a larger driver.", RETRY)
        }
        T::ClusterError => ("the cluster could not start or ended early", "See the message, and run it again.", RETRY),
        T::RepositoryCheckoutFailed => {
            ("the source repository could not be read", "Check the job's git source.", false)
        }
        T::InvalidClusterRequest => (
            "the cluster as asked for is not allowed or not possible",
            "See the message; a cluster policy may fix machine types, engine or tags. Choose what it allows.",
            false,
        ),
        T::WorkspaceRunLimitExceeded => {
            ("the workspace runs as many jobs as it may at once", "Wait, or let runs queue.", RETRY)
        }
        T::FeatureDisabled => {
            ("the workspace does not offer something that the run needs", "Ask an administrator to enable it.", false)
        }
        T::ClusterRequestLimitExceeded => ("too many clusters were asked for at once", "Wait a few minutes.", RETRY),
        T::StorageAccessError => (
            "the storage could not be read or written",
            "Check the storage's firewall, and the rights of the principal that the job runs as.",
            false,
        ),
        T::RunExecutionError => ("the script failed", "See the message and the task's output.", false),
        T::UnauthorizedError => (
            "the principal that the job runs as lacks a right",
            "See the message; grant it, or run as another principal.",
            false,
        ),
        T::LibraryInstallationError => (
            "a library could not be installed on the cluster",
            "Check that the cluster reaches the package index, or give the library as a file on a volume.",
            false,
        ),
        T::MaxConcurrentRunsExceeded => ("the job runs as often as it may at once", "Wait for the other run.", RETRY),
        T::MaxSparkContextsExceeded => {
            ("the cluster has too many tasks at once", "Run fewer tasks on one cluster.", RETRY)
        }
        T::ResourceNotFound => {
            ("something that the run names is not there, such as the script or the cluster", "See the message.", false)
        }
        T::InvalidRunConfiguration => ("the run's configuration is invalid", "See the message.", false),
        T::CloudFailure => (
            "the cloud did not give the machines",
            "Run it again; with another machine type or region if it stays, or without spot machines.",
            RETRY,
        ),
        T::MaxJobQueueSizeExceeded => ("too many runs of the job are waiting", "Wait for them.", RETRY),
        T::Disabled => ("it is switched off", "Switch the job on.", false),
        T::BreakingChange => ("the workspace no longer takes runs of this form", "Update IceBridge.", false),
        T::BudgetPolicyLimitExceeded => ("the budget policy allows no more", "Ask who looks after the budget.", false),
        T::ClusterTerminatedByUser => ("a user terminated the cluster", "Run it again if that was not meant.", false),
        T::Other(_) => ("it ended for a reason newer than this program", "See the message.", false),
    }
}

//! The workspace's codes for how a run ended, in plain words.

use super::run::TerminationCode;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// As the workspace gives it; empty if it gave none.
    pub code: String,
    pub what: String,
    pub next: String,
    /// The workspace's own message.
    pub message: String,
    /// The same run may do better a little later.
    pub again: bool,
}

pub fn words_of(code: Option<&TerminationCode>, message: &str) -> Words {
    use TerminationCode as T;
    const LATER: bool = true;
    let (what, next, again) = match code {
        Some(T::Success) => ("it succeeded", "", false),
        Some(T::SuccessWithFailures) => ("some of its tasks failed", "Look at the tasks.", false),
        Some(T::UserCanceled) => ("somebody cancelled it", "Run it again if that was not meant.", false),
        Some(T::Canceled) => {
            ("the workspace cancelled it, for example after its time limit", "Look at the time limit.", false)
        }
        Some(T::Skipped) => ("it was skipped", "See the message.", false),
        Some(T::InternalError) => ("the workspace failed inside", "Run it again.", LATER),
        Some(T::DriverError) => {
            ("the driver stopped answering, most often for lack of memory", "Run it again with a larger driver.", LATER)
        }
        Some(T::ClusterError) => {
            ("the cluster could not start or ended early", "See the message, and run it again.", LATER)
        }
        Some(T::RepositoryCheckoutFailed) => {
            ("the source repository could not be read", "Check the job's git source.", false)
        }
        Some(T::InvalidClusterRequest) => (
            "the cluster as asked for is not allowed or not possible",
            "See the message; a cluster policy may fix machine types, engine or tags. Choose what it allows.",
            false,
        ),
        Some(T::WorkspaceRunLimitExceeded) => {
            ("the workspace runs as many jobs as it may at once", "Wait, or let runs queue.", LATER)
        }
        Some(T::FeatureDisabled) => {
            ("the workspace does not offer something that the run needs", "Ask an administrator to enable it.", false)
        }
        Some(T::ClusterRequestLimitExceeded) => {
            ("too many clusters were asked for at once", "Wait a few minutes.", LATER)
        }
        Some(T::StorageAccessError) => (
            "the storage could not be read or written",
            "Check the storage's firewall, and the rights of the principal that the job runs as.",
            false,
        ),
        Some(T::RunExecutionError) => ("the script failed", "See the message and the task's output.", false),
        Some(T::UnauthorizedError) => (
            "the principal that the job runs as lacks a right",
            "See the message; grant it, or run as another principal.",
            false,
        ),
        Some(T::LibraryInstallationError) => (
            "a library could not be installed on the cluster",
            "Check that the cluster reaches the package index, or give the library as a file on a volume.",
            false,
        ),
        Some(T::MaxConcurrentRunsExceeded) => {
            ("the job runs as often as it may at once", "Wait for the other run.", LATER)
        }
        Some(T::MaxSparkContextsExceeded) => {
            ("the cluster has too many tasks at once", "Run fewer tasks on one cluster.", LATER)
        }
        Some(T::ResourceNotFound) => {
            ("something that the run names is not there, such as the script or the cluster", "See the message.", false)
        }
        Some(T::InvalidRunConfiguration) => ("the run is not described rightly", "See the message.", false),
        Some(T::CloudFailure) => (
            "the cloud did not give the machines",
            "Run it again; with another machine type or region if it stays, or without spot machines.",
            LATER,
        ),
        Some(T::MaxJobQueueSizeExceeded) => ("too many runs of the job are waiting", "Wait for them.", LATER),
        Some(T::Disabled) => ("it is switched off", "Switch the job on.", false),
        Some(T::BreakingChange) => ("the workspace no longer takes runs of this form", "Update IceBridge.", false),
        Some(T::BudgetPolicyLimitExceeded) => {
            ("the budget policy allows no more", "Ask who looks after the budget.", false)
        }
        Some(T::ClusterTerminatedByUser) => {
            ("somebody ended the cluster", "Run it again if that was not meant.", false)
        }
        Some(T::Other(_)) => ("it ended for a reason newer than this program", "See the message.", false),
        None => ("it did not succeed", "See the message and the task's output.", false),
    };
    Words {
        code: code.map(|code| code.as_str().to_string()).unwrap_or_default(),
        what: what.into(),
        next: next.into(),
        message: message.to_string(),
        again,
    }
}

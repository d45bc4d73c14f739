//! Jobs, their runs and the clusters that they start. Pure state; the processes are in `runner`.

pub mod cluster;
mod compute;
pub mod offer;
mod outcome;
mod policy;
mod queue;
mod show;
mod state;
mod submission;
mod terms;
mod usage;

pub use outcome::{Outcome, Phase};
pub use policy::ClusterPolicy;
pub use queue::Queued;
pub use show::{run_payload, task_as_run, task_payload};
#[cfg(test)]
pub use state::Task;
pub use state::{Job, JobsState, Run};
pub use submission::{Begun, RunRequest, saved_settings};
pub use terms::Terms;
pub use usage::{Usage, prices};

//! Copies made by Databricks clusters, from "a cluster shall copy these tables" to one result a table.
//!
//! [`Engine::run`] cuts the tables into steps ([`group`]) and takes each step through its states. Each state has a file:
//!
//! [`intended`] -> [`prepared`] -> [`job_made`] -> [`started`] -> [`over`] -> [`cleared`]
//!
//! In each file: what brings a record from the state before to this one, how to find out whether it already happened, and how
//! it is undone. A state is written down when it is reached ([`journal`]), before anything else is asked of the workspace: a
//! process that is killed at any instruction leaves a record from which the next one finds the run, and never starts a second
//! cluster for the same step. What was copied is compared on the same cluster ([`checks`]). See docs/photon.md.

mod checks;
mod cleared;
mod compute;
mod engine;
mod follow;
mod group;
mod input;
mod intended;
mod job_made;
mod journal;
mod judge;
mod machine;
mod observer;
mod order;
mod over;
mod patience;
mod prepared;
mod prior_steps;
mod record;
mod requests;
mod result_file;
mod scripts;
pub mod secrets;
mod spend;
mod started;
mod step;
mod upload;

pub use compute::{Offer, cloud};
pub use engine::Engine;
pub use group::{Group, group};
pub use journal::CLUSTER_STEP;
pub use observer::{FollowPace, Observer, Unobserved};
pub use order::Order;
pub use record::{Compute, JobKind, Lane, LaneCheck, StepRecord, StepState};
pub use scripts::{GREAT_EXPECTATIONS, Scripts};
pub use spend::{Rates, SpendCap};

pub(crate) use engine::RECENT;
pub(crate) use patience::{Patience, cancelled};
pub(crate) use prior_steps::PriorSteps;
pub(crate) use record::short;

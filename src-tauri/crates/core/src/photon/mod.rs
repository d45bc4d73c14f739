//! Copies made by Databricks clusters with Photon: everything between "these tables shall be copied by a cluster" and "here
//! is each table's result".
//!
//! [`Engine::run`] cuts the tables into steps ([`group`]), and takes each step from intended to cleared. Before anything is
//! asked of the workspace the intention is in the store, and each thing that was reached is written down when it was: a
//! process that is killed at any instruction leaves a record by which the next one finds the run, and never starts a second
//! cluster for the same step ([`start`]). What was copied is compared on the same cluster ([`checks`]). docs/photon.md tells it from outside.

pub mod after;
mod bill;
mod checks;
mod compute;
mod cost;
pub mod documents;
mod engine;
mod follow;
mod group;
mod input;
mod judge;
pub mod metrics;
mod observer;
mod order;
mod patience;
mod record;
mod result_file;
mod scripts;
pub mod secrets;
mod start;
mod upload;
mod warehouse;

pub use bill::bill;
pub use compute::Offer;
pub use cost::{PRICES_FILE, Prices, estimate};
pub use engine::{CLUSTER_STEP, Engine};
pub use group::{Group, group};
pub use observer::{FollowPace, Observer, Unobserved};
pub use order::Order;
pub use record::{Compute, Lane, LaneCheck, StepRecord, StepState};
pub use scripts::{GREAT_EXPECTATIONS, Scripts};

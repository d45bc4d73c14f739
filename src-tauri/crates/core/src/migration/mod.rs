//! Runs a plan: each table's migration is a unit of its own.
//!
//! A table goes queued -> copying -> committing -> committed -> validating -> migrated, and every step is a journal entry
//! before it is an action ([`crate::ledger`]). The process may be killed at any instruction: a resume asks the target before it
//! acts ([`adoption`]), finds finished files by their checkpoints, and makes the rest again. One table's failure, or a panic
//! in its task, never stops another.
//!
//! What is left when a table does not make it: after a failure before the commit, nothing (the copy is discarded); after a
//! cancel, the finished files, for a resume or a later run of the same plan in this state ([`staging`]); after a failed
//! validation, the table in the target, named in the error and never counted as migrated.

mod adoption;
mod checkpoint;
mod cluster_adoption;
mod cluster_reach;
mod clusters;
mod context;
mod earlier_proof;
mod empty_tables;
mod environment;
mod executor;
mod governance;
mod guard;
mod layouts;
mod left_empty;
mod live;
mod local_copy;
mod parallel;
mod pin;
mod proving;
mod read_back;
mod renamed;
mod same_catalogs;
mod scheduler;
mod search;
pub(crate) mod staged_copies;
mod staging;
mod start;
mod synced;
mod tuning;
mod unproved;
mod used_places;
mod validate_again;
mod view;

#[cfg(test)]
pub(crate) mod tests;

pub use environment::{Environment, Lakehouse};
pub use start::{RunHandle, resume, start};
pub use validate_again::validate_again;
pub use view::{cancel, list, view};

pub(crate) use checkpoint::StoreCheckpoint;
pub(crate) use cluster_reach::{Lending, refuse_restricted};
pub(crate) use context::commit_limit;
pub(crate) use guard::guarded;
pub(crate) use pin::pinned;
pub(crate) use same_catalogs::check as check_catalogs;
pub(crate) use synced::lost_snapshot;
pub(crate) use unproved::{record_unproved, round_not_seen};
pub(crate) use view::{as_of_now, at_work, counted, recorded_migration};

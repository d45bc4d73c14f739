//! Executes exactly one plan.
//!
//! A table travels queued -> copying -> committing -> committed -> validating -> migrated, and every step is a journal entry
//! before it is an action ([`entry`]). The process may be killed at any instruction: a resume asks the target before it acts
//! ([`adoption`]), finds finished files by their checkpoints, and makes the rest again. One table's failure, or a panic in
//! its task, never stops another.
//!
//! What is left when a table does not make it: after a failure before the commit, nothing (the copy is discarded); after a
//! cancel, the finished files, because whoever cancels may resume (they belong to the plan, and a later run of the same plan
//! finds them); after a failed validation, the table in the target, named in the error and never counted as migrated.

mod adoption;
mod checkpoint;
mod clusters;
pub mod entry;
mod execute;
mod governance;
mod ground;
mod journey;
mod live;
mod pin;
mod view;

#[cfg(test)]
pub(crate) mod tests;

pub use execute::{RunHandle, resume, start};
pub use ground::{Ground, Lakehouse};
pub use live::ActiveRuns;
pub use view::{cancel, list, view};

pub(crate) use pin::pinned;
pub(crate) use view::{as_of_now, at_work, find_run, progress_of, recorded_migration};

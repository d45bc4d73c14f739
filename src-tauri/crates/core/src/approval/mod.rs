//! Approval of a plan by others than the one who runs it (docs/approval.md).
//!
//! It is given in an approver's state, taken into the one that runs, and asked for where a run, a round of a sync or a cut-over
//! begins.

mod file;
mod give;
mod list;
mod rule;
mod signed;
mod take;

#[cfg(test)]
mod tests;

pub use give::give;
pub use list::list;
pub(crate) use rule::{counts, needed, require};
pub use take::take;

//! What the rules look at: a table, its mapping, and what the target can do.

mod clusters;
mod context;
mod target;

pub use target::TargetKind;

pub(super) use clusters::{Clusters, source_catalog, within};
pub(super) use context::{Context, columns, counted, identifiers, listed};
pub(super) use target::Target;

//! Compares source and target, and says what that proves. It knows nothing of runs.
//!
//! Five checks, each stronger than the one before: schema, row count, per-column aggregates, the digest over all rows, and for
//! clones the SHA-256 of every file. Beside them two that do not rest on the reader alone ([`records`]). Only a table that
//! passes all of them is migrated. What a cluster found of a copy is added by [`cluster`].

mod bytes;
mod changes;
pub(crate) mod cluster;
mod columns;
mod compare;
mod measure;
mod proof;
mod records;
mod unique;

pub(crate) use changes::{Before, compare_changes};
pub(crate) use compare::checks_of;
pub(crate) use compare::columns_of;
pub use compare::{Compared, Sides, compare, failure};
pub use measure::{Measure, Measured, measure};
pub(crate) use proof::{add_read_back, keep_read_back, proof};

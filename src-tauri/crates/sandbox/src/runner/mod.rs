//! Runs at work: each from the queue to its end, its tasks as Python processes on this machine.

mod drive;
mod environment;
mod parts;
mod process;
mod query;
mod runtime;

pub use drive::drive;
pub use parts::Runner;
pub use query::query;
pub use runtime::write_runtime;

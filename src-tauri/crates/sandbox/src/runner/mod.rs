//! Runs at work: each from the queue to its end, its tasks as Python processes on this machine.

mod drive;
mod environment;
mod parts;
mod process;

pub use drive::drive;
pub use parts::Runner;

use crate::state::Folder;

/// What every task's Python loads first.
const SITECUSTOMIZE: &str = include_str!("sitecustomize.py");

pub fn write_runtime(folder: &Folder) -> std::io::Result<()> {
    std::fs::write(folder.runtime().join("sitecustomize.py"), SITECUSTOMIZE)
}

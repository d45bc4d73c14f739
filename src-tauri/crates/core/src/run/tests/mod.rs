//! Runs on a lake whose every step can fail, panic, or be the last thing the process does.

mod faults;
mod journeys;
pub(crate) mod world;

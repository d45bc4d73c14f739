//! Runs on a lake whose every step can fail, panic, or be the last thing the process does.

mod counted;
mod earlier;
mod faults;
pub(crate) mod fixture;
mod journeys;
mod two_real_states;
mod two_states;

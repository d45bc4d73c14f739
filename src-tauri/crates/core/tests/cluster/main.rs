//! Copies on clusters against the sandbox, which knows nothing of our client and counts what it was asked for: that there
//! are never two clusters for one step, whatever is lost and wherever the process ends.
#![allow(clippy::unwrap_used, reason = "in a test it is the assertion, in its helpers too")]

mod automatic;
mod cancel;
mod checks;
mod crash;
mod documents;
mod faults;
mod fixture;
mod governance;
mod outcomes;
mod real;
mod spend;

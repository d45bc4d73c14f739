//! The verbs: one module a stage of the journey, each usable alone.
//!
//! connect -> inventory -> (map) -> preflight -> plan -> migration -> validate -> sync -> cut over -> audit
//!
//! Everything works on a [`LocalState`]: the store, the secrets and the channel for events. Below the stages: [`state`], the
//! [`ledger`] and [`limiter`]. No module imports one that imports it (docs/adr/0005-rooms-of-core.md).

pub mod approval;
pub mod audit;
mod catalogs;
pub mod cluster;
pub mod connect;
pub mod cutover;
pub mod doctor;
mod examined;
#[cfg(test)]
mod fuzz_tests;
pub mod governance;
mod hooks;
pub mod input;
mod instant;
pub mod inventory;
mod judge;
pub mod ledger;
mod limiter;
pub mod mapping;
pub mod migration;
mod mutex;
mod place;
pub mod plan;
pub mod preflight;
mod process_group;
pub mod rehearsal;
pub mod sample;
pub mod secrets;
pub mod selftest;
mod sessions;
mod signing;
pub mod state;
pub mod sync;
pub mod table;
pub mod tidy;
pub mod validate;
pub mod views;
pub mod workspaces;

pub use secrets::SecretStore;
pub use state::LocalState;

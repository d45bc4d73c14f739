//! The verbs: one module a stage of the journey, each usable alone.
//!
//! connect -> inventory -> (map) -> preflight -> plan -> run -> validate -> audit
//!
//! Everything works on a [`LocalState`]: the store, the secrets and the channel for events.

pub mod audit;
mod catalogs;
pub mod cluster;
pub mod connect;
pub mod governance;
pub mod inventory;
pub mod limiter;
pub mod mapping;
pub mod plan;
pub mod preflight;
pub mod run;
pub mod sample;
pub mod secrets;
mod sessions;
pub mod state;
pub mod table;
pub mod validate;
pub mod views;
pub mod workspaces;

pub use secrets::SecretStore;
pub use state::LocalState;

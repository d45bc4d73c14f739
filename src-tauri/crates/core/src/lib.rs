//! The verbs: one module a stage of the journey, each usable alone.
//!
//! connect -> inventory -> (map) -> preflight -> plan -> run -> validate -> audit
//!
//! Everything works on a [`LocalState`]: the store, the secrets and the channel for events.

pub mod audit;
pub mod connect;
pub mod databricks;
pub mod inventory;
pub mod limiter;
pub mod mapping;
pub mod photon;
pub mod plan;
pub mod preflight;
pub mod run;
pub mod sample;
pub mod secrets;
pub mod state;
pub mod table;
pub mod validate;

pub use secrets::SecretStore;
pub use state::LocalState;

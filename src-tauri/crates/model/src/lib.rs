//! The nouns of the journey and the rules that need no I/O.
//!
//! connect -> inventory -> map -> pre-flight -> plan -> run -> validate -> sync -> cut over -> audit
//!
//! This crate knows nobody: no files, no network, no clock. It compiles to wasm and is shared with the UI, so the two
//! sides of the window cannot disagree. Every shape here is also the JSON of the CLI (`--json`) and of the audit bundle.

pub mod approval;
pub mod audit;
pub mod catalog;
pub mod check;
pub mod conversion;
pub mod copy_mode;
pub mod cutover;
pub mod databricks;
pub mod doctor;
pub mod earlier;
pub mod error;
pub mod event;
pub mod facts;
pub mod finding;
pub mod format;
pub mod freeze;
pub mod governance;
pub mod hooks;
pub mod ident;
pub mod ids;
pub mod journal;
pub mod judge;
pub mod logs;
pub mod mapping;
pub mod ops;
pub mod photon;
pub mod plan;
pub mod properties;
pub mod records;
pub mod rehearsal;
pub mod route;
pub mod run;
pub mod schema;
pub mod secret;
pub mod selftest;
pub mod sync;
pub mod target_version;
pub mod tidy;
pub mod validation;
pub mod values;
pub mod view;
pub mod waves;

pub use error::{Code, Error, Result};
pub use ident::TableIdent;

//! A Databricks workspace over REST.
//!
//! `auth` signs in, `client` sends requests over the product's one transport (`icebridge-http`). On it stand the parts of
//! the API that the product uses, each small: Unity Catalog (`unity`, and on it `gate` and `inventory`), jobs, clusters,
//! SQL statements, files, workspace files, secrets, identity. docs/databricks-client.md says what is retried and where the
//! facts come from.

mod family;
mod host;
mod open_enum;
mod options;
mod service;

pub mod auth;
pub mod client;
pub mod clusters;
pub mod files;
pub mod gate;
pub mod identity;
pub mod inventory;
pub mod jobs;
pub mod optimization;
pub mod secrets;
pub mod sql;
pub mod unity;
pub mod workspace;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use family::Family;
pub use host::{Cloud, Host, HostKind};
pub use icebridge_http::{Answer, Limiters, Proxy, RetryPolicy, Transport, USER_AGENT};
pub use options::ClientOptions;

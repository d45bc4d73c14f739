//! A Databricks workspace over REST.
//!
//! `auth` knows who we are, `client` sends requests: in turn, again where it is safe, with errors that say what to do. On
//! it stand the parts of the API that the product uses, each small: Unity Catalog (`unity`, and on it `gate` and
//! `inventory`), jobs, clusters, SQL statements, files, workspace files, secrets, identity. docs/databricks-client.md tells
//! what is retried and where the facts come from.

mod host;
mod open_words;
mod transport;

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
mod loopback;
#[cfg(test)]
mod tests;

pub use client::{Answer, Client, Conduct};
pub use host::{Cloud, Host, HostKind};
pub use transport::{Proxy, Transport, USER_AGENT};

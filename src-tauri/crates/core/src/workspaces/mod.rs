//! Databricks workspaces, several side by side: saved, signed in to, checked; their gate and their Unity Catalog.
//!
//! A spec says where a workspace is and who signs in; secrets and the tokens of people are in the host's keychain. Each
//! command builds its client from the spec ([`reach`]), so that a changed profile, variable or grant counts at once.

mod check;
pub(crate) mod endpoint;
pub mod gate;
mod managed;
mod reach;
pub(crate) mod restrictions;
mod saved;
pub mod sign_in;
pub(crate) mod tables;
pub mod unity;

pub use crate::sessions::{GrantKey, MemoryTokens, TokenStore};
pub use check::check;
pub(crate) use managed::managed_place;
pub use reach::client;
pub use saved::{list, profiles, remove, save};

//! Azure storage, over the endpoint for blobs: it serves accounts with and without a hierarchical namespace.

mod account;
mod chain;
mod container;
mod direct;
mod settings;

pub(super) use account::Account;
pub use container::Container;

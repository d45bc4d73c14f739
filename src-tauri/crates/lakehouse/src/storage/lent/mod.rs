//! Credentials that a catalog lends for a while, renewed before they end and where they end early.

mod keys;
mod lender;
mod providers;

pub use keys::{KeySource, LentKeys};
pub(super) use lender::{Lender, Renewal};
pub(super) use providers::{LentToAzure, LentToGoogle, LentToS3};

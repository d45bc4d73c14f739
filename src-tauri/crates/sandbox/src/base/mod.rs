//! What everything else stands on: refusals, JSON fields, pages, the clock. No HTTP, no async.

mod clock;
mod fields;
mod page;
mod pattern;
mod refusal;
mod shared;

pub use clock::{Clock, Ids, millis};
pub use fields::{Fields, Params, param, plain, required};
pub use page::Page;
pub use pattern::like;
pub use refusal::Refusal;
pub use shared::Shared;

/// The workspace's id, which a host of several wants in a header.
pub const WORKSPACE_ID: &str = "4211987654321098";
pub const ACCOUNT_ID: &str = "1d8f0c2e-3b5a-4c6d-9e7f-a1b2c3d4e5f6";

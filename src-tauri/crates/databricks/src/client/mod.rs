//! Requests to a workspace: tokens, retries, pages, errors. What is retried, and when, is in docs/databricks-client.md.

pub(crate) mod lenient;
mod pages;
mod requests;
mod soft;
#[cfg(test)]
mod tests;
mod versions;

pub(crate) use crate::family::Family;
pub(crate) use crate::service::{RefusalKind, SERVICE};
pub(crate) use icebridge_http::{Answer, Call, Failure, PageGuard, segment};

pub use pages::Page;
pub use requests::Client;
pub(crate) use requests::NOT_UNDERSTOOD;

//! One HTTP transport for every server that the product speaks to: Iceberg REST catalogs, Databricks workspaces, token
//! servers.
//!
//! A [`Call`] is one request before it is sent. [`HttpClient`] sends it: in its turn ([`Limiters`]), again where that is
//! safe ([`Repeat`], [`RetryPolicy`]), never to another origin ([`Redirects`]), with bounded answers, and with every secret
//! that was sent taken out of what is shown or stored ([`Scrubber`]). [`Service`] says in which codes and sentences the
//! failures of one kind of server are reported.

mod attempt;
mod blocker;
mod body;
mod call;
mod client;
mod failure;
mod limiter;
mod oauth;
mod origin;
mod pages;
mod path;
mod refusal;
mod retry;
mod scrub;
mod send;
mod service;
mod tls;
mod transport;
mod verdict;

#[cfg(test)]
mod tests;

pub use blocker::ConnectBlocker;
pub use body::MAX_ANSWER_BYTES;
pub use call::{Call, Repeat};
pub use client::{Answer, Credentials, HttpClient};
pub use failure::{Failure, not_this_service, outcome_unknown, unreachable};
pub use limiter::{Family, Limiters, Limits};
pub use oauth::{Granted, TokenFailure, TokenRefusal, TokenRequest};
pub use origin::{is_loopback, origin_of, same_origin};
pub use pages::PageGuard;
pub use path::segment;
pub use retry::{RetryPolicy, retry_after};
pub use scrub::Scrubber;
pub use service::{Explanation, Refusal, Service};
pub use tls::install_provider;
pub use transport::{Connection, Proxy, Redirects, Transport, USER_AGENT};

pub use reqwest::{Error as TransportError, Method, Response, header};

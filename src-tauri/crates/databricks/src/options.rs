//! How a client behaves.

use icebridge_http::{Limiters, RetryPolicy, Transport};

/// The default is right for people.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub transport: Transport,
    pub limiters: Limiters,
    pub retry: RetryPolicy,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { transport: Transport::default(), limiters: Limiters::shared(), retry: RetryPolicy::default() }
    }
}

//! Requests, and the turns that they and commits wait for.

use crate::labels::{ByFamily, ByLimiter};
use crate::list::List;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::fmt;
use std::time::Instant;

/// Of one family of an API, over all hosts.
#[derive(Clone, Debug)]
pub struct Requests {
    sent: Counter,
    again: Counter,
    throttled: Counter,
    waits: Waits,
}

impl Requests {
    pub(crate) fn of(list: &List, family: &'static str) -> Self {
        let labels = ByFamily { family };
        Self {
            sent: list.requests.get_or_create_owned(&labels),
            again: list.retries.get_or_create_owned(&labels),
            throttled: list.throttled.get_or_create_owned(&labels),
            waits: Waits::of(list, family),
        }
    }

    pub fn sent(&self) {
        self.sent.inc();
    }

    pub fn sent_again(&self) {
        self.again.inc();
    }

    pub fn throttled(&self) {
        self.throttled.inc();
    }

    /// Waits for its turn until what is returned is dropped.
    pub fn wait(&self) -> Waiting {
        self.waits.begin()
    }
}

/// Of one limiter.
#[derive(Clone)]
pub struct Waits {
    seconds: Histogram,
    waiting: Gauge,
}

impl Waits {
    pub(crate) fn of(list: &List, limiter: &'static str) -> Self {
        let labels = ByLimiter { limiter };
        Self { seconds: list.waits.get_or_create_owned(&labels), waiting: list.waiting.get_or_create_owned(&labels) }
    }

    /// Waits until what is returned is dropped: with the turn, or because it is not wanted any more.
    pub fn begin(&self) -> Waiting {
        self.waiting.inc();
        Waiting { waits: self.clone(), begun: Instant::now() }
    }
}

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waits")
    }
}

#[derive(Debug)]
#[must_use = "the wait ends when this is dropped"]
pub struct Waiting {
    waits: Waits,
    begun: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.waits.seconds.observe(self.begun.elapsed().as_secs_f64());
        self.waits.waiting.dec();
    }
}

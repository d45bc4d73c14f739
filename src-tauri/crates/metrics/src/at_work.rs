//! A stage of the journey, timed.

use crate::labels::{ByStage, Stage};
use crate::list::List;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::fmt;
use std::time::Instant;

/// A stage at work. However it ends, it is dropped.
#[must_use = "the stage ends when this is dropped"]
pub struct AtWork {
    seconds: Histogram,
    at_work: Gauge,
    begun: Instant,
}

impl AtWork {
    pub(crate) fn begin(list: &List, stage: Stage) -> Self {
        let labels = ByStage { stage: stage.as_str() };
        let at_work = list.stages_at_work.get_or_create_owned(&labels);
        at_work.inc();
        Self { seconds: list.stages.get_or_create_owned(&labels), at_work, begun: Instant::now() }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.seconds.observe(self.begun.elapsed().as_secs_f64());
        self.at_work.dec();
    }
}

impl fmt::Debug for AtWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtWork")
    }
}

//! Who watches the copies, and the pace at which the workspace is asked.

use super::record::StepRecord;
use async_trait::async_trait;
use icebridge_model::Result;
use icebridge_model::photon::ClusterEvent;
use std::time::Duration;

/// Shows the work. Everything that must not be lost is in the store and the journal already.
#[async_trait]
pub trait Observer: Send + Sync {
    /// A step came to another state, which is written down when this is called. An error stops the work here; the
    /// cluster goes on, and a resume finds it.
    async fn step(&self, _record: &StepRecord) -> Result<()> {
        Ok(())
    }
    fn event(&self, _event: ClusterEvent) {}
}

/// Shows nothing.
pub struct Unobserved;

impl Observer for Unobserved {}

/// Pauses between two looks at a run, and between two tries while the workspace cannot be reached. There is no deadline:
/// a laptop that sleeps, or a network that is gone for a night, does not end a run.
#[derive(Clone, Copy, Debug)]
pub struct FollowPace {
    pub first: Duration,
    pub longest: Duration,
    pub trouble_first: Duration,
    pub trouble_longest: Duration,
    /// How long a run may be in a state that this version does not know. It is not ended for it: a resume looks again.
    pub unknown_longest: Duration,
}

impl Default for FollowPace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_secs(30),
            trouble_first: Duration::from_secs(2),
            trouble_longest: Duration::from_secs(60),
            unknown_longest: Duration::from_secs(30 * 60),
        }
    }
}

impl FollowPace {
    pub(crate) fn slower(&self, pause: Duration) -> Duration {
        (pause * 3 / 2).min(self.longest)
    }
}

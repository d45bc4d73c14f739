//! Time, which a test can push forward, and ids.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

#[derive(Debug, Default)]
pub struct Clock {
    ahead: AtomicI64,
}

impl Clock {
    /// Milliseconds since 1970, as the API has them.
    pub fn now(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        millis(real).saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(millis(by), Ordering::Relaxed);
    }
}

pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Numbers and names that never repeat.
#[derive(Debug, Default)]
pub struct Ids {
    last: AtomicU64,
}

impl Ids {
    /// A 15-digit number, as job and run ids are: beyond 32 bits, within what JavaScript can hold.
    pub fn number(&self) -> u64 {
        // An odd step through the numbers: ids are not in a row, so no client can rely on their order.
        let step = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        100_000_000_000_000 + step.wrapping_mul(514_229_877_713) % 800_000_000_000_000
    }

    pub fn uuid(&self) -> String {
        Uuid::new_v4().to_string()
    }

    pub fn hex16(&self) -> String {
        let mut text = Uuid::new_v4().simple().to_string();
        text.truncate(16);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_do_not_repeat_and_stay_within_15_digits() {
        let ids = Ids::default();
        let mut seen: Vec<u64> = (0..100_000).map(|_| ids.number()).collect();
        assert!(seen.iter().all(|id| (100_000_000_000_000..1_000_000_000_000_000).contains(id)));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 100_000);
    }
}

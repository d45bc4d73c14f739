//! How long to wait before asking again.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Doubled at every attempt.
    pub first: Duration,
    pub longest: Duration,
    pub attempts: u32,
    /// For one request with all its attempts and the waits between them, not for its turns. A server that asks for a longer
    /// wait is not waited for.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(20),
            attempts: 6,
            patience: Duration::from_secs(300),
        }
    }
}

impl Pace {
    /// Full jitter: those who were cut off together don't come back together.
    pub(crate) fn backoff(&self, attempt: u32) -> Duration {
        let most = self.first.saturating_mul(1 << attempt.min(16)).min(self.longest);
        most.mul_f64(chance())
    }

    /// A little over what the server asked for, and differently for everybody.
    pub(crate) fn after(&self, asked: Duration) -> Duration {
        asked + self.first.mul_f64(chance())
    }
}

/// From 0 up to 1.
fn chance() -> f64 {
    // Without randomness everybody waits half: worse, not wrong.
    let number = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

/// In seconds, or as a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        // A year is as good as never, and can be added to a clock.
        return Some(Duration::from_secs(seconds.min(31_536_000)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn waits_grow_to_their_most_and_differ() {
        let pace = Pace { first: Duration::from_millis(100), longest: Duration::from_secs(1), ..Pace::default() };
        let waits: Vec<_> = (0..200).map(|_| pace.backoff(30)).collect();
        assert!(waits.iter().all(|wait| *wait < Duration::from_secs(1)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_millis(500)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(500)));
        assert!((0..100).all(|_| pace.backoff(0) < Duration::from_millis(100)));
        assert!(pace.after(Duration::from_secs(3)) >= Duration::from_secs(3));
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            retry_after(&headers)
        };
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30));
        assert!(of(&soon).unwrap() > Duration::from_secs(25));
        assert_eq!(of("99999999999999999"), Some(Duration::from_secs(31_536_000)));
        assert_eq!(of("soon"), None);
    }
}

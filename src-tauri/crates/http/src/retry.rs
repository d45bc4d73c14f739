//! How often and when a request is sent again. Whether it may be, `verdict` says.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// A year is as good as never, and can be added to a clock.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(31_536_000);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Doubled at every attempt.
    pub first_wait: Duration,
    pub max_wait: Duration,
    pub attempts: u32,
    /// For one request with all its attempts and the waits between them, not for its turns. A server that asks for a longer
    /// wait is not waited for.
    pub patience: Duration,
    /// Whether a server that fell silent is asked again. One that never answered is most likely a wrong address.
    pub repeat_silence: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(500),
            max_wait: Duration::from_secs(20),
            attempts: 6,
            patience: Duration::from_secs(300),
            repeat_silence: true,
        }
    }
}

impl RetryPolicy {
    /// Full jitter: clients that were cut off together don't come back together.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let ceiling = self.first_wait.saturating_mul(1 << attempt.min(16)).min(self.max_wait);
        ceiling.mul_f64(fraction())
    }

    /// A little over what the server asked for, and differently for every client.
    fn after(&self, asked: Duration) -> Duration {
        asked.saturating_add(self.first_wait.mul_f64(fraction()))
    }
}

/// The attempts of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    made: u32,
    spent: Duration,
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GiveUp {
    Attempts,
    Patience { wait: Duration },
}

impl Attempts {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self { policy, made: 0, spent: Duration::ZERO }
    }

    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    pub(crate) fn spend(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time);
    }

    /// After an attempt that failed: how long to wait before the next one. `asked`: what the server asks for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Result<Duration, GiveUp> {
        self.made += 1;
        if self.made >= self.policy.attempts {
            return Err(GiveUp::Attempts);
        }
        let wait = asked.map_or_else(|| self.policy.backoff(self.made), |asked| self.policy.after(asked));
        self.spend(wait);
        if self.spent > self.policy.patience { Err(GiveUp::Patience { wait }) } else { Ok(wait) }
    }
}

/// From 0 up to 1, from the system's random numbers.
fn fraction() -> f64 {
    // Without them every client waits half: worse, not wrong.
    let number = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

/// The wait that an answer asks for: in seconds, or until a date.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    Some(asked.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    fn of(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).ok()?);
        retry_after(&headers)
    }

    #[test]
    fn waits_grow_to_their_maximum_and_differ() {
        let (first_wait, max_wait) = (Duration::from_millis(100), Duration::from_secs(1));
        let policy = RetryPolicy { first_wait, max_wait, ..RetryPolicy::default() };
        let waits: Vec<_> = (0..200).map(|_| policy.backoff(30)).collect();
        assert!(waits.iter().all(|wait| *wait < max_wait));
        assert!(waits.iter().any(|wait| *wait > max_wait / 2));
        assert!(waits.iter().any(|wait| *wait < max_wait / 2));
        assert!((0..100).all(|_| policy.backoff(0) < first_wait));
        assert!(policy.after(Duration::from_secs(3)) >= Duration::from_secs(3));
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30));
        assert!(of(&soon).unwrap() > Duration::from_secs(25));
        assert_eq!(of("99999999999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(of("Fri, 31 Dec 9999 23:59:59 GMT"), Some(MAX_RETRY_AFTER));
        assert_eq!(of("soon"), None);
    }

    #[test]
    fn attempts_and_patience_end() {
        let policy = RetryPolicy { attempts: 3, patience: Duration::from_secs(10), ..RetryPolicy::default() };
        let mut attempts = Attempts::new(policy);
        assert!(attempts.next(None).is_ok() && attempts.next(None).is_ok());
        assert_eq!(attempts.next(None), Err(GiveUp::Attempts));
        let mut attempts = Attempts::new(policy);
        assert!(matches!(attempts.next(Some(Duration::from_secs(3600))), Err(GiveUp::Patience { .. })));
        let mut attempts = Attempts::new(policy);
        attempts.spend(Duration::from_secs(11));
        assert!(matches!(attempts.next(None), Err(GiveUp::Patience { .. })));
    }

    proptest! {
        #[test]
        fn any_text_asks_for_a_bounded_wait(text in "[ -~]{0,40}") {
            prop_assert!(of(&text).is_none_or(|wait| wait <= MAX_RETRY_AFTER));
        }

        #[test]
        fn any_number_of_seconds_is_read(seconds in any::<u64>()) {
            prop_assert_eq!(of(&seconds.to_string()), Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER)));
        }

        #[test]
        fn waits_never_go_beyond_the_patience(
            asked in proptest::collection::vec(proptest::option::of(0_u64..400), 1..20),
            attempts in 1_u32..10,
        ) {
            let policy = RetryPolicy { attempts, ..RetryPolicy::default() };
            let mut state = Attempts::new(policy);
            let mut waited = Duration::ZERO;
            for (number, asked) in asked.iter().enumerate() {
                match state.next(asked.map(Duration::from_secs)) {
                    Ok(wait) => {
                        waited += wait;
                        prop_assert!(asked.is_none_or(|asked| wait >= Duration::from_secs(asked)));
                        prop_assert!(number as u32 + 1 < attempts);
                    }
                    Err(_) => break,
                }
            }
            prop_assert!(waited <= policy.patience);
        }
    }
}

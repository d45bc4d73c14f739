//! At most so many commits in any minute, over all tables of a run.
//!
//! A log of the last commits, not a bucket that refills: a bucket lets a full load through at once and refills behind it,
//! so that one minute can see nearly twice what was asked for.

use icebridge_model::{Code, Error, Result};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct CommitLimiter {
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    most: usize,
    commits: VecDeque<Instant>,
}

impl Log {
    /// Takes a place if there is one, or says how long to wait before asking again.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        while self.commits.front().is_some_and(|c| now.duration_since(*c) >= WINDOW) {
            self.commits.pop_front();
        }
        match self.commits.front() {
            Some(oldest) if self.commits.len() >= self.most => Some(WINDOW.saturating_sub(now.duration_since(*oldest))),
            _ => {
                self.commits.push_back(now);
                None
            }
        }
    }
}

impl CommitLimiter {
    pub fn per_minute(most: u32) -> Self {
        let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
        Self { log: Mutex::new(Log { most, commits: VecDeque::new() }) }
    }

    /// Returns when a commit may be made.
    pub async fn acquire(&self, cancel: &CancellationToken) -> Result<()> {
        loop {
            let Some(wait) = self.log.lock().await.take(Instant::now()) else { return Ok(()) };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => {
                    return Err(Error::new(Code::Cancelled, "cancelled while waiting for its turn to commit"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_sees_more_than_the_most() {
        let mut log = Log { most: 3, commits: VecDeque::new() };
        let start = Instant::now();
        let mut made: Vec<Duration> = Vec::new();
        let mut now = Duration::ZERO;
        while made.len() < 20 {
            match log.take(start + now) {
                None => made.push(now),
                Some(wait) => {
                    assert!(wait > Duration::ZERO);
                    now += wait;
                }
            }
            now += Duration::from_secs(7);
        }
        for four in made.windows(4) {
            assert!(four[3] - four[0] >= WINDOW, "{four:?}");
        }
        // Not slower than it has to be either.
        assert!(made[19] <= Duration::from_secs(60 * 7));
    }

    #[tokio::test]
    async fn waiting_ends_when_cancelled() {
        let limiter = CommitLimiter::per_minute(1);
        let cancel = CancellationToken::new();
        limiter.acquire(&cancel).await.unwrap();
        cancel.cancel();
        assert_eq!(limiter.acquire(&cancel).await.unwrap_err().code, Code::Cancelled);
    }
}

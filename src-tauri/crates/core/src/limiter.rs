//! At most so many commits in any minute, over all tables of a run. What was refused or lost counts too: it is requests that
//! a catalog limits.
//!
//! A log of the last commits, not a bucket that refills: a bucket lets a full load through at once and refills behind it,
//! so that one minute can see nearly twice what was asked for.

use async_trait::async_trait;
use icebridge_lakehouse::catalog::Turns;
use icebridge_metrics::{Metrics, Waits};
use icebridge_model::{Code, Error, Result};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct CommitLimiter {
    /// None: as many as there are.
    log: Option<Mutex<Log>>,
    metrics: Metrics,
    waits: Waits,
    attempts: AtomicU64,
    lost: AtomicU64,
}

/// Of this limiter so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommitCounts {
    attempts: u64,
    /// Where another commit was faster.
    lost: u64,
}

impl CommitCounts {
    pub fn since(&self, earlier: &Self) -> Self {
        Self { attempts: self.attempts.saturating_sub(earlier.attempts), lost: self.lost.saturating_sub(earlier.lost) }
    }

    /// The share of attempts that were lost, from 0 to 1.
    pub fn repeated(&self) -> f64 {
        self.lost.min(self.attempts) as f64 / self.attempts.max(1) as f64
    }
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
    pub fn per_minute(most: u32, metrics: Metrics) -> Self {
        let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
        Self { log: Some(Mutex::new(Log { most, commits: VecDeque::new() })), ..Self::unlimited(metrics) }
    }

    pub fn unlimited(metrics: Metrics) -> Self {
        let (attempts, lost) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { log: None, waits: metrics.commit_waits(), metrics, attempts, lost }
    }

    pub fn counts(&self) -> CommitCounts {
        CommitCounts { attempts: self.attempts.load(Ordering::Relaxed), lost: self.lost.load(Ordering::Relaxed) }
    }

    /// Returns when a commit may be made: with the turns of its attempts, of which the first has come.
    pub async fn acquire(&self, cancel: &CancellationToken) -> Result<CommitTurns<'_>> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                Err(Error::new(Code::Cancelled, "cancelled while waiting for its turn to commit"))
            }
            () = self.turn() => Ok(CommitTurns { limiter: self, taken: 0 }),
        }
    }

    async fn turn(&self) {
        let _waiting = self.waits.begin();
        let Some(log) = &self.log else { return };
        loop {
            let Some(wait) = log.lock().await.take(Instant::now()) else { return };
            tokio::time::sleep(wait).await;
        }
    }
}

/// The attempts of one commit. Later ones are waited for to the end: a commit that has begun is not cancelled.
#[derive(Debug)]
pub struct CommitTurns<'a> {
    limiter: &'a CommitLimiter,
    taken: u32,
}

impl CommitTurns<'_> {
    pub fn taken(&self) -> u32 {
        self.taken
    }
}

#[async_trait]
impl Turns for CommitTurns<'_> {
    async fn next(&mut self) {
        if self.taken > 0 {
            self.limiter.turn().await;
        }
        self.taken += 1;
        self.limiter.attempts.fetch_add(1, Ordering::Relaxed);
        self.limiter.metrics.commit_attempted();
    }

    fn lost(&mut self) {
        self.limiter.lost.fetch_add(1, Ordering::Relaxed);
        self.limiter.metrics.commit_conflicted();
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
        let limiter = CommitLimiter::per_minute(1, Metrics::default());
        let cancel = CancellationToken::new();
        limiter.acquire(&cancel).await.unwrap();
        cancel.cancel();
        assert_eq!(limiter.acquire(&cancel).await.unwrap_err().code, Code::Cancelled);
    }

    #[tokio::test]
    async fn every_attempt_of_a_commit_takes_a_turn() {
        let limiter = CommitLimiter::per_minute(2, Metrics::default());
        let mut turns = limiter.acquire(&CancellationToken::new()).await.unwrap();
        turns.next().await;
        turns.next().await;
        let log = limiter.log.as_ref().unwrap();
        assert_eq!((turns.taken(), log.lock().await.commits.len()), (2, 2));
        // Two in this minute, so that the third has to wait, whoever makes it.
        let soon = Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, turns.next()).await.is_err());
        assert!(tokio::time::timeout(soon, limiter.acquire(&CancellationToken::new())).await.is_err());
        assert_eq!(turns.taken(), 2);
    }
}

//! One limiter for each host and API family. It finds the rate that the host bears: a little more with every answer, half
//! of it at a 429 (additive increase, multiplicative decrease), and silence for as long as Retry-After asks.

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The parts of the API that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    UnityCatalog,
    Permissions,
    /// Create, submit, run-now: the ones with a published rate.
    JobsSubmit,
    Jobs,
    Clusters,
    Sql,
    Files,
    Workspace,
    Secrets,
    Identity,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// Requests a second to begin with.
    pub start: f64,
    pub most: f64,
    /// Requests on their way at once.
    pub at_once: usize,
}

impl Family {
    /// Some way below the rates that are published (docs/databricks-client.md); where none are, what a person's tools do.
    fn limits(self) -> Limits {
        let (start, most, at_once) = match self {
            Self::UnityCatalog => (50.0, 200.0, 32),
            Self::Permissions => (25.0, 80.0, 16),
            Self::JobsSubmit => (5.0, 15.0, 8),
            Self::Jobs => (20.0, 80.0, 16),
            Self::Clusters | Self::Identity => (5.0, 20.0, 8),
            Self::Sql => (10.0, 40.0, 16),
            Self::Files => (10.0, 40.0, 8),
            Self::Workspace => (10.0, 25.0, 8),
            Self::Secrets => (5.0, 15.0, 4),
        };
        Limits { start, most, at_once }
    }
}

/// What is left to a family at a host, for people to see.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Budget {
    pub host: String,
    pub family: Family,
    /// Requests a second, as of now.
    pub rate: f64,
    pub most: f64,
    pub under_way: usize,
    pub at_once: usize,
    pub waiting: usize,
    pub sent: u64,
    /// How often the host has said: too many.
    pub throttled: u64,
    /// Nothing is sent before this is over.
    pub paused_seconds: f64,
}

/// All limiters of a program. Clients of the same host share theirs by sharing this.
#[derive(Clone, Debug, Default)]
pub struct Limiters {
    each: Arc<Mutex<BTreeMap<(String, Family), Arc<Limiter>>>>,
    most: Option<f64>,
}

static SHARED: LazyLock<Limiters> = LazyLock::new(Limiters::default);

impl Limiters {
    /// The ones that this process shares.
    pub fn shared() -> Self {
        SHARED.clone()
    }

    /// Limiters of their own that never go beyond so many requests a second in any family.
    pub fn at_most(per_second: f64) -> Self {
        Self { each: Arc::default(), most: (per_second.is_finite() && per_second > 0.0).then_some(per_second) }
    }

    pub fn budget(&self) -> Vec<Budget> {
        let each = unpoisoned(&self.each);
        each.iter().map(|((host, family), limiter)| limiter.budget(host, *family)).collect()
    }

    pub(crate) fn of(&self, host: &str, family: Family) -> Arc<Limiter> {
        let mut each = unpoisoned(&self.each);
        let made = || {
            let mut limits = family.limits();
            if let Some(most) = self.most {
                limits.most = limits.most.min(most);
                limits.start = limits.start.min(most);
            }
            Arc::new(Limiter::new(limits))
        };
        each.entry((host.to_string(), family)).or_insert_with(made).clone()
    }
}

#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    seats: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rate: f64,
    /// When the next request would be due if they came evenly.
    due: Instant,
    paused_until: Option<Instant>,
    /// Counts the cuts. Requests that were sent before a cut don't cause another.
    cuts: u64,
    sent: u64,
    throttled: u64,
    waiting: usize,
}

/// So many may come at once after a silence.
const BURST: f64 = 8.0;
const LEAST: f64 = 0.2;
/// From half to full takes this long, if the host bears it.
const RECOVERY: f64 = 30.0;

/// The right to send one request.
#[derive(Debug)]
pub(crate) struct Turn {
    limiter: Arc<Limiter>,
    cuts: u64,
    _seat: OwnedSemaphorePermit,
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        let state = State {
            rate: limits.start,
            due: Instant::now(),
            paused_until: None,
            cuts: 0,
            sent: 0,
            throttled: 0,
            waiting: 0,
        };
        Self { limits, seats: Arc::new(Semaphore::new(limits.at_once)), state: Mutex::new(state) }
    }

    pub(crate) async fn turn(self: &Arc<Self>) -> Turn {
        let _waiting = Waiting::begin(self);
        // Nobody closes the semaphore; if somebody did, nothing would be sent any more.
        let Ok(seat) = self.seats.clone().acquire_owned().await else { return std::future::pending().await };
        loop {
            let wait = match unpoisoned(&self.state).take(Instant::now()) {
                Ok(cuts) => return Turn { limiter: self.clone(), cuts, _seat: seat },
                Err(wait) => wait,
            };
            tokio::time::sleep(wait).await;
        }
    }

    fn budget(&self, host: &str, family: Family) -> Budget {
        let state = unpoisoned(&self.state);
        let paused = state.paused_until.map(|until| until.saturating_duration_since(Instant::now()));
        Budget {
            host: host.to_string(),
            family,
            rate: state.rate,
            most: self.limits.most,
            under_way: self.limits.at_once.saturating_sub(self.seats.available_permits()),
            at_once: self.limits.at_once,
            waiting: state.waiting,
            sent: state.sent,
            throttled: state.throttled,
            paused_seconds: paused.unwrap_or_default().as_secs_f64(),
        }
    }
}

impl State {
    /// Takes the next turn, or says how long to wait before trying again.
    fn take(&mut self, now: Instant) -> Result<u64, Duration> {
        match self.paused_until {
            Some(until) if until > now => return Err(until - now),
            _ => self.paused_until = None,
        }
        let apart = Duration::from_secs_f64(1.0 / self.rate);
        let burst = apart.mul_f64(BURST.min(self.rate).max(1.0) - 1.0);
        let due = self.due.max(now);
        let early = due - now;
        if early > burst {
            return Err((early - burst).max(Duration::from_millis(1)));
        }
        self.due = due + apart;
        self.sent += 1;
        Ok(self.cuts)
    }
}

impl Turn {
    /// The host has taken it well.
    pub(crate) fn answered(&self) {
        let most = self.limiter.limits.most;
        let mut state = unpoisoned(&self.limiter.state);
        let more = most / 2.0 / RECOVERY / state.rate;
        state.rate = (state.rate + more).min(most);
    }

    /// The host says: too many. `wait`: what Retry-After asks for.
    pub(crate) fn throttled(&self, wait: Option<Duration>) {
        let mut state = unpoisoned(&self.limiter.state);
        state.throttled += 1;
        if self.cuts == state.cuts {
            state.rate = (state.rate / 2.0).max(LEAST.min(self.limiter.limits.most));
            state.cuts += 1;
        }
        if let Some(wait) = wait {
            let until = Instant::now() + wait;
            state.paused_until = Some(state.paused_until.map_or(until, |other| other.max(until)));
        }
    }
}

/// Counted as waiting until dropped: whoever waits may be cancelled.
struct Waiting<'a>(&'a Limiter);

impl<'a> Waiting<'a> {
    fn begin(limiter: &'a Limiter) -> Self {
        unpoisoned(&limiter.state).waiting += 1;
        Self(limiter)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = unpoisoned(&self.0.state);
        state.waiting = state.waiting.saturating_sub(1);
    }
}

/// Nothing here can be left half changed.
fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(start: f64, most: f64) -> Arc<Limiter> {
        Arc::new(Limiter::new(Limits { start, most, at_once: 4 }))
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_rate_after_the_first_burst() {
        let limiter = limiter(10.0, 10.0);
        let start = Instant::now();
        for _ in 0..108 {
            limiter.turn().await;
        }
        let took = start.elapsed().as_secs_f64();
        assert!((9.9..10.5).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_cut_for_those_who_were_sent_together_and_then_it_grows_again() {
        let limiter = limiter(40.0, 40.0);
        let together = [limiter.turn().await, limiter.turn().await, limiter.turn().await];
        together.iter().for_each(|turn| turn.throttled(None));
        let budget = limiter.budget("h", Family::Sql);
        assert_eq!((budget.rate, budget.throttled, budget.under_way), (20.0, 3, 3));
        drop(together);
        limiter.turn().await.throttled(None);
        assert_eq!(limiter.budget("h", Family::Sql).rate, 10.0);
        let start = Instant::now();
        while limiter.budget("h", Family::Sql).rate < 40.0 {
            limiter.turn().await.answered();
        }
        assert!((30.0..60.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_as_long_as_the_host_asks() {
        let limiter = limiter(10.0, 10.0);
        limiter.turn().await.throttled(Some(Duration::from_secs(7)));
        assert!(limiter.budget("h", Family::Sql).paused_seconds > 6.9);
        let start = Instant::now();
        let both = futures::future::join(limiter.turn(), limiter.turn()).await;
        assert!(start.elapsed() >= Duration::from_secs(7), "{:?}", start.elapsed());
        drop(both);
        assert_eq!(limiter.budget("h", Family::Sql).paused_seconds, 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_and_a_cancelled_wait_leaves_no_trace() {
        let limiter = limiter(1000.0, 1000.0);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(limiter.turn().await);
        }
        let waited = tokio::time::timeout(Duration::from_secs(1), limiter.turn()).await;
        assert!(waited.is_err());
        let budget = limiter.budget("h", Family::Sql);
        assert_eq!((budget.under_way, budget.waiting), (4, 0));
        held.pop();
        limiter.turn().await;
    }

    #[test]
    fn hosts_and_families_do_not_share() {
        let all = Limiters::at_most(3.0);
        assert!(!Arc::ptr_eq(&all.of("a", Family::Sql), &all.of("b", Family::Sql)));
        assert!(!Arc::ptr_eq(&all.of("a", Family::Sql), &all.of("a", Family::Jobs)));
        assert!(Arc::ptr_eq(&all.of("a", Family::Sql), &all.clone().of("a", Family::Sql)));
        assert_eq!(all.budget().len(), 3);
        assert!(all.budget().iter().all(|budget| budget.most == 3.0));
    }
}

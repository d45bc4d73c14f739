//! One limiter for each host and API family, shared by all clients of a process. It finds the rate that the host bears: a
//! little more with every answer, half of it at a 429 (additive increase, multiplicative decrease), and silence for as long
//! as Retry-After asks.

use icebridge_metrics::{Metrics, Requests};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A part of a host's API that is counted apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    pub name: &'static str,
    pub limits: Limits,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Requests a second to begin with.
    pub start: f64,
    /// Requests a second at most.
    pub max: f64,
    /// Requests on their way at once.
    pub at_once: usize,
}

/// Keeps every rate a positive number, whatever a family says.
const MAX_RATE: f64 = 1_000_000.0;

impl Limits {
    fn bounded(self, cap: Option<f64>) -> Self {
        let max = if self.max.is_finite() { self.max.clamp(MIN_RATE, MAX_RATE) } else { MAX_RATE };
        let max = cap.map_or(max, |cap| max.min(cap.max(MIN_RATE / 100.0)));
        let start = if self.start.is_finite() { self.start.clamp(MIN_RATE, MAX_RATE) } else { max };
        Self { start: start.min(max), max, at_once: self.at_once.max(1) }
    }
}

/// All limiters of a program. Clients of the same host share theirs by sharing this.
#[derive(Clone, Debug, Default)]
pub struct Limiters {
    each: Arc<Mutex<BTreeMap<(String, &'static str), Arc<Limiter>>>>,
    cap: Option<f64>,
}

static SHARED: LazyLock<Limiters> = LazyLock::new(Limiters::default);

impl Limiters {
    /// The ones that this process shares.
    pub fn shared() -> Self {
        SHARED.clone()
    }

    /// Limiters of their own that never go beyond so many requests a second in any family.
    pub fn at_most(per_second: f64) -> Self {
        Self { each: Arc::default(), cap: (per_second.is_finite() && per_second > 0.0).then_some(per_second) }
    }

    pub(crate) fn of(&self, host: &str, family: Family) -> Arc<Limiter> {
        let mut each = unpoisoned(&self.each);
        let made = || {
            let requests = Metrics::of_process().requests(family.name);
            Arc::new(Limiter::new(family.limits.bounded(self.cap), requests))
        };
        each.entry((host.to_string(), family.name)).or_insert_with(made).clone()
    }
}

#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    /// What is counted of the requests that it lets through.
    pub(crate) requests: Requests,
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
}

/// So many may come at once after a silence.
const BURST: f64 = 8.0;
/// Whatever a host asks for: no request waits longer for its turn because of one answer.
const MAX_PAUSE: Duration = Duration::from_secs(300);
const MIN_RATE: f64 = 0.2;
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
    pub(crate) fn new(limits: Limits, requests: Requests) -> Self {
        let state = State { rate: limits.start, due: Instant::now(), paused_until: None, cuts: 0 };
        Self { limits, requests, seats: Arc::new(Semaphore::new(limits.at_once)), state: Mutex::new(state) }
    }

    pub(crate) async fn turn(self: &Arc<Self>) -> Turn {
        let _waiting = self.requests.wait();
        // The semaphore is never closed; if it were, nothing would be sent any more.
        let Ok(seat) = self.seats.clone().acquire_owned().await else { return std::future::pending().await };
        loop {
            let wait = match unpoisoned(&self.state).take(Instant::now()) {
                Ok(cuts) => return Turn { limiter: self.clone(), cuts, _seat: seat },
                Err(wait) => wait,
            };
            tokio::time::sleep(wait).await;
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
        Ok(self.cuts)
    }
}

impl Turn {
    /// The host has answered and does not ask for fewer requests.
    pub(crate) fn answered(&self) {
        let max = self.limiter.limits.max;
        let mut state = unpoisoned(&self.limiter.state);
        let more = max / 2.0 / RECOVERY / state.rate;
        state.rate = (state.rate + more).min(max);
    }

    /// The host asks for fewer requests. `wait`: what Retry-After asks for.
    pub(crate) fn throttled(&self, wait: Option<Duration>) {
        self.limiter.requests.throttled();
        let mut state = unpoisoned(&self.limiter.state);
        if self.cuts == state.cuts {
            tracing::info!(rate = state.rate / 2.0, ?wait, "the host asks for fewer requests");
            state.rate = (state.rate / 2.0).max(MIN_RATE.min(self.limiter.limits.max));
            state.cuts += 1;
        }
        if let Some(wait) = wait {
            let until = Instant::now() + wait.min(MAX_PAUSE);
            state.paused_until = Some(state.paused_until.map_or(until, |other| other.max(until)));
        }
    }
}

/// Nothing here can be left half changed.
fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limiter(start: f64, max: f64) -> Arc<Limiter> {
        Arc::new(Limiter::new(Limits { start, max, at_once: 4 }, Metrics::default().requests("tests")))
    }

    fn rate(limiter: &Limiter) -> f64 {
        unpoisoned(&limiter.state).rate
    }

    fn paused(limiter: &Limiter) -> Duration {
        let until = unpoisoned(&limiter.state).paused_until;
        until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default()
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
    async fn requests_sent_together_cause_one_cut_and_then_the_rate_grows_again() {
        let limiter = limiter(40.0, 40.0);
        let together = [limiter.turn().await, limiter.turn().await, limiter.turn().await];
        together.iter().for_each(|turn| turn.throttled(None));
        assert_eq!((rate(&limiter), limiter.seats.available_permits()), (20.0, 1));
        drop(together);
        limiter.turn().await.throttled(None);
        assert_eq!(rate(&limiter), 10.0);
        let start = Instant::now();
        while rate(&limiter) < 40.0 {
            limiter.turn().await.answered();
        }
        assert!((30.0..60.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_waits_as_long_as_the_host_asks() {
        let limiter = limiter(10.0, 10.0);
        limiter.turn().await.throttled(Some(Duration::from_secs(7)));
        assert!(paused(&limiter) > Duration::from_millis(6900));
        let start = Instant::now();
        let both = futures::future::join(limiter.turn(), limiter.turn()).await;
        assert!(start.elapsed() >= Duration::from_secs(7), "{:?}", start.elapsed());
        drop(both);
        assert_eq!(paused(&limiter), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_at_once_and_a_cancelled_wait_leaves_no_trace() {
        let limiter = limiter(1000.0, 1000.0);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(limiter.turn().await);
        }
        assert!(tokio::time::timeout(Duration::from_secs(1), limiter.turn()).await.is_err());
        held.pop();
        limiter.turn().await;
        drop(held);
        assert_eq!(limiter.seats.available_permits(), 4);
    }

    fn family(name: &'static str) -> Family {
        Family { name, limits: Limits { start: 50.0, max: 200.0, at_once: 32 } }
    }

    #[test]
    fn hosts_and_families_do_not_share() {
        let all = Limiters::at_most(3.0);
        let of = |host: &str, name| all.of(host, family(name));
        assert!(!Arc::ptr_eq(&of("a", "sql"), &of("b", "sql")));
        assert!(!Arc::ptr_eq(&of("a", "sql"), &of("a", "jobs")));
        assert!(Arc::ptr_eq(&of("a", "sql"), &all.clone().of("a", family("sql"))));
        assert_eq!(unpoisoned(&all.each).len(), 3);
        assert!(unpoisoned(&all.each).values().all(|limiter| limiter.limits.max == 3.0));
        let (one, other) = (Limiters::shared(), Limiters::shared());
        assert!(Arc::ptr_eq(&one.of("a", family("x")), &other.of("a", family("x"))));
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Answered,
        Throttled(Option<u64>),
    }

    fn event() -> impl Strategy<Value = Event> {
        let throttled = proptest::option::of(0_u64..100_000).prop_map(Event::Throttled);
        prop_oneof![3 => Just(Event::Answered), 1 => throttled]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_rate_stays_within_its_bounds(
            start in prop_oneof![any::<f64>(), 0.0..1e4],
            max in prop_oneof![any::<f64>(), 0.0..1e4],
            at_once in 0_usize..5,
            events in proptest::collection::vec(event(), 0..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(async {
                let limits = Limits { start, max, at_once }.bounded(None);
                let limiter = Arc::new(Limiter::new(limits, Metrics::default().requests("tests")));
                for event in events {
                    let begun = Instant::now();
                    let turn = limiter.turn().await;
                    assert!(begun.elapsed() <= MAX_PAUSE + Duration::from_secs(10), "{:?}", begun.elapsed());
                    match event {
                        Event::Answered => turn.answered(),
                        Event::Throttled(wait) => turn.throttled(wait.map(Duration::from_secs)),
                    }
                    let rate = rate(&limiter);
                    assert!(rate >= MIN_RATE.min(limiter.limits.max) && rate <= limiter.limits.max, "{rate}");
                }
            });
        }

        #[test]
        fn no_window_of_time_takes_more_than_the_rate_and_a_burst(rate in 1.0..500.0_f64, seconds in 1_u64..20) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let taken = runtime.unwrap().block_on(async {
                let limiter = limiter(rate, rate);
                let end = Instant::now() + Duration::from_secs(seconds);
                let mut taken = 0_u32;
                while tokio::time::timeout_at(end, limiter.turn()).await.is_ok() && taken < 20_000 {
                    taken += 1;
                }
                taken
            });
            prop_assert!(f64::from(taken) <= rate * seconds as f64 + BURST + 1.0, "{} of {}", taken, rate);
        }
    }
}

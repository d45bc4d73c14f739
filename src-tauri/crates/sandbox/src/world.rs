//! All there is in a sandbox, and what every part of it needs: the clock, ids, the folder.

use crate::config::Config;
use crate::counts::Counts;
use crate::faults::Rules;
use crate::files::Store;
use crate::jobs::Book;
use crate::oidc::Grants;
use crate::people::People;
use crate::secrets::Scopes;
use crate::sql::Statements;
use crate::unity::Metastore;
use crate::workspace::Tree;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub type Shared = Arc<World>;

/// What a test may turn while the sandbox runs.
#[derive(Clone, Debug)]
pub struct Settings {
    pub latency: Duration,
    /// The server's own page size in Unity Catalog.
    pub page_size: usize,
    /// Whether the host says that it serves several workspaces, and wants to be told which.
    pub unified_host: bool,
    /// How many runs may be active; the others wait in the queue.
    pub max_runs: usize,
    pub cluster_start: Duration,
    /// How the next runs end, instead of running.
    pub next_ends: VecDeque<Ending>,
    pub warehouse_start: Duration,
    /// How long a statement runs at least.
    pub statement_time: Duration,
    /// Rows in a chunk of a result.
    pub rows_per_chunk: usize,
    pub access_token_ttl: Duration,
    pub refresh_token_ttl: Duration,
    pub single_use_refresh_tokens: bool,
    /// Conflicts at the Iceberg endpoint come as 400 with the error code 2010, as at times they do, instead of 409.
    pub conflicts_as_400: bool,
}

/// A termination as the API words it.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Ending {
    pub code: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub message: String,
}

pub struct World {
    pub config: Config,
    pub folder: Store,
    /// Known once it listens.
    pub url: OnceLock<String>,
    pub clock: Clock,
    pub ids: Ids,
    pub settings: Mutex<Settings>,
    pub counts: Counts,
    pub faults: Mutex<Rules>,
    pub people: Mutex<People>,
    pub oidc: Mutex<Grants>,
    pub unity: Mutex<Metastore>,
    pub jobs: Mutex<Book>,
    pub statements: Mutex<Statements>,
    pub workspace: Mutex<Tree>,
    pub scopes: Mutex<Scopes>,
}

/// No lock is held while something can panic that matters: what a broken thread left is still the state.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Real time, which a test may push forward.
#[derive(Debug, Default)]
pub struct Clock {
    ahead: AtomicI64,
}

impl Clock {
    /// Milliseconds since 1970, as the API has them.
    pub fn now(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(real.as_millis()).unwrap_or(i64::MAX).saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    pub fn advance(&self, by: Duration) {
        self.ahead.fetch_add(millis(by), Ordering::Relaxed);
    }
}

pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Numbers and names that never come twice.
#[derive(Debug, Default)]
pub struct Ids {
    last: AtomicU64,
}

impl Ids {
    /// A 15-digit number, as job and run ids are: beyond 32 bits, within what JavaScript can hold.
    pub fn number(&self) -> u64 {
        // An odd step through the numbers, so that ids are not in a row and nobody can rely on their order.
        let step = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        100_000_000_000_000 + step.wrapping_mul(514_229_877_713) % 800_000_000_000_000
    }

    pub fn uuid(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    pub fn hex16(&self) -> String {
        let mut text = uuid::Uuid::new_v4().simple().to_string();
        text.truncate(16);
        text
    }
}

impl World {
    pub fn new(config: Config, folder: Store) -> Self {
        let settings = Settings {
            latency: config.latency,
            page_size: 100,
            unified_host: false,
            max_runs: 8,
            cluster_start: config.cluster_start,
            next_ends: VecDeque::new(),
            warehouse_start: config.warehouse_start,
            statement_time: Duration::ZERO,
            rows_per_chunk: 1000,
            access_token_ttl: config.access_token_ttl,
            refresh_token_ttl: config.refresh_token_ttl,
            single_use_refresh_tokens: true,
            conflicts_as_400: false,
        };
        let clock = Clock::default();
        let now = clock.now();
        Self {
            oidc: Mutex::new(Grants::new(config.token.as_ref(), config.client_secret.as_ref())),
            unity: Mutex::new(Metastore::new(config.tables, config.seed, now, config.gate_open)),
            workspace: Mutex::new(Tree::new(now)),
            faults: Mutex::default(),
            people: Mutex::default(),
            jobs: Mutex::default(),
            statements: Mutex::default(),
            scopes: Mutex::default(),
            counts: Counts::default(),
            ids: Ids::default(),
            settings: Mutex::new(settings),
            url: OnceLock::new(),
            clock,
            folder,
            config,
        }
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

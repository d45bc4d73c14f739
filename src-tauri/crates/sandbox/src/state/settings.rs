//! What a test may change while the sandbox runs.

use super::behaviour::Behaviour;
use crate::base::{Fields, Refusal};
use crate::config::Config;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    pub latency: Duration,
    /// The server's own page size in Unity Catalog.
    pub page_size: usize,
    /// Whether the host says that it serves several workspaces, and wants a header that names one.
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
    /// On clusters: whether reading a foreign table as it is lets its snapshot be read by version.
    pub prime_counts_as_read: bool,
    /// On clusters: whether foreign Iceberg can be the source of DEEP CLONE.
    pub deep_clone_of_foreign: bool,
    /// On clusters: which snapshots of a foreign table are read by version.
    pub time_travel_of_foreign: &'static str,
    /// On clusters: whether Iceberg's `snapshots`, `refs` and the like are shown.
    pub metadata_tables: bool,
    pub behaviour: Behaviour,
}

/// The first is the usual one.
const TIME_TRAVEL: [&str; 3] = ["after_read", "never", "any"];

/// A termination as the API has it.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Ending {
    pub code: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub message: String,
}

impl Settings {
    pub fn new(config: &Config) -> Self {
        Self {
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
            prime_counts_as_read: true,
            deep_clone_of_foreign: false,
            time_travel_of_foreign: TIME_TRAVEL[0],
            metadata_tables: false,
            behaviour: Behaviour::default(),
        }
    }

    pub fn payload(&self) -> Value {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let mut payload = json!({
            "latency_ms": ms(self.latency), "page_size": self.page_size, "unified_host": self.unified_host,
            "max_runs": self.max_runs, "cluster_start_ms": ms(self.cluster_start),
            "warehouse_start_ms": ms(self.warehouse_start), "statement_ms": ms(self.statement_time),
            "rows_per_chunk": self.rows_per_chunk, "access_token_ttl_s": self.access_token_ttl.as_secs(),
            "refresh_token_ttl_s": self.refresh_token_ttl.as_secs(),
            "single_use_refresh_tokens": self.single_use_refresh_tokens, "conflicts_as_400": self.conflicts_as_400,
            "prime_counts_as_read": self.prime_counts_as_read, "deep_clone_of_foreign": self.deep_clone_of_foreign,
            "time_travel_of_foreign": self.time_travel_of_foreign, "metadata_tables": self.metadata_tables,
        });
        if let Some(fields) = payload.as_object_mut() {
            fields.extend(self.behaviour.payload());
        }
        payload
    }

    /// All or none. A setting that does not exist is an error: a test that sets one would prove nothing.
    pub fn change(&mut self, fields: &Fields) -> Result<(), Refusal> {
        let mut new = self.clone();
        let mut others = Map::new();
        for (name, value) in &fields.0 {
            let number = || {
                let number = fields.int(name)?.and_then(|number| u64::try_from(number).ok());
                number.ok_or_else(|| Refusal::invalid(format!("{name} must be a number, 0 or more")))
            };
            let count = || number().map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            let (millis, seconds) = (|| number().map(Duration::from_millis), || number().map(Duration::from_secs));
            match name.as_str() {
                "latency_ms" => new.latency = millis()?,
                "page_size" => new.page_size = count()?.max(1),
                "unified_host" => new.unified_host = fields.flag(name),
                "max_runs" => new.max_runs = count()?,
                "cluster_start_ms" => new.cluster_start = millis()?,
                "warehouse_start_ms" => new.warehouse_start = millis()?,
                "statement_ms" => new.statement_time = millis()?,
                "rows_per_chunk" => new.rows_per_chunk = count()?.max(1),
                "access_token_ttl_s" => new.access_token_ttl = seconds()?,
                "refresh_token_ttl_s" => new.refresh_token_ttl = seconds()?,
                "single_use_refresh_tokens" => new.single_use_refresh_tokens = fields.flag(name),
                "conflicts_as_400" => new.conflicts_as_400 = fields.flag(name),
                "prime_counts_as_read" => new.prime_counts_as_read = fields.flag(name),
                "deep_clone_of_foreign" => new.deep_clone_of_foreign = fields.flag(name),
                "time_travel_of_foreign" => {
                    let told = fields.text(name)?.and_then(|told| TIME_TRAVEL.into_iter().find(|word| *word == told));
                    new.time_travel_of_foreign =
                        told.ok_or_else(|| Refusal::invalid(format!("{name} is one of {}", TIME_TRAVEL.join(", "))))?;
                }
                "metadata_tables" => new.metadata_tables = fields.flag(name),
                _ => {
                    others.insert(name.clone(), value.clone());
                }
            }
        }
        new.behaviour = self.behaviour.with(others)?;
        *self = new;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_changed_all_or_none() {
        let mut settings = Settings::new(&Config::default());
        let fields = |value: Value| Fields(value.as_object().cloned().unwrap());
        for wrong in [
            json!({"page_size": 7, "latency": 1}),
            json!({"page_size": 7, "max_runs": -1}),
            json!({"page_size": 7, "cloud": "moon"}),
            json!({"page_size": 7, "time_travel_of_foreign": "at times"}),
        ] {
            assert!(settings.change(&fields(wrong)).is_err());
            assert_eq!(settings.page_size, 100);
        }
        let before = settings.payload();
        settings.change(&fields(json!({"page_size": 0, "latency_ms": 5, "unified_host": true}))).unwrap();
        assert_eq!((settings.page_size, settings.latency, settings.unified_host), (1, Duration::from_millis(5), true));
        settings.change(&fields(json!({"jobs_api": "2.1", "sparse_answers": true}))).unwrap();
        assert_eq!((&settings.payload()["jobs_api"], settings.behaviour.sparse_answers), (&json!("2.1"), true));
        settings.change(&fields(before.clone())).unwrap();
        assert_eq!(settings.payload(), before, "what is shown can be set");
    }
}

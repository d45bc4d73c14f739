//! How fast the files of a catalog are read, where its owner sets a bound: a production system has others to serve.

use super::common::types::Entry;
use futures::StreamExt;
use futures::stream::BoxStream;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::{Error, Result};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const MIB_PER_SECOND: &str = "max-read-mib-per-second";
const REQUESTS_PER_SECOND: &str = "max-read-requests-per-second";
/// What all of them begin with.
const PREFIX: &str = "max-read";

/// As far apart ranges of one file are still fetched by one request, by the client of object stores.
const GAP: u64 = 1 << 20;
/// Names that one request of a listing has.
const PAGE: usize = 1000;

/// Cheap to clone. All storages of a catalog in this process share one.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Option<Arc<Bounds>>);

#[derive(Debug)]
struct Bounds {
    bytes: Option<Rate>,
    requests: Option<Rate>,
}

/// So much a second on average; who comes when it is used up waits for its turn.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    /// When all that was taken so far is used up.
    used_until: Mutex<Instant>,
}

type Key = (String, String, Option<String>, Option<String>);

/// By catalog and bounds: a catalog is opened many times, and by several parts of one run at once.
static BOUNDS: LazyLock<Mutex<HashMap<Key, Arc<Bounds>>>> = LazyLock::new(Mutex::default);

impl Pace {
    pub fn of(spec: &CatalogSpec) -> Result<Self> {
        // It would bound nothing, and whoever wrote it would rely on it.
        let letters =
            |key: &str| key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let is_misspelt = |key: &&String| {
            letters(key).starts_with(&letters(PREFIX)) && ![MIB_PER_SECOND, REQUESTS_PER_SECOND].contains(&key.as_str())
        };
        if let Some(misspelt) = spec.properties.keys().find(is_misspelt) {
            return Err(Error::invalid(format!("there is no property {misspelt}"))
                .about(&spec.name)
                .with_hint(format!("Write {MIB_PER_SECOND} or {REQUESTS_PER_SECOND}.")));
        }
        let bytes = Rate::of(spec, MIB_PER_SECOND, f64::from(1u32 << 20))?;
        let requests = Rate::of(spec, REQUESTS_PER_SECOND, 1.0)?;
        if bytes.is_none() && requests.is_none() {
            return Ok(Self(None));
        }
        let text = |key| spec.properties.get(key).cloned();
        let key = (spec.name.clone(), spec.uri.clone(), text(MIB_PER_SECOND), text(REQUESTS_PER_SECOND));
        let mut all = BOUNDS.lock().unwrap_or_else(PoisonError::into_inner);
        let bounds = all.entry(key).or_insert_with(|| Arc::new(Bounds { bytes, requests }));
        Ok(Self(Some(Arc::clone(bounds))))
    }

    /// Before ranges of a file are read.
    pub async fn ranges(&self, ranges: &[Range<u64>]) {
        if self.0.is_some() {
            let (requests, bytes) = merged(ranges);
            self.take(requests, bytes).await;
        }
    }

    /// Before that many requests are sent, and bytes read.
    pub async fn take(&self, requests: u64, bytes: u64) {
        if let Some(wait) = self.reserve(requests, bytes) {
            tokio::time::sleep(wait).await;
        }
    }

    /// The same on a thread that may block, until nobody waits for it any more.
    pub fn take_blocking(&self, requests: u64, bytes: u64, is_stopped: impl Fn() -> bool) {
        const LOOK_EVERY: Duration = Duration::from_millis(100);
        let mut left = self.reserve(requests, bytes).unwrap_or_default();
        while !left.is_zero() && !is_stopped() {
            let next = left.min(LOOK_EVERY);
            std::thread::sleep(next);
            left -= next;
        }
    }

    /// How long to wait for it. Bytes that were read before anybody knew how many they are make the next one wait.
    fn reserve(&self, requests: u64, bytes: u64) -> Option<Duration> {
        let bounds = self.0.as_ref()?;
        let now = Instant::now();
        let wait =
            |rate: &Option<Rate>, amount: u64| rate.as_ref().map_or(Duration::ZERO, |rate| rate.take(now, amount));
        let longest = wait(&bounds.requests, requests).max(wait(&bounds.bytes, bytes));
        (!longest.is_zero()).then_some(longest)
    }

    /// A listing is asked for page by page.
    pub fn listing<'a>(&self, entries: BoxStream<'a, Result<Entry>>) -> BoxStream<'a, Result<Entry>> {
        if self.0.is_none() {
            return entries;
        }
        let pace = self.clone();
        let paced = entries.enumerate().then(move |(at, entry)| {
            let pace = pace.clone();
            async move {
                if at > 0 && at % PAGE == 0 {
                    pace.take(1, 0).await;
                }
                entry
            }
        });
        paced.boxed()
    }
}

impl Rate {
    fn of(spec: &CatalogSpec, key: &str, unit: f64) -> Result<Option<Self>> {
        let Some(text) = spec.properties.get(key) else { return Ok(None) };
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
        let number = number.ok_or_else(|| {
            Error::invalid(format!("the property {key} is no number above 0: {text}"))
                .about(&spec.name)
                .with_hint(format!("Write a number such as {key}=50, or leave it out for no bound."))
        })?;
        Ok(Some(Self { per_second: number * unit, used_until: Mutex::new(Instant::now()) }))
    }

    /// How long to wait for so much, which is taken at once: whoever comes next waits for it.
    fn take(&self, now: Instant, amount: u64) -> Duration {
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        let from = (*used_until).max(now);
        // A day is as good as for ever, and no time overflows.
        let lasts = (amount as f64 / self.per_second).min(86_400.0);
        *used_until = from + Duration::from_secs_f64(lasts);
        from.saturating_duration_since(now)
    }
}

/// How many requests these ranges take, and how many bytes.
fn merged(ranges: &[Range<u64>]) -> (u64, u64) {
    let mut sorted: Vec<&Range<u64>> = ranges.iter().filter(|range| range.start < range.end).collect();
    sorted.sort_by_key(|range| range.start);
    let (mut requests, mut bytes, mut end) = (0, 0u64, None::<u64>);
    for range in sorted {
        match end {
            Some(last) if range.start.saturating_sub(last) <= GAP => bytes += range.end.saturating_sub(last),
            _ => {
                requests += 1;
                bytes += range.end - range.start;
            }
        }
        end = Some(end.unwrap_or(0).max(range.end));
    }
    (requests, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::Code;
    use serde_json::json;

    fn spec(name: &str, properties: &serde_json::Value) -> CatalogSpec {
        let spec = json!({"name": name, "role": "source", "kind": "files", "uri": "/x", "properties": properties});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn near_ranges_are_one_request_and_what_lies_between_them_is_read() {
        const MIB: u64 = 1 << 20;
        assert_eq!(merged(&[]), (0, 0));
        assert_eq!(merged(&[5..5, 9..9]), (0, 0));
        assert_eq!(merged(&[0..10, 20..30]), (1, 30));
        assert_eq!(merged(&[20..30, 0..10, 5..25]), (1, 30));
        assert_eq!(merged(&[0..10, 10 + MIB..20 + MIB]), (1, 20 + MIB));
        assert_eq!(merged(&[0..10, 11 + MIB..20 + MIB]), (2, 19));
    }

    #[tokio::test(start_paused = true)]
    async fn readers_wait_for_what_others_have_taken_and_no_longer() {
        let pace =
            Pace::of(&spec("bytes", &json!({"max-read-mib-per-second": "2", "max-read-requests-per-second": "10"})));
        let pace = pace.unwrap();
        let began = Instant::now();
        pace.take(1, 4 << 20).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        // Another storage of the same catalog.
        let same = spec("bytes", &json!({"max-read-mib-per-second": "2", "max-read-requests-per-second": "10"}));
        Pace::of(&same).unwrap().take(1, 1 << 20).await;
        assert_eq!(began.elapsed().as_millis(), 2000);
        pace.take(0, 0).await;
        assert_eq!(began.elapsed().as_millis(), 2500);
        // What nobody used is not saved up.
        tokio::time::sleep(Duration::from_secs(60)).await;
        pace.take(10, 0).await;
        let before = Instant::now();
        pace.take(1, 0).await;
        assert_eq!(before.elapsed().as_millis(), 1000);
        // The other catalog has a turn of its own.
        let other = Pace::of(&spec("other", &json!({"max-read-mib-per-second": "2"}))).unwrap();
        let before = Instant::now();
        other.take(1, u64::MAX).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[test]
    fn what_is_no_bound_is_refused_and_none_is_none() {
        assert!(Pace::of(&spec("none", &json!({}))).unwrap().0.is_none());
        for wrong in [
            json!({"max-read-mib-per-second": "0"}),
            json!({"max-read-mib-per-second": "fast"}),
            json!({"max-read-mib-per-second": "inf"}),
            json!({"max-read-mib-per-second": "-1"}),
            json!({"max-read-requests-per-second": ""}),
            json!({"max-read-mb-per-second": "5"}),
            json!({"max_read_mib_per_second": "5"}),
            json!({"Max-Read-Mib-Per-Second": "5"}),
        ] {
            assert_eq!(Pace::of(&spec("wrong", &wrong)).unwrap_err().code, Code::InvalidInput, "{wrong}");
        }
    }
}

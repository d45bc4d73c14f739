//! What was requested and what was started, so that a test can prove "never two for one step".

use crate::base::Shared;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests remembered; older ones are only counted.
const REMEMBERED: usize = 5_000;

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        #[derive(Default)]
        pub struct Counts {
            $(pub $name: Counter,)*
            open: AtomicU64,
            max_open: AtomicU64,
            by_path: Shared<BTreeMap<String, u64>>,
            log: Shared<VecDeque<Value>>,
        }

        impl Counts {
            fn counters(&self) -> Vec<(&'static str, &Counter)> {
                vec![$((stringify!($name), &self.$name)),*]
            }
        }
    };
}

counters! {
    clusters_started, submissions, submissions_repeated, jobs_created, runs_started, processes_started, statements,
    warehouses_started, tokens_issued, tokens_refreshed, tokens_revoked, grants_changed,
    credentials_lent, requests,
}

/// A request as it is remembered: neither its body nor its credentials.
pub struct Entry<'a> {
    pub id: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub user_agent: &'a str,
    pub workspace_id: &'a str,
}

/// A request under way. It counts as ended when dropped, also when the client went away.
pub struct OpenRequest<'a> {
    counts: &'a Counts,
    entry: Value,
}

impl Counts {
    pub fn begin(&self, entry: &Entry<'_>) -> OpenRequest<'_> {
        self.requests.add_one();
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_open.fetch_max(open, Ordering::Relaxed);
        // A query outside the API may hold a sign-in code.
        let query = if entry.path.starts_with("/api/") { entry.query } else { "" };
        let key = format!("{} {}", entry.method, family(entry.path));
        *self.by_path.lock().entry(key).or_default() += 1;
        let entry = json!({
            "request_id": entry.id, "method": entry.method, "path": entry.path, "query": query,
            "user_agent": entry.user_agent, "workspace_id": entry.workspace_id,
        });
        OpenRequest { counts: self, entry }
    }

    pub fn payload(&self) -> Value {
        let counters = self.counters().into_iter().map(|(name, counter)| (name.to_owned(), counter.get().into()));
        let mut payload = Value::Object(counters.collect());
        payload["requests_open"] = self.open.load(Ordering::Relaxed).into();
        payload["requests_open_at_most"] = self.max_open.load(Ordering::Relaxed).into();
        payload["requests_by_path"] = json!(*self.by_path.lock());
        payload
    }

    pub fn log(&self) -> Vec<Value> {
        self.log.lock().iter().cloned().collect()
    }

    pub fn reset(&self) {
        for (_, counter) in self.counters() {
            counter.0.store(0, Ordering::Relaxed);
        }
        self.max_open.store(0, Ordering::Relaxed);
        self.by_path.lock().clear();
        self.log.lock().clear();
    }
}

/// A path without what differs from object to object, so that the map of counts stays small.
fn family(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    let keep = if parts.get(3).is_some_and(|part| ["unity-catalog", "fs", "sql"].contains(part)) { 5 } else { 8 };
    if parts.len() > keep {
        parts.truncate(keep);
        parts.push("*");
    }
    parts.join("/")
}

impl OpenRequest<'_> {
    pub fn end(&mut self, status: u16) {
        let mut entry = self.entry.take();
        entry["status"] = status.into();
        let mut log = self.counts.log.lock();
        if log.len() == REMEMBERED {
            log.pop_front();
        }
        log.push_back(entry);
    }
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_by_family_and_remembered_without_a_code() {
        let counts = Counts::default();
        let entry = |path| Entry { id: "1", method: "GET", path, query: "code=x", user_agent: "", workspace_id: "" };
        let mut first = counts.begin(&entry("/api/2.1/unity-catalog/tables/a.b.c"));
        let _second = counts.begin(&entry("/oidc/v1/authorize"));
        first.end(200);
        drop(first);
        let payload = counts.payload();
        assert_eq!((&payload["requests"], &payload["requests_open"]), (&json!(2), &json!(1)));
        assert_eq!(payload["requests_open_at_most"], 2);
        assert_eq!(payload["requests_by_path"]["GET /api/2.1/unity-catalog/tables/*"], 1);
        assert_eq!((counts.log().len(), &counts.log()[0]["query"]), (1, &json!("code=x")));
        counts.begin(&entry("/oidc/v1/authorize")).end(303);
        assert_eq!(counts.log()[1]["query"], "");
        counts.reset();
        assert!(counts.log().is_empty() && counts.payload()["requests"] == 0);
    }
}

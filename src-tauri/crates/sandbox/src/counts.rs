//! What was asked and what was started, so that a test can prove "never two for one step".

use axum::extract::Request;
use axum::http::header;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::world::locked;

/// Requests remembered; older ones are only counted.
const REMEMBERED: usize = 5_000;

#[derive(Debug, Default)]
pub struct Counts {
    pub clusters_started: AtomicU64,
    pub submissions: AtomicU64,
    /// Submissions answered with a run that was there already.
    pub submissions_repeated: AtomicU64,
    pub jobs_created: AtomicU64,
    pub runs_started: AtomicU64,
    pub processes_started: AtomicU64,
    pub statements: AtomicU64,
    pub warehouses_started: AtomicU64,
    pub tokens_issued: AtomicU64,
    pub tokens_refreshed: AtomicU64,
    pub tokens_revoked: AtomicU64,
    pub grants_changed: AtomicU64,
    requests: AtomicU64,
    open: AtomicU64,
    most_open: AtomicU64,
    by_path: Mutex<BTreeMap<String, u64>>,
    log: Mutex<VecDeque<Value>>,
}

pub fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A request under way. It counts as ended when dropped, also when the client went away.
pub struct Seen<'a> {
    counts: &'a Counts,
    entry: Mutex<Option<Value>>,
}

impl Counts {
    /// Neither bodies nor credentials are remembered, and no query where it may hold a code.
    pub fn begin(&self, request: &Request, path: &str, query: &str, id: &str) -> Seen<'_> {
        one(&self.requests);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let query = if path.starts_with("/api/") { query } else { "" };
        let key = format!("{} {}", request.method(), family(path));
        *locked(&self.by_path).entry(key).or_default() += 1;
        let entry = json!({
            "request_id": id, "method": request.method().as_str(), "path": path, "query": query,
            "user_agent": header(header::USER_AGENT.as_str()),
            "workspace_id": header("x-databricks-workspace-id"),
        });
        Seen { counts: self, entry: Mutex::new(Some(entry)) }
    }

    pub fn show(&self) -> Value {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "clusters_started": of(&self.clusters_started),
            "submissions": of(&self.submissions),
            "submissions_repeated": of(&self.submissions_repeated),
            "jobs_created": of(&self.jobs_created),
            "runs_started": of(&self.runs_started),
            "processes_started": of(&self.processes_started),
            "statements": of(&self.statements),
            "warehouses_started": of(&self.warehouses_started),
            "tokens_issued": of(&self.tokens_issued),
            "tokens_refreshed": of(&self.tokens_refreshed),
            "tokens_revoked": of(&self.tokens_revoked),
            "grants_changed": of(&self.grants_changed),
            "requests": of(&self.requests),
            "requests_open": of(&self.open),
            "requests_open_at_most": of(&self.most_open),
            "requests_by_path": *locked(&self.by_path),
        })
    }

    pub fn log(&self) -> Vec<Value> {
        locked(&self.log).iter().cloned().collect()
    }

    pub fn reset(&self) {
        for counter in [
            &self.clusters_started,
            &self.submissions,
            &self.submissions_repeated,
            &self.jobs_created,
            &self.runs_started,
            &self.processes_started,
            &self.statements,
            &self.warehouses_started,
            &self.tokens_issued,
            &self.tokens_refreshed,
            &self.tokens_revoked,
            &self.grants_changed,
            &self.requests,
            &self.most_open,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        locked(&self.by_path).clear();
        locked(&self.log).clear();
    }
}

/// A path without what differs from object to object, so that the map of counts stays small.
fn family(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    let keep = match parts.get(3) {
        Some(&"unity-catalog") => 5,
        Some(&"fs") => 5,
        Some(&"sql") => 5,
        _ => 8,
    };
    if parts.len() > keep {
        parts.truncate(keep);
        parts.push("*");
    }
    parts.join("/")
}

impl Seen<'_> {
    pub fn end(&self, status: u16) {
        if let Some(mut entry) = locked(&self.entry).take() {
            entry["status"] = status.into();
            let mut log = locked(&self.counts.log);
            if log.len() == REMEMBERED {
                log.pop_front();
            }
            log.push_back(entry);
        }
    }
}

impl Drop for Seen<'_> {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

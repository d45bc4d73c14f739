//! The journal: every decision and transition as an entry chained by hash to the one before.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 … without a gap.
    pub sequence: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// The run it belongs to; empty for what happens outside a run.
    #[serde(alias = "job")]
    pub run_id: String,
    /// The source table it is about; empty for a whole run.
    pub table: String,
    /// `run.started`, `table.state`, `table.unit`, `table.commit`, `table.validated`, `mapping.saved` …
    pub kind: String,
    pub body: Value,
    pub previous_hash: String,
    pub hash: String,
}

/// The hash before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 over the fields, each with its length before it, so that no two different entries have the same bytes.
pub fn entry_hash(entry: &Entry) -> String {
    let mut hasher = Sha256::new();
    let sequence = entry.sequence.to_string();
    let body = canonical(&entry.body);
    for part in [&entry.previous_hash, &sequence, &entry.at, &entry.run_id, &entry.table, &entry.kind, &body] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// Compact JSON with the keys of every object in order. Not `to_string()`, whose order depends on a feature of serde_json
/// that any other crate of a program may turn on.
pub fn canonical(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort();
                Value::Object(keys.into_iter().map(|k| (k.clone(), sorted(&map[k]))).collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    sorted(value).to_string()
}

/// The first entry that breaks the chain, with the reason. `previous` is the hash before the first of `entries`.
pub fn first_break<'a>(
    mut previous: String,
    mut sequence: u64,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Option<(u64, String)> {
    for entry in entries {
        sequence += 1;
        if entry.sequence != sequence {
            return Some((entry.sequence, format!("entry {sequence} is missing")));
        }
        if entry.previous_hash != previous {
            return Some((entry.sequence, "it does not follow the entry before it".into()));
        }
        if entry_hash(entry) != entry.hash {
            return Some((entry.sequence, "its content was changed".into()));
        }
        previous.clone_from(&entry.hash);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: u64) -> Vec<Entry> {
        let mut previous = GENESIS.to_string();
        (1..=count)
            .map(|sequence| {
                let mut entry = Entry {
                    sequence,
                    at: "2026-01-01T00:00:00Z".into(),
                    run_id: "j".into(),
                    table: "t".into(),
                    kind: "k".into(),
                    body: serde_json::json!({"n": sequence}),
                    previous_hash: previous.clone(),
                    hash: String::new(),
                };
                entry.hash = entry_hash(&entry);
                previous.clone_from(&entry.hash);
                entry
            })
            .collect()
    }

    #[test]
    fn a_whole_chain_holds_and_every_tampering_shows() {
        let good = chain(4);
        assert_eq!(first_break(GENESIS.into(), 0, &good), None);
        let mut changed = good.clone();
        changed[2].body = serde_json::json!({"n": 99});
        assert_eq!(first_break(GENESIS.into(), 0, &changed).map(|b| b.0), Some(3));
        let mut dropped = good.clone();
        dropped.remove(1);
        assert_eq!(first_break(GENESIS.into(), 0, &dropped).map(|b| b.0), Some(3));
        let mut rehashed = good;
        rehashed[1].kind = "other".into();
        rehashed[1].hash = entry_hash(&rehashed[1]);
        assert_eq!(first_break(GENESIS.into(), 0, &rehashed).map(|b| b.0), Some(3));
    }
}

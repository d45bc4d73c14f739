//! Which snapshots of foreign tables were read: lines of JSON in the sandbox's folder, only ever appended, which the warehouse and
//! every task on a cluster share.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The tasks' Python has the same name.
const FILE: &str = "foreign-reads.jsonl";

pub struct Reads(PathBuf);

#[derive(Serialize, Deserialize)]
struct Line {
    table: String,
    snapshot: i64,
}

impl Reads {
    pub fn new(folder: &Path) -> Self {
        Self(folder.join(FILE))
    }

    /// In the order in which they first were read, by table.
    pub fn all(&self) -> BTreeMap<String, Vec<i64>> {
        let mut all: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            let seen = all.entry(line.table).or_default();
            if !seen.contains(&line.snapshot) {
                seen.push(line.snapshot);
            }
        }
        all
    }

    pub fn of(&self, table: &str) -> Vec<i64> {
        self.all().remove(table).unwrap_or_default()
    }

    pub fn note(&self, table: &str, snapshot: i64) -> io::Result<()> {
        let table = table.to_lowercase();
        if self.of(&table).contains(&snapshot) {
            return Ok(());
        }
        // One short write at the end of the file, which no other process's write cuts.
        let line = format!("{}\n", serde_json::to_string(&Line { table, snapshot })?);
        OpenOptions::new().create(true).append(true).open(&self.0)?.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_noted_once_and_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let reads = Reads::new(folder.path());
        assert!(reads.of("a.b.c").is_empty());
        for (table, snapshot) in [("a.b.c", 7), ("A.B.C", 3), ("a.b.c", 7), ("a.b.d", 1)] {
            reads.note(table, snapshot).unwrap();
        }
        assert_eq!((reads.of("a.b.c"), reads.all().len()), (vec![7, 3], 2));
    }
}

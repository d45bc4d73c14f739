//! What of a table's rows a later snapshot reads from elsewhere than an earlier one: for a comparison that reads those alone.
//!
//! Two reads of one data file with the same deletes give the same rows. So a snapshot's digest is that of an earlier one,
//! less the rows of what is read no longer, and more those of what is read now.

use crate::copy::relocate::PathMap;
use crate::copy::source_location;
use crate::scan::{self, FileTask};
use crate::table::Table;
use icebridge_model::Result;
use std::collections::HashMap;

/// What a read of one snapshot opens.
pub struct Reads {
    tasks: Vec<(u128, FileTask)>,
}

/// Reads that differ from earlier ones.
#[derive(Debug)]
pub struct Changed {
    pub added: Vec<FileTask>,
    pub removed: Vec<FileTask>,
    /// The reads that are as they were, and how often.
    kept: HashMap<u128, usize>,
}

impl Reads {
    pub async fn of(table: &Table, snapshot_id: Option<i64>) -> Result<Self> {
        Self::named(table, snapshot_id, |path| path.to_string()).await
    }

    /// The reads of a source, each under the names that its files have in the copy.
    pub async fn as_copied(source: &Table, snapshot_id: Option<i64>, target: &Table) -> Result<Self> {
        let location = source_location(&target.metadata, &source.metadata);
        let map = PathMap::new(location, &target.metadata.location);
        Self::named(source, snapshot_id, |path| map.absolute(path)).await
    }

    async fn named(table: &Table, snapshot_id: Option<i64>, name: impl Fn(&str) -> String) -> Result<Self> {
        let tasks = scan::plan(table, snapshot_id).await?;
        Ok(Self { tasks: tasks.into_iter().map(|task| (task.read_key(&name), task)).collect() })
    }

    /// What of this is not in `earlier`, and the other way round. A read may be there more than once: a table can list a file
    /// twice.
    pub fn since(self, earlier: Self) -> Changed {
        let (before, now) = (counts(&earlier.tasks), counts(&self.tasks));
        let kept: HashMap<u128, usize> =
            now.iter().filter_map(|(key, count)| Some((*key, (*count).min(*before.get(key)?)))).collect();
        Changed { added: beyond(self.tasks, kept.clone()), removed: beyond(earlier.tasks, kept.clone()), kept }
    }

    /// What is not among the reads that another side keeps; none if this side lacks one of those.
    pub fn beside(self, changed: &Changed) -> Option<Vec<FileTask>> {
        let own = counts(&self.tasks);
        let has_all = changed.kept.iter().all(|(key, count)| own.get(key).is_some_and(|own| own >= count));
        has_all.then(|| beyond(self.tasks, changed.kept.clone()))
    }
}

fn counts(tasks: &[(u128, FileTask)]) -> HashMap<u128, usize> {
    let mut counts = HashMap::new();
    tasks.iter().for_each(|(key, _)| *counts.entry(*key).or_default() += 1);
    counts
}

/// The tasks without those that are kept, as often as they are.
fn beyond(tasks: Vec<(u128, FileTask)>, mut kept: HashMap<u128, usize>) -> Vec<FileTask> {
    let is_kept = |key: &u128| match kept.get_mut(key) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    let mut is_kept = is_kept;
    tasks.into_iter().filter(|(key, _)| !is_kept(key)).map(|(_, task)| task).collect()
}

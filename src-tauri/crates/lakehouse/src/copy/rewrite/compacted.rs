//! Compaction: files were replaced by others with the same rows. Where the source was compacted, the target's files have these rows
//! already, and stay; where others compacted the target, their files take the place of ours.
//!
//! A snapshot says so by its operation `replace` (specification, "Snapshots"). That is believed as far as that nothing is written;
//! the round compares the rows of what was replaced on both sides before anybody sees it.

use super::unit_map::{MappedUnit, Reads, keyed};
use crate::copy::common::round::{is_replacing, snapshots_since};
use crate::location::canonical;
use crate::metadata::{Snapshot, TableMetadata};
use crate::scan::{self, FileTask};
use crate::table::Table;
use icebridge_model::{Code, Error, Result};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;

/// Each costs the planning of two reads.
const MOST: usize = 64;

/// The units, with the reads that they have since the source was compacted. `since`: the snapshot whose reads they have now.
pub async fn follow(units: &[MappedUnit], source: &Table, since: Option<i64>, round: u64) -> Result<Vec<MappedUnit>> {
    let mut units = units.to_vec();
    for snapshot in replacing(&source.metadata, since) {
        let Some((before, after)) = around(source, snapshot).await? else { continue };
        for (gone, new) in replaced(before, after).into_values() {
            let keys = |tasks: Vec<FileTask>| keyed(tasks).into_iter().map(|(key, _)| key).collect::<Vec<u128>>();
            merge(&mut units, &keys(gone), keys(new), |unit| &mut unit.reads, (round, BTreeSet::new()));
        }
    }
    Ok(units)
}

/// The units, with the files that they have since others compacted the target. `since`: the snapshot that we left.
/// `under`: the schemas that they may have written them under.
pub async fn follow_target(
    units: Vec<MappedUnit>,
    target: &Table,
    since: Option<i64>,
    (round, under): (u64, &BTreeSet<usize>),
) -> Result<Vec<MappedUnit>> {
    let mut units = units;
    let folder = canonical(&format!("{}/", target.metadata.location.trim_end_matches('/')));
    let below = |path: &str| canonical(path).strip_prefix(&folder).map_or_else(|| path.to_string(), str::to_string);
    for snapshot in replacing(&target.metadata, since) {
        let Some((before, after)) = around(target, snapshot).await? else { continue };
        for (gone, new) in replaced(before, after).into_values() {
            let paths = |tasks: Vec<FileTask>| tasks.iter().map(|task| below(&task.file.path)).collect::<Vec<String>>();
            merge(&mut units, &paths(gone), paths(new), |unit| &mut unit.files, (round, under.clone()));
        }
    }
    Ok(units)
}

/// The reads before a snapshot, and those after it. None: it was expired in between, or never whole.
async fn around(table: &Table, snapshot: &Snapshot) -> Result<Option<(Keyed, Keyed)>> {
    let read = async {
        let before = keyed(scan::plan(table, snapshot.parent_snapshot_id).await?);
        Ok::<_, Error>((before, keyed(scan::plan(table, Some(snapshot.snapshot_id)).await?)))
    };
    match read.await {
        Ok(both) => Ok(Some(both)),
        Err(e) if matches!(e.code, Code::FileMissing | Code::TableNotFound) => Ok(None),
        Err(e) => Err(e),
    }
}

type Keyed = Vec<(u128, FileTask)>;

/// The compactions since a snapshot, the first one first; none, if the history does not go back to it, or there are too many.
fn replacing(now: &TableMetadata, since: Option<i64>) -> Vec<&Snapshot> {
    let mut found = since.and_then(|since| snapshots_since(now, Some(since))).unwrap_or_default();
    found.retain(|snapshot| is_replacing(snapshot));
    found.reverse();
    if found.len() <= MOST { found } else { Vec::new() }
}

/// Reads that are gone, and those that are there in their place.
type Replaced = (Vec<FileTask>, Vec<FileTask>);

/// By partition, as rows stay in theirs; all together where files have come under another spec.
fn replaced(before: Keyed, after: Keyed) -> BTreeMap<String, Replaced> {
    let keys = |of: &Keyed| Reads::of(of.iter().map(|(key, _)| *key));
    let (mut were, mut are) = (keys(&before), keys(&after));
    let gone: Vec<_> = before.into_iter().filter(|(key, _)| !are.take_one(*key)).map(|(_, task)| task).collect();
    let new: Vec<_> = after.into_iter().filter(|(key, _)| !were.take_one(*key)).map(|(_, task)| task).collect();
    let spec = gone.iter().chain(&new).map(|task| task.file.spec_id).next();
    let one_spec = gone.iter().chain(&new).all(|task| Some(task.file.spec_id) == spec);
    let part = |task: &FileTask| if one_spec { format!("{:?}", task.file.partition_key()) } else { String::new() };
    let mut parts: BTreeMap<String, Replaced> = BTreeMap::new();
    gone.into_iter().for_each(|task| parts.entry(part(&task)).or_default().0.push(task));
    new.into_iter().for_each(|task| parts.entry(part(&task)).or_default().1.push(task));
    parts
}

/// The units that have what is gone become one, with what is new. If something of it is in no unit, they are left as they are, and
/// copied again.
fn merge<T: Clone + Eq + Hash>(
    units: &mut Vec<MappedUnit>,
    gone: &[T],
    new: Vec<T>,
    what: impl Fn(&mut MappedUnit) -> &mut Vec<T>,
    (round, under): (u64, BTreeSet<usize>),
) {
    let gone_keys: HashSet<&T> = gone.iter().collect();
    let (mut of, mut others) = (Vec::new(), Vec::new());
    for mut unit in std::mem::take(units) {
        match what(&mut unit).iter().any(|one| gone_keys.contains(one)) {
            true => of.push(unit),
            false => others.push(unit),
        }
    }
    let mut wanted = Reads::of(gone.iter().cloned());
    let mut merged = MappedUnit { round, reads: Vec::new(), files: Vec::new(), schemas: under };
    for unit in of.clone() {
        merged.schemas.extend(unit.schemas);
        merged.reads.extend(unit.reads);
        merged.files.extend(unit.files);
    }
    what(&mut merged).retain(|one| !wanted.take_one(one.clone()));
    if gone.is_empty() || !wanted.is_empty() {
        others.extend(of);
    } else {
        what(&mut merged).extend(new);
        others.push(merged);
    }
    *units = others;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(reads: &[u128], file: &str) -> MappedUnit {
        MappedUnit { round: 0, reads: reads.to_vec(), files: vec![file.into()], schemas: BTreeSet::from([0]) }
    }

    #[test]
    fn units_whose_reads_were_replaced_become_one() {
        let units = || vec![unit(&[1, 2], "a"), unit(&[3], "b"), unit(&[4], "c")];
        let mut merged = units();
        merge(&mut merged, &[2, 3], vec![9], |unit| &mut unit.reads, (5, BTreeSet::new()));
        let both = MappedUnit { round: 5, reads: vec![1, 9], files: vec!["a".into(), "b".into()], schemas: [0].into() };
        assert_eq!(merged, vec![unit(&[4], "c"), both]);
        // 7 came after the copy: the new file has rows that no unit has.
        let mut not = units();
        merge(&mut not, &[3, 7], vec![9], |unit| &mut unit.reads, (5, BTreeSet::new()));
        assert_eq!(not, vec![unit(&[1, 2], "a"), unit(&[4], "c"), unit(&[3], "b")]);
        // Rows that come from nowhere are none of a compaction.
        let mut none = units();
        merge(&mut none, &[], vec![9], |unit| &mut unit.reads, (5, BTreeSet::new()));
        assert_eq!(none, units());
        // The same for files that others packed together in the target.
        let mut packed = units();
        merge(
            &mut packed,
            &["a".to_string(), "c".into()],
            vec!["d".into()],
            |unit| &mut unit.files,
            (5, BTreeSet::from([7])),
        );
        assert_eq!(
            packed,
            vec![
                unit(&[3], "b"),
                MappedUnit { round: 5, reads: vec![1, 2, 4], files: vec!["d".into()], schemas: [0, 7].into() }
            ]
        );
    }
}

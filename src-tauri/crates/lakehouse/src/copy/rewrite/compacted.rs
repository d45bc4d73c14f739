//! Compaction at the source: files were replaced by others with the same rows. The target's files have these rows already, and stay.
//!
//! A snapshot says so by its operation `replace` (specification, "Snapshots"). That is believed as far as that nothing is written;
//! the round compares the rows of what was replaced on both sides before anybody sees it.

use super::unit_map::{MappedUnit, Reads, keyed};
use crate::metadata::{Snapshot, TableMetadata};
use crate::scan::{self, FileTask};
use crate::table::Table;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeMap;

/// Each costs the planning of two reads.
const MOST: usize = 16;

/// The units, with the reads that they have since the source was compacted. `since`: the snapshot whose reads they have now.
pub async fn follow(units: &[MappedUnit], source: &Table, since: Option<i64>, round: u64) -> Result<Vec<MappedUnit>> {
    let mut units = units.to_vec();
    let Some(replacing) = replacing(&source.metadata, since) else { return Ok(units) };
    for snapshot in replacing {
        let read = async {
            let before = keyed(scan::plan(source, snapshot.parent_snapshot_id).await?);
            Ok::<_, Error>((before, keyed(scan::plan(source, Some(snapshot.snapshot_id)).await?)))
        };
        match read.await {
            Ok((before, after)) => {
                for (gone, new) in replaced(before, after).into_values() {
                    merge(&mut units, &gone, new, round);
                }
            }
            // Expired in between, or never whole: what it replaced is copied again.
            Err(e) if matches!(e.code, Code::FileMissing | Code::TableNotFound) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(units)
}

/// The compactions since a snapshot, the first one first. None: the history does not go back to it, or there are too many.
fn replacing(now: &TableMetadata, since: Option<i64>) -> Option<Vec<&Snapshot>> {
    let since = since?;
    let mut found = Vec::new();
    let mut at = now.current_snapshot_id?;
    for _ in 0..=now.snapshots.len() {
        if at == since {
            found.reverse();
            return (found.len() <= MOST).then_some(found);
        }
        let snapshot = now.snapshot(at)?;
        if snapshot.summary.get("operation").is_some_and(|operation| operation == "replace") {
            found.push(snapshot);
        }
        at = snapshot.parent_snapshot_id?;
    }
    None
}

/// Reads that are gone, and those that are there in their place.
type Replaced = (Vec<u128>, Vec<u128>);

/// By partition, as rows stay in theirs; all together where files have come under another spec.
fn replaced(before: Vec<(u128, FileTask)>, after: Vec<(u128, FileTask)>) -> BTreeMap<String, Replaced> {
    let (mut were, mut are) =
        (Reads::of(before.iter().map(|(key, _)| key)), Reads::of(after.iter().map(|(key, _)| key)));
    let gone: Vec<_> = before.into_iter().filter(|(key, _)| !are.take_one(*key)).collect();
    let new: Vec<_> = after.into_iter().filter(|(key, _)| !were.take_one(*key)).collect();
    let spec = gone.iter().chain(&new).map(|(_, task)| task.file.spec_id).next();
    let one_spec = gone.iter().chain(&new).all(|(_, task)| Some(task.file.spec_id) == spec);
    let part = |task: &FileTask| if one_spec { format!("{:?}", task.file.partition_key()) } else { String::new() };
    let mut parts: BTreeMap<String, Replaced> = BTreeMap::new();
    gone.into_iter().for_each(|(key, task)| parts.entry(part(&task)).or_default().0.push(key));
    new.into_iter().for_each(|(key, task)| parts.entry(part(&task)).or_default().1.push(key));
    parts
}

/// The units that have the reads which are gone become one, with the new reads. If a row of these is in no unit, they are left as they are,
/// and copied again.
fn merge(units: &mut Vec<MappedUnit>, gone: &[u128], new: Vec<u128>, round: u64) {
    let mut wanted = Reads::of(gone);
    let touched = |unit: &MappedUnit| unit.reads.iter().any(|key| gone.contains(key));
    let (of, others): (Vec<MappedUnit>, Vec<MappedUnit>) = std::mem::take(units).into_iter().partition(touched);
    let mut reads: Vec<u128> = of.iter().flat_map(|unit| unit.reads.iter().copied()).collect();
    reads.retain(|key| !wanted.take_one(*key));
    *units = others;
    if gone.is_empty() || !wanted.is_empty() {
        units.extend(of);
        return;
    }
    reads.extend(new);
    let files = of.into_iter().flat_map(|unit| unit.files).collect();
    units.push(MappedUnit { round, reads, files });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(reads: &[u128], file: &str) -> MappedUnit {
        MappedUnit { round: 0, reads: reads.to_vec(), files: vec![file.into()] }
    }

    #[test]
    fn units_whose_reads_were_replaced_become_one() {
        let units = || vec![unit(&[1, 2], "a"), unit(&[3], "b"), unit(&[4], "c")];
        let mut merged = units();
        merge(&mut merged, &[2, 3], vec![9], 5);
        let both = MappedUnit { round: 5, reads: vec![1, 9], files: vec!["a".into(), "b".into()] };
        assert_eq!(merged, vec![unit(&[4], "c"), both]);
        // 7 came after the copy: the new file has rows that no unit has.
        let mut not = units();
        merge(&mut not, &[3, 7], vec![9], 5);
        assert_eq!(not, vec![unit(&[1, 2], "a"), unit(&[4], "c"), unit(&[3], "b")]);
        // Rows that come from nowhere are none of a compaction.
        let mut none = units();
        merge(&mut none, &[], vec![9], 5);
        assert_eq!(none, units());
    }
}

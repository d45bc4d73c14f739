//! What a round of a rewritten table has to be compared by: the reads that it copied, on each side.

use super::unit_map::{self, MappedUnit, Reads, UnitMap};
use crate::location::canonical;
use crate::provenance::PROPERTY_SYNC_ROUND;
use crate::scan::{self, FileTask};
use crate::table::Table;
use icebridge_model::{Code, Result};
use std::collections::HashSet;

/// All other reads are as they were in an earlier round, on both sides.
pub struct RoundReads {
    pub source: Vec<FileTask>,
    pub target: Vec<FileTask>,
    /// What the target has no longer.
    pub earlier: Vec<FileTask>,
}

/// `staged`: the table as the round makes it. None: the map does not tell.
pub async fn round_reads(source: &Table, staged: &Table, before: &Table) -> Result<Option<RoundReads>> {
    let Some(map) = UnitMap::of(staged).await? else { return Ok(None) };
    let round = staged.metadata.properties.get(PROPERTY_SYNC_ROUND).and_then(|round| round.parse::<u64>().ok());
    let Some(round) = round else { return Ok(None) };
    let kept: Vec<MappedUnit> = map.units.into_iter().filter(|unit| unit.round < round).collect();
    let keys: Vec<u128> = kept.iter().flat_map(|unit| unit.reads.iter().copied()).collect();

    let mut known = Reads::of(keys);
    let now = unit_map::keyed(scan::plan(source, source.metadata.current_snapshot_id).await?);
    let new: Vec<FileTask> = now.into_iter().filter(|(key, _)| !known.take_one(*key)).map(|(_, task)| task).collect();
    if !known.is_empty() {
        return Ok(None);
    }
    let location = &staged.metadata.location;
    let files: HashSet<String> = kept.iter().flat_map(|unit| unit.paths(location)).collect();
    let (Some(target), Some(earlier)) = (beside(staged, &files).await?, beside(before, &files).await?) else {
        return Ok(None);
    };
    Ok(Some(RoundReads { source: new, target, earlier }))
}

/// The table's reads of other files than these; none if it lacks one of these.
async fn beside(table: &Table, files: &HashSet<String>) -> Result<Option<Vec<FileTask>>> {
    let all = match scan::plan(table, table.metadata.current_snapshot_id).await {
        Ok(all) => all,
        Err(e) if e.code == Code::FileMissing => return Ok(None),
        Err(e) => return Err(e),
    };
    let count = all.len();
    let others: Vec<FileTask> = all.into_iter().filter(|task| !files.contains(&canonical(&task.file.path))).collect();
    Ok((count - others.len() == files.len()).then_some(others))
}

//! A table that was compared before, compared again by what has changed since: the rows that a read takes from other files,
//! or with other deletes.
//!
//! The row digest is a sum over rows. So the digest of the whole is the earlier one, less the rows that are read no longer,
//! and more those that are read now; of these, each side reads its own.

use super::columns::{self, Kept};
use super::proof::check;
use super::records;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::changes::Reads;
use icebridge_lakehouse::copy::{RoundReads, round_reads};
use icebridge_lakehouse::digest::{RowDigest, digest_of};
use icebridge_lakehouse::records::{Counted, count};
use icebridge_lakehouse::scan::FileTask;
use icebridge_model::check::CheckKind;
use icebridge_model::conversion::{converted, identifier};
use icebridge_model::plan::{CopyMode, PlannedTable};
use icebridge_model::validation::{Check, Measurement};
use icebridge_model::{Code, Error, Result};
use tokio_util::sync::CancellationToken;

/// The target as it was compared last.
pub(crate) struct Before<'a> {
    pub target: &'a Table,
    pub snapshot_id: Option<i64>,
    pub digest: RowDigest,
}

#[derive(Debug)]
pub(crate) struct ComparedChanges {
    pub checks: Vec<Check>,
    pub rows_read: u64,
    /// Of the whole target.
    pub rows: u64,
    pub digest: String,
}

/// What each side has to read.
struct ToRead {
    source: Vec<FileTask>,
    target: Vec<FileTask>,
    /// Of the target before, what it has no longer.
    earlier: Vec<FileTask>,
}

/// None: what changed cannot be told from what did not, and everything has to be read.
async fn to_read(
    planned: &PlannedTable,
    source: &Table,
    target: &Table,
    before: &Before<'_>,
) -> Result<Option<ToRead>> {
    let snapshot_id = source.metadata.current_snapshot_id;
    let of_source = match planned.mode {
        CopyMode::Rewrite => {
            let reads = round_reads(source, target, before.target).await?;
            return Ok(reads.map(|RoundReads { source, target, earlier }| ToRead { source, target, earlier }));
        }
        CopyMode::Register => Reads::of(source, snapshot_id).await?,
        CopyMode::Clone => Reads::as_copied(source, snapshot_id, target).await?,
    };
    let earlier = match Reads::of(before.target, before.snapshot_id).await {
        Ok(earlier) => earlier,
        Err(e) if e.code == Code::FileMissing => return Ok(None),
        Err(e) => return Err(e.at_target()),
    };
    let changed = Reads::of(target, snapshot_id).await.map_err(Error::at_target)?.since(earlier);
    let source = of_source.beside(&changed);
    Ok(source.map(|source| ToRead { source, target: changed.added, earlier: changed.removed }))
}

/// None: what changed cannot be told from what did not, and everything has to be read.
pub(crate) async fn compare_changes(
    planned: &PlannedTable,
    (source, target): (&Table, &Table),
    before: &Before<'_>,
    comments_carried: bool,
    cancel: &CancellationToken,
) -> Result<Option<ComparedChanges>> {
    let source_snapshot = source.metadata.current_snapshot_id;
    // Clone and register keep snapshot ids; a rewritten table has snapshots of its own.
    let target_snapshot = target.metadata.current_snapshot_id;
    let source_schema = source.metadata.read_schema(source_snapshot);
    let schema = target.metadata.read_schema(target_snapshot);
    // Under other columns or types the same rows have another digest.
    // So have files without field ids under other names of their columns.
    if schema.without_comments() != before.target.metadata.read_schema(before.snapshot_id).without_comments()
        || target.metadata.name_mapping() != before.target.metadata.name_mapping()
        || identifier(&planned.conversions).is_some()
    {
        return Ok(None);
    }
    let Some(read) = to_read(planned, source, target, before).await? else { return Ok(None) };
    let from = digest_of(source, source_snapshot, read.source, cancel, &|_| {}).await?;
    let to = digest_of(target, target_snapshot, read.target, cancel, &|_| {}).await.map_err(Error::at_target)?;
    let gone = match digest_of(before.target, before.snapshot_id, read.earlier, cancel, &|_| {}).await {
        Ok(gone) => gone,
        Err(e) if e.code == Code::FileMissing => return Ok(None),
        Err(e) => return Err(e.at_target()),
    };
    let Some(kept) = before.digest.without(gone) else { return Ok(None) };
    let whole = |new: RowDigest| {
        let mut all = kept;
        all += new;
        all
    };
    let kept = Kept { ids: planned.mode != CopyMode::Rewrite, comments: !comments_carried, nullability: true };
    let mut checks = vec![columns::check(&converted(source_schema, &planned.conversions), schema, kept)];
    let (of_source, of_target) = (whole(from), whole(to));
    let measured = |digest: RowDigest| Measurement { rows: digest.rows, digest: digest.to_hex(), ..Default::default() };
    let (mut of_source, mut of_target) = (measured(of_source), measured(of_target));
    checks.push(check(CheckKind::Count, of_source.rows, of_target.rows, of_source.rows == of_target.rows));
    let is_same = of_source.digest == of_target.digest;
    checks.push(check(CheckKind::Digest, &of_source.digest, &of_target.digest, is_same));
    for (table, snapshot_id, measurement) in
        [(source, source_snapshot, &mut of_source), (target, target_snapshot, &mut of_target)]
    {
        let counted = count(table, snapshot_id, Counted::ByManifests).await?;
        if !counted.allow(measurement.rows) {
            measurement.records_by_footers = Some(count(table, snapshot_id, Counted::ByFooters).await?);
        }
        measurement.records = Some(counted);
    }
    checks.extend(records::check(&of_source, &of_target, planned.mode));
    checks.extend(records::dangling(&of_source, &planned.findings));
    Ok(Some(ComparedChanges {
        checks,
        rows_read: from.rows + to.rows + gone.rows,
        rows: of_target.rows,
        digest: of_target.digest,
    }))
}

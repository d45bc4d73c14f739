//! Looks at tables that were moved: is the source left alone, what has the target become, and are the moved rows still there?

use super::at_work::AtWork;
use super::look::as_it_stands;
use super::sides;
use super::told::told;
use super::wave::Wave;
use crate::LocalState;
use crate::ledger::{CutoverStage, CutoverStep};
use crate::migration::guarded;
use crate::state::now;
use crate::sync::check_identity;
use crate::validate;
use futures::FutureExt;
use icebridge_lakehouse::copy::is_replacing;
use icebridge_lakehouse::{Snapshot, TableMetadata};
use icebridge_model::cutover::{CutoverState, CutoverTable, CutoverTables, CutoverView, Moved, Probation};
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Error, Result};
use tokio_util::sync::CancellationToken;

/// Writes what it sees of each table on probation into the journal. Tables in other states are told as they stand.
#[tracing::instrument(name = "cutover", skip_all, fields(run, command = "check"))]
pub async fn check(local: &LocalState, request: &CutoverTables, cancel: &CancellationToken) -> Result<CutoverView> {
    let at_work = AtWork::begin(local, cancel).await?;
    let wave = at_work.wave(request, "").await?;
    let asked = wave.asked(&request.tables)?;
    let work =
        asked.iter().map(|(planned, migrated)| check_table(&wave, planned, *migrated, request.compare)).collect();
    let tables = wave.each(work).await?;
    Ok(wave.view(tables, Vec::new()))
}

#[tracing::instrument(name = "table", skip_all, fields(table = %planned.source, target_table = %planned.target))]
async fn check_table(wave: &Wave<'_>, planned: &PlannedTable, migrated: bool, compare: bool) -> Result<CutoverTable> {
    let on_probation = wave.state(planned) == CutoverState::OnProbation;
    let step = wave.last_step(planned).filter(|_| on_probation);
    let Some((moved, step)) = step.and_then(|step| Some((step.moved.clone()?, step))) else {
        return Ok(as_it_stands(wave, planned, migrated));
    };
    let seen = guarded(seen(wave, planned, &moved, compare).boxed()).await;
    let (probation, error) = match seen {
        Ok((probation, error)) => (Some(probation), error),
        Err(error) if error.code == Code::Cancelled && wave.session.cancel.is_cancelled() => return Err(error),
        Err(error) => (None, Some(error)),
    };
    let error = error.map(|error| error.about(&planned.source).or_usual_hint());
    let checked = CutoverStep { stage: CutoverStage::Checked, probation, error, hooks: Vec::new(), ..step.clone() };
    // A look that finds what the one before found is no news.
    let is_news = checked.probation != step.probation || checked.error != step.error;
    if is_news || step.stage != CutoverStage::Checked {
        wave.record(planned, &checked).await?;
    }
    Ok(told(planned, &checked, now()))
}

/// What has become of both sides, and what of it somebody must know.
pub(super) async fn seen(
    wave: &Wave<'_>,
    planned: &PlannedTable,
    moved: &Moved,
    compare: bool,
) -> Result<(Probation, Option<Error>)> {
    let session = &wave.session;
    let source = sides::source_now(session, planned).await?;
    let target = session.target.load(&planned.target).await.map_err(|e| e.about(&planned.target))?;
    check_identity(&target, &moved.target_uuid)?;
    let at_source = since(&source.metadata, moved.source_snapshot_id, moved.source_sequence_number, |_| true);
    // Compaction brings no row that the way back would lose; engines that manage tables do it by themselves.
    let brings_rows = |snapshot: &Snapshot| !is_replacing(snapshot);
    let at_target = since(&target.metadata, moved.target_snapshot_id, moved.target_sequence_number, brings_rows);
    let mut probation = Probation {
        source_snapshots: at_source.snapshots,
        source_writer: at_source.writer,
        target_snapshots: at_target.snapshots,
        target_rows: at_target.rows,
        compared: false,
    };
    let late = (probation.source_snapshots > 0).then(|| {
        let by = match probation.source_writer.as_str() {
            "" => String::new(),
            writer => format!(" by {writer}"),
        };
        let what = format!("somebody still writes to the source: {} new snapshots{by}", probation.source_snapshots);
        Error::new(Code::SourceNotQuiet, what).with_hint(
            "What was written there is not in the target. Find that writer; then take the way back with `icebridge cutover back` and \
             cut the table over again.",
        )
    });
    let late = late.or_else(|| {
        let changed = source.metadata.current_schema_id != moved.source_schema_id;
        changed.then(|| {
            Error::new(Code::SourceNotQuiet, "somebody has changed the columns of the source since it was moved")
        })
    });
    if !compare {
        return Ok((probation, late));
    }
    let both = match sides::as_moved(session, planned, moved).await {
        Ok(both) => both,
        // What is known already is worth more than what cannot be compared.
        Err(error) if error.code != Code::Cancelled => return Ok((probation, late.or(Some(error)))),
        Err(error) => return Err(error),
    };
    let validation = both.compare(session).await?;
    probation.compared = validation.passed;
    Ok((probation, late.or(validate::failure(&validation))))
}

struct Since {
    snapshots: u64,
    rows: Option<i64>,
    writer: String,
}

/// What a table has got since one of its snapshots. Where the way to it cannot be followed any more, all that is known since counts.
fn since(
    metadata: &TableMetadata,
    snapshot_id: Option<i64>,
    sequence_number: i64,
    counts: impl Fn(&Snapshot) -> bool,
) -> Since {
    let mut since = Since { snapshots: 0, rows: Some(0), writer: String::new() };
    let mut at = metadata.current_snapshot_id;
    let mut steps = 0;
    while at != snapshot_id {
        let found = at.and_then(|id| metadata.snapshot(id));
        steps += 1;
        let Some(snapshot) = found.filter(|_| steps <= metadata.snapshots.len()) else {
            // Set back, or the snapshots between are expired.
            since.snapshots = since.snapshots.max(1);
            since.rows = None;
            break;
        };
        at = snapshot.parent_snapshot_id;
        if !counts(snapshot) {
            continue;
        }
        if since.snapshots == 0 {
            let said = |key: &str| snapshot.summary.get(key).map(String::as_str).unwrap_or_default();
            let words: Vec<&str> = ["engine-name", "engine-version", "app-name", "app-id", "spark.app.id"]
                .map(said)
                .into_iter()
                .filter(|word| !word.is_empty())
                .collect();
            since.writer = words.join(" ").chars().take(200).collect();
        }
        let number = |key: &str| match snapshot.summary.get(key) {
            Some(text) => text.trim().parse::<i64>().ok(),
            None => Some(0),
        };
        let more = number("added-records").zip(number("deleted-records"));
        since.rows =
            since.rows.zip(more).and_then(|(rows, (added, deleted))| rows.checked_add(added.checked_sub(deleted)?));
        since.snapshots += 1;
    }
    // Those of other branches, of which main has nothing.
    let is_later = |one: &&Snapshot| one.sequence_number > sequence_number && counts(one);
    let later = metadata.snapshots.iter().filter(is_later).count() as u64;
    if later > since.snapshots {
        since.snapshots = later;
        since.rows = None;
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn table(snapshots: &[Value], current: Option<i64>) -> TableMetadata {
        let raw = json!({"format-version": 2, "table-uuid": "u", "location": "/t", "last-updated-ms": 9000,
            "last-sequence-number": 9, "schemas": [{"schema-id": 0, "type": "struct", "fields": []}],
            "current-schema-id": 0, "current-snapshot-id": current, "snapshots": snapshots});
        TableMetadata::from_value(raw, "x").unwrap()
    }

    #[test]
    fn what_came_since_is_counted_and_a_lost_way_is_no_number() {
        let one = |id: i64, parent: i64, summary: Value| {
            json!({"snapshot-id": id, "parent-snapshot-id": parent, "sequence-number": id, "timestamp-ms": id,
                   "summary": summary})
        };
        let all = [
            one(1, 0, json!({"operation": "append"})),
            one(2, 1, json!({"operation": "append", "added-records": "5"})),
            one(3, 2, json!({"operation": "overwrite", "added-records": "1", "deleted-records": "3", "app-id": "etl"})),
        ];
        let at = |snapshots: &[Value], current, from| {
            let since = since(&table(snapshots, current), from, 9, |_| true);
            (since.snapshots, since.rows, since.writer)
        };
        assert_eq!(at(&all, Some(3), Some(3)), (0, Some(0), String::new()));
        assert_eq!(at(&all, Some(3), Some(1)), (2, Some(3), "etl".into()));
        assert_eq!(at(&all[..1], Some(1), Some(3)), (1, None, String::new()), "set back");
        assert_eq!(at(&all[2..], Some(3), Some(1)), (1, None, "etl".into()), "expired between");
        assert_eq!(at(&[], None, None), (0, Some(0), String::new()));
        let circle = [one(1, 2, json!({})), one(2, 1, json!({}))];
        assert_eq!(at(&circle, Some(1), Some(7)).1, None);
        let nonsense = [one(1, 0, json!({"added-records": "many"}))];
        assert_eq!(at(&nonsense, Some(1), Some(0)).1, None);
    }
}

//! What a cluster is asked to bring to a table: a pure function of the source's history, and what its files are now.

use super::history;
use super::session::Sides;
use icebridge_lakehouse::copy::noted_by_job;
use icebridge_lakehouse::facts::facts;
use icebridge_lakehouse::history::Depth;
use icebridge_model::Result;
use icebridge_model::ids::PlanHash;
use icebridge_model::photon::{ChangeKind, ClusterChanges, ClusterCopy};
use icebridge_model::sync::{History, SourceChanges};

/// The copy's own order, at the source's present snapshot. `whole`: what the history says is not believed.
pub(super) async fn ordered(
    (plan_hash, copy): (&PlanHash, &ClusterCopy),
    sides: &Sides,
    (whole, target_rows): (bool, Option<u64>),
) -> Result<ClusterCopy> {
    let now = facts(&sides.source, Depth::Sample).await?;
    let current = sides.source.metadata.current_snapshot_id;
    let from_snapshot_id = sides.standing.source_snapshot_id;
    // A job that was cut off may have brought the rows and not noted it.
    let is_noted = noted_by_job(&sides.target.metadata, plan_hash) == Some(from_snapshot_id);
    let (kind, reason) = match (whole, is_noted) {
        (true, _) => (ChangeKind::Whole, "asked for as a whole".to_string()),
        (false, false) => (ChangeKind::Whole, "the target does not say which snapshot it holds".to_string()),
        (false, true) => kind(&history::changes(&sides.then, &sides.source.metadata)),
    };
    Ok(ClusterCopy {
        snapshot_id: current,
        delete_files: Some(now.files.position_delete_files + now.files.equality_delete_files),
        deletion_vectors: Some(now.files.deletion_vectors),
        bytes: now.files.data_bytes,
        rows: now.files.data_records,
        changes: Some(ClusterChanges { kind, reason, from_snapshot_id, target_rows }),
        ..copy.clone()
    })
}

fn kind(changes: &SourceChanges) -> (ChangeKind, String) {
    let told: Vec<String> = changes.snapshots.iter().map(|(operation, count)| format!("{count} {operation}")).collect();
    let reason = format!("{}: {}", changes.history.as_str(), told.join(", "));
    let only = |allowed: &[&str]| {
        !changes.snapshots.is_empty() && changes.snapshots.keys().all(|operation| allowed.contains(&operation.as_str()))
    };
    let kind = match changes.history {
        History::Continued if only(&["replace"]) => ChangeKind::Mark,
        History::Continued if only(&["append", "replace"]) => ChangeKind::Append,
        _ => ChangeKind::Compare,
    };
    (kind, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_history_says_for_sure_is_no_comparison() {
        let of = |history, operations: &[&str]| {
            let snapshots = operations.iter().map(|operation| ((*operation).to_string(), 1)).collect();
            kind(&SourceChanges { history, snapshots, ..SourceChanges::default() }).0
        };
        assert_eq!(of(History::Continued, &["append", "replace"]), ChangeKind::Append);
        assert_eq!(of(History::Continued, &["replace"]), ChangeKind::Mark);
        for (history, operations) in [
            (History::Continued, &["append", "delete"][..]),
            (History::Continued, &["append", "unknown"]),
            (History::Continued, &[]),
            (History::RolledBack, &["append"]),
            (History::Expired, &["append"]),
            (History::SameSnapshot, &[]),
        ] {
            assert_eq!(of(history, operations), ChangeKind::Compare, "{history:?} {operations:?}");
        }
    }
}

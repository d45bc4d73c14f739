//! How a source's history goes on from the state that the target has.

use icebridge_lakehouse::{Snapshot, TableMetadata};
use icebridge_model::sync::{History, Lag, SourceChanges};

/// `then`: the source's metadata when the target got its state.
pub(super) fn changes(then: &TableMetadata, now: &TableMetadata) -> SourceChanges {
    let mut changes = SourceChanges {
        history: relation(then.current_snapshot_id, now),
        expired: then.snapshots.iter().filter(|one| now.snapshot(one.snapshot_id).is_none()).count() as u64,
        schema: then.current_schema().fields != now.current_schema().fields,
        partition_spec: then.partition_spec(then.default_spec_id) != now.partition_spec(now.default_spec_id),
        ..SourceChanges::default()
    };
    for snapshot in new_snapshots(then, now) {
        let operation = snapshot.summary.get("operation").map_or("unknown", String::as_str);
        *changes.snapshots.entry(operation.to_string()).or_default() += 1;
    }
    changes
}

fn new_snapshots<'a>(then: &'a TableMetadata, now: &'a TableMetadata) -> impl Iterator<Item = &'a Snapshot> {
    // What the target has expired by itself is not new.
    let is_later = |one: &Snapshot| one.sequence_number == 0 || one.sequence_number > then.last_sequence_number;
    now.snapshots.iter().filter(move |one| then.snapshot(one.snapshot_id).is_none() && is_later(one))
}

fn relation(then: Option<i64>, now: &TableMetadata) -> History {
    if then == now.current_snapshot_id {
        return History::SameSnapshot;
    }
    // A table without a snapshot is where every history begins.
    let Some(then) = then else { return History::Continued };
    let mut at = now.current_snapshot_id;
    for _ in 0..=now.snapshots.len() {
        match at {
            Some(id) if id == then => return History::Continued,
            Some(id) => match now.snapshot(id) {
                Some(snapshot) => at = snapshot.parent_snapshot_id,
                None => return History::Expired,
            },
            None => break,
        }
    }
    History::RolledBack
}

pub(super) fn lag(then: &TableMetadata, now: &TableMetadata, now_ms: i64) -> Lag {
    let new: Vec<&Snapshot> = new_snapshots(then, now).collect();
    let number = |snapshot: &Snapshot, key: &str| match snapshot.summary.get(key) {
        Some(text) => text.trim().parse::<u64>().ok(),
        None => Some(0),
    };
    let rows =
        |snapshot: &&Snapshot| number(snapshot, "added-records")?.checked_add(number(snapshot, "deleted-records")?);
    let since = new.iter().map(|snapshot| snapshot.timestamp_ms).min().unwrap_or(now.last_updated_ms);
    Lag {
        snapshots: new.len() as u64,
        rows: new.iter().map(rows).try_fold(0u64, |all, one| all.checked_add(one?)),
        seconds: u64::try_from(now_ms.saturating_sub(since) / 1000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn snapshot(id: i64, parent: Option<i64>, summary: Value) -> Value {
        let mut one = json!({"snapshot-id": id, "sequence-number": id, "timestamp-ms": id * 1000, "summary": summary});
        if let Some(parent) = parent {
            one["parent-snapshot-id"] = parent.into();
        }
        one
    }

    fn table(snapshots: &[Value], current: Option<i64>) -> TableMetadata {
        let last = snapshots.iter().filter_map(|one| one["sequence-number"].as_i64()).max().unwrap_or(0);
        let raw = json!({"format-version": 2, "table-uuid": "u", "location": "/t", "last-updated-ms": 9000,
            "last-sequence-number": last,
            "schemas": [{"schema-id": 0, "type": "struct", "fields": []}], "current-schema-id": 0,
            "current-snapshot-id": current, "snapshots": snapshots});
        TableMetadata::from_value(raw, "x").unwrap()
    }

    #[test]
    fn a_history_goes_on_or_is_rolled_back_or_cannot_be_told() {
        let (a, b, c) = (
            snapshot(1, None, json!({"operation": "append", "added-records": "5"})),
            snapshot(2, Some(1), json!({"operation": "overwrite", "added-records": "1", "deleted-records": "2"})),
            snapshot(3, Some(2), json!({"operation": "replace"})),
        );
        let all = [a.clone(), b.clone(), c.clone()];
        let then = table(&all[..1], Some(1));
        let went = changes(&then, &table(&all, Some(3)));
        assert_eq!((went.history, went.expired), (History::Continued, 0));
        assert_eq!(went.snapshots, [("overwrite".to_string(), 1), ("replace".to_string(), 1)].into());
        let later = table(&all, Some(3));
        assert_eq!(changes(&later, &table(&all, Some(2))).history, History::RolledBack);
        assert_eq!(changes(&then, &table(std::slice::from_ref(&c), Some(3))).history, History::Expired);
        assert_eq!(changes(&then, &table(&[b, c], Some(3))).history, History::Continued);
        assert_eq!(changes(&table(&[], None), &then).history, History::Continued);
        assert_eq!(changes(&then, &table(&[], None)).history, History::RolledBack);
        assert_eq!(changes(&then, &then).history, History::SameSnapshot);
        // A chain that bites its tail ends all the same.
        let circle = [snapshot(7, Some(8), json!({})), snapshot(8, Some(7), json!({}))];
        assert_eq!(changes(&then, &table(&circle, Some(7))).history, History::RolledBack);

        assert_eq!(lag(&then, &later, 10_000), Lag { snapshots: 2, rows: Some(3), seconds: 8 });
        assert_eq!(lag(&then, &then, 10_000), Lag { snapshots: 0, rows: Some(0), seconds: 1 });
        let odd = table(&[snapshot(5, None, json!({"added-records": "many"}))], Some(5));
        assert_eq!(lag(&then, &odd, 0), Lag { snapshots: 1, rows: None, seconds: 0 });
    }
}

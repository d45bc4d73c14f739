//! What an earlier run made of a table that is looked at anew.

use crate::ids::RunId;
use serde::{Deserialize, Serialize};

/// The last validation of a table that an earlier run migrated to where it would go again. It passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierMigration {
    pub run_id: RunId,
    pub validated_at: String,
    /// Of the source, as it was migrated; none: it had no snapshot.
    pub source_snapshot_id: Option<i64>,
    /// Of the target, as it was validated.
    pub target_snapshot_id: Option<i64>,
    /// The source has another snapshot now. A mapping does not look; a pre-flight does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub source_moved_on: bool,
    /// The round of a sync that the target stands at: the snapshot is that round's. A mapping does not look; a pre-flight does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_round: Option<u64>,
    /// The target has another snapshot now: it was written to, or compacted. A mapping does not look; a pre-flight does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub target_changed: bool,
}

impl EarlierMigration {
    /// `source_now` is the snapshot that the source has.
    pub fn explain(&self, source_now: Option<i64>) -> String {
        let source = if self.source_moved_on {
            let shown = |id: Option<i64>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
            let (now, then) = (shown(source_now), shown(self.source_snapshot_id));
            let brought = if self.synced_round.is_some() { "synced" } else { "migrated" };
            format!("the source has moved on since (snapshot {now}, {brought} was {then})")
        } else {
            "the source has no new snapshot since".to_owned()
        };
        let target = if self.target_changed { "; the target has a new snapshot" } else { "" };
        let synced = self.synced_round.map_or(String::new(), |round| format!(", synced since (round {round})"));
        format!("already migrated by run {}{synced}: {source}{target}", self.run_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_has_changed_since() {
        let unchanged =
            EarlierMigration { run_id: "r1".into(), source_snapshot_id: Some(7), ..EarlierMigration::default() };
        assert_eq!(unchanged.explain(Some(7)), "already migrated by run r1: the source has no new snapshot since");
        let synced = EarlierMigration { synced_round: Some(2), ..unchanged.clone() };
        assert_eq!(
            synced.explain(Some(7)),
            "already migrated by run r1, synced since (round 2): the source has no new snapshot since"
        );
        let changed = EarlierMigration { source_moved_on: true, target_changed: true, ..unchanged };
        assert_eq!(
            changed.explain(None),
            "already migrated by run r1: the source has moved on since (snapshot none, migrated was 7); the target has a \
             new snapshot"
        );
    }
}

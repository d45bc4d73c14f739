//! What an earlier run made of a table that is looked at anew.

use crate::ids::RunId;
use serde::{Deserialize, Serialize};

/// The last validation of a table that an earlier run migrated to where it would go again. It passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierMigration {
    pub run_id: RunId,
    pub validated_at: String,
    /// Of the source, as it was migrated; none: it had no snapshot.
    pub source_snapshot_id: Option<i64>,
    /// Of the target, as it was validated.
    pub target_snapshot_id: Option<i64>,
    /// Where that run put the table; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target_location: String,
    /// The target has another snapshot now: it was written to, or compacted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub target_changed: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl EarlierMigration {
    /// Whether the source has another snapshot now.
    pub fn moved_on(&self, source_snapshot_id: Option<i64>) -> bool {
        self.source_snapshot_id != source_snapshot_id
    }

    pub fn explain(&self, source_snapshot_id: Option<i64>) -> String {
        let source = if self.moved_on(source_snapshot_id) {
            let shown = |id: Option<i64>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
            format!(
                "the source has moved on since (snapshot {}, migrated was {})",
                shown(source_snapshot_id),
                shown(self.source_snapshot_id)
            )
        } else {
            "the source has no new snapshot since".to_owned()
        };
        let target = if self.target_changed { "; the target has a new snapshot" } else { "" };
        format!("already migrated by run {}: {source}{target}", self.run_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_has_changed_since() {
        let mut earlier = EarlierMigration {
            run_id: "r1".into(),
            validated_at: "2026-11-29T00:00:00Z".into(),
            source_snapshot_id: Some(7),
            target_snapshot_id: Some(8),
            target_location: String::new(),
            target_changed: false,
        };
        assert_eq!(earlier.explain(Some(7)), "already migrated by run r1: the source has no new snapshot since");
        earlier.target_changed = true;
        assert_eq!(
            earlier.explain(None),
            "already migrated by run r1: the source has moved on since (snapshot none, migrated was 7); the target has a \
             new snapshot"
        );
    }
}

//! Properties on every table that IceBridge makes: how a resume recognises its own work, and how a person sees where the
//! table came from.

use crate::metadata::TableMetadata;
use std::collections::BTreeMap;

pub const PROPERTY_PLAN: &str = "icebridge.plan";
pub const PROPERTY_SOURCE_UUID: &str = "icebridge.source-table-uuid";
pub const PROPERTY_SOURCE_SNAPSHOT: &str = "icebridge.source-snapshot-id";
pub const PROPERTY_SOURCE_METADATA: &str = "icebridge.source-metadata-location";
/// The source's folder when the table was copied first: files keep the places that follow from it.
pub const PROPERTY_SOURCE_LOCATION: &str = "icebridge.source-location";
/// Ids of the schema, the partition spec and the sort order that we left as the current ones.
pub const PROPERTY_LAYOUT: &str = "icebridge.layout";
/// The refs that we left, but for main: a JSON object of names and snapshot ids. Others are another writer's.
pub const PROPERTY_REFS: &str = "icebridge.refs";
/// The highest sequence number that we left. A commit of somebody else on any branch has a higher one.
pub const PROPERTY_SEQUENCE_NUMBER: &str = "icebridge.sequence-number";
/// The SHA-256 of the name mapping that we left, or `none`.
pub const PROPERTY_NAME_MAPPING_MARK: &str = "icebridge.name-mapping";
/// The snapshot that we left in a table whose snapshots are its own, or `none`.
pub const PROPERTY_SNAPSHOT: &str = "icebridge.snapshot-id";
/// Of a rewritten table: `source` where its field ids are the source's, `own` where a catalog gave others.
pub const PROPERTY_FIELD_IDS: &str = "icebridge.field-ids";
/// Of a rewritten table: which of its files hold the rows of which files of the source, as a path below the table.
pub const PROPERTY_UNIT_MAP: &str = "icebridge.unit-map";
/// How often the table was brought up to its source since it was copied.
pub const PROPERTY_SYNC_ROUND: &str = "icebridge.sync-round";
/// Of a table that a cluster brings up to its source: the source's snapshot that it has, and what the job adds behind `@`.
pub const PROPERTY_SYNCED: &str = "icebridge.synced-snapshot-id";

/// On a table that was made empty and has no rows yet: the plan that fills it, and the place of the copy. The commit that
/// brings the rows takes both away.
pub const PROPERTY_FILLED_BY_PLAN: &str = "icebridge.filled-by-plan";
pub const PROPERTY_FILLED_FROM: &str = "icebridge.filled-from";

/// Whether a table was made empty to be filled from this place. It may have got rows of others since.
pub fn is_to_be_filled_from(metadata: &TableMetadata, place: &str) -> bool {
    !metadata.properties.contains_key(PROPERTY_PLAN)
        && metadata.properties.get(PROPERTY_FILLED_FROM).is_some_and(|from| from == place)
}

/// Whether a table was made empty for this plan and still waits for its rows.
pub fn is_waiting_for_rows(metadata: &TableMetadata, plan_hash: &str) -> bool {
    !metadata.properties.contains_key(PROPERTY_PLAN)
        && metadata.properties.get(PROPERTY_FILLED_BY_PLAN).is_some_and(|plan| plan == plan_hash)
}

/// Whether a table was made empty by this plan for a copy in this place, and nobody has filled it.
pub fn is_left_empty(metadata: &TableMetadata, plan_hash: &str, place: &str) -> bool {
    is_waiting_for_rows(metadata, plan_hash) && is_to_be_filled_from(metadata, place) && !holds_rows(metadata)
}

/// Whether somebody has committed rows, by the snapshot's own count; a snapshot that does not count may have some.
pub(crate) fn holds_rows(metadata: &TableMetadata) -> bool {
    let Some(snapshot) = metadata.current_snapshot_id.and_then(|id| metadata.snapshot(id)) else { return false };
    snapshot.summary.get("total-records").is_none_or(|count| count.trim() != "0")
}

/// The refs that we left in a table.
#[derive(Debug)]
pub(crate) struct MarkedRefs(BTreeMap<String, i64>);

impl MarkedRefs {
    /// None: the table has no such mark, or nobody can read it.
    pub fn of(metadata: &TableMetadata) -> Option<Self> {
        serde_json::from_str(metadata.properties.get(PROPERTY_REFS)?).ok().map(Self)
    }

    pub fn get(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }
}

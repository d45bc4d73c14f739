//! Properties on every table that IceBridge makes: how a resume recognises its own work, and how a person sees where the
//! table came from.

use crate::metadata::TableMetadata;

pub const PROPERTY_PLAN: &str = "icebridge.plan";
pub const PROPERTY_SOURCE_UUID: &str = "icebridge.source-table-uuid";
pub const PROPERTY_SOURCE_SNAPSHOT: &str = "icebridge.source-snapshot-id";
pub const PROPERTY_SOURCE_METADATA: &str = "icebridge.source-metadata-location";

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

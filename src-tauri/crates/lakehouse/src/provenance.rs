//! Properties on every table that IceBridge makes: how a resume recognises its own work, and how a person sees where the
//! table came from.

pub const PROPERTY_PLAN: &str = "icebridge.plan";
pub const PROPERTY_SOURCE_UUID: &str = "icebridge.source-table-uuid";
pub const PROPERTY_SOURCE_SNAPSHOT: &str = "icebridge.source-snapshot-id";
pub const PROPERTY_SOURCE_METADATA: &str = "icebridge.source-metadata-location";

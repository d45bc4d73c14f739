//! The tables of a workspace's Unity Catalog, as the inventory keeps them.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a table is to a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Iceberg of another catalog, seen through federation: what this product moves.
    ForeignIceberg,
    /// What it moves them to.
    ManagedIceberg,
    /// A table of Snowflake that is read over JDBC, each time, by Snowflake's own compute. It may be Iceberg over there,
    /// but it does not reach Databricks as Iceberg, for example because its files lie outside the authorized paths.
    SnowflakeOverJdbc,
    /// Of a foreign catalog, and not Iceberg.
    OtherForeign,
    Delta,
    View,
    Other,
}

impl TableKind {
    pub const ALL: &'static [Self] = &[
        Self::ForeignIceberg,
        Self::ManagedIceberg,
        Self::SnowflakeOverJdbc,
        Self::OtherForeign,
        Self::Delta,
        Self::View,
        Self::Other,
    ];

    /// As the JSON and the command line name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForeignIceberg => "foreign_iceberg",
            Self::ManagedIceberg => "managed_iceberg",
            Self::SnowflakeOverJdbc => "snowflake_over_jdbc",
            Self::OtherForeign => "other_foreign",
            Self::Delta => "delta",
            Self::View => "view",
            Self::Other => "other",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::ForeignIceberg => "foreign Iceberg",
            Self::ManagedIceberg => "managed Iceberg",
            Self::SnowflakeOverJdbc => "Snowflake over JDBC",
            Self::OtherForeign => "foreign, not Iceberg",
            Self::Delta => "Delta",
            Self::View => "view",
            Self::Other => "other",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnityRequest {
    pub workspace: String,
    /// Empty: all.
    #[serde(default)]
    pub catalogs: Vec<String>,
    /// Grants and tags of foreign Iceberg tables: two requests more for each.
    #[serde(default)]
    pub grants_and_tags: bool,
}

/// The inventory after a refresh, counted; of the catalogs that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitySummary {
    pub workspace: String,
    pub catalogs: usize,
    pub schemas: usize,
    pub tables: usize,
    pub foreign_iceberg: usize,
    pub managed_iceberg: usize,
    pub snowflake_over_jdbc: usize,
    pub other_foreign: usize,
    pub delta: usize,
    pub views: usize,
    pub other: usize,
    /// Read anew by this refresh: new, or changed since the one before.
    pub read: usize,
    /// Known from an earlier refresh and the same.
    pub unchanged: usize,
    /// No longer there.
    pub removed: usize,
    /// This refresh took up one that had been interrupted.
    pub resumed: bool,
    /// Could not be listed; the next refresh tries again.
    #[serde(default)]
    pub failed: Vec<FailedObject>,
    pub seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedObject {
    pub object: String,
    pub error: Error,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnityListRequest {
    pub workspace: String,
    #[serde(default)]
    pub kind: Option<TableKind>,
    /// A part of the full name, of the comment or of the owner's name, in any case.
    #[serde(default)]
    pub search: Option<String>,
    #[serde(default)]
    pub offset: usize,
    /// 0: as many as the backend gives at once (1,000).
    #[serde(default)]
    pub limit: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnityPage {
    /// All that fit, not only the rows of this page.
    pub total: usize,
    /// In the order of their full names.
    pub rows: Vec<UnityRow>,
    /// When the last complete refresh ended (RFC 3339); none: there was none, or one is unfinished.
    #[serde(default)]
    pub refreshed_at: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnityRow {
    /// `catalog.schema.table`
    pub full_name: String,
    pub kind: TableKind,
    /// The kind for people.
    pub kind_text: String,
    /// As the API names it, where it does.
    #[serde(default)]
    pub securable_kind: Option<String>,
    /// `data_source_format`, as the API names it. A managed Iceberg table says DELTA.
    #[serde(default)]
    pub format: Option<String>,
    #[serde(default)]
    pub table_type: Option<String>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
    pub columns: usize,
    #[serde(default)]
    pub storage_location: Option<String>,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub updated_at: Option<i64>,
    /// None: not asked for, or not to be seen.
    #[serde(default)]
    pub grants: Option<Vec<TableGrant>>,
    /// Key to value. None: not asked for, or not to be seen.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableGrant {
    pub principal: String,
    pub privileges: Vec<String>,
}

//! What a walk is asked for, and what it finds.

use super::cursor::SchemaPosition;
use crate::unity::{Assignment, Catalog, Kind, Schema, Table, Tag};
use icebridge_model::Error;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Scope {
    /// None: all catalogs.
    pub catalogs: Option<BTreeSet<String>>,
    /// Schemas as `catalog.schema`. None: all.
    pub schemas: Option<BTreeSet<String>>,
    /// `system` and `information_schema` hold no tables to move.
    pub system: bool,
    /// Grants and tags of tables of foreign Iceberg: two requests more for each.
    pub grants_and_tags: bool,
    /// `updated_at` of the tables that are known from an earlier walk, by full name. With it only names and times are
    /// listed, and only tables that are new or changed are read whole. What the *source* of a foreign table does need not
    /// show in it: Unity Catalog reads foreign metadata lazily.
    pub known: Option<Arc<HashMap<String, i64>>>,
    /// Schemas listed at once. The limiter has the last word.
    pub at_once: usize,
}

impl Default for Scope {
    fn default() -> Self {
        Self { catalogs: None, schemas: None, system: false, grants_and_tags: false, known: None, at_once: 16 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    Catalog(Box<Catalog>),
    Schema(Box<Schema>),
    Table(Box<TableRow>),
    /// As it was when `known` was written.
    Unchanged {
        full_name: String,
    },
    /// What is before this is complete up to here: keep it together with the rows.
    Reached(SchemaPosition),
    /// Could not be listed; the others go on. It is tried again by the next walk.
    Failed {
        object: String,
        error: Error,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableRow {
    pub kind: Kind,
    pub table: Table,
    /// None: not asked for, or not to be seen.
    pub grants: Option<Vec<Assignment>>,
    pub tags: Option<Vec<Tag>>,
}

//! Every table of a metastore, as a stream in bounded memory that can be taken up again.
//!
//! Nothing is promised about order, so there is no "after this table". The unit is the schema: each listed page brings the
//! position in its schema, the caller keeps it beside the rows, and a later walk skips what is done and goes on where it
//! stopped. A page's token that the server no longer knows starts its schema again: rows come twice, and are the same by name.

mod cursor;
#[cfg(test)]
mod tests;
mod walk;

pub use cursor::{Cursor, Place, Progress};

use crate::client::Client;
use crate::unity::{Assignment, Catalog, Schema, Table, Tag};
use futures::stream::BoxStream;
use icebridge_model::{Error, Result};
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
    Table(Box<Row>),
    /// As it was when `known` was written.
    Unchanged {
        full_name: String,
    },
    /// What is before this is complete up to here: keep it together with the rows.
    Reached(Place),
    /// Could not be listed; the others go on. It is tried again by the next walk.
    Failed {
        object: String,
        error: Error,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub kind: crate::unity::Kind,
    pub table: Table,
    /// None: not asked for, or not to be seen.
    pub grants: Option<Vec<Assignment>>,
    pub tags: Option<Vec<Tag>>,
}

impl Client {
    /// From `cursor` on; an empty one begins at the beginning. Ends with an error only if the list of catalogs itself
    /// cannot be had, or the sign-in has ended.
    pub fn inventory(&self, scope: Scope, cursor: Cursor) -> BoxStream<'static, Result<Found>> {
        walk::walk(self.clone(), Arc::new(scope), Arc::new(cursor))
    }
}

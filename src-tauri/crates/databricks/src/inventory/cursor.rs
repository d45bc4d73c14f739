//! How far a walk has come.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where one schema's listing stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaProgress {
    /// The token of the next page. `from_start`: all pages so far were of this one listing, so that what was not in it
    /// at its end is gone from the schema.
    Next { token: String, from_start: bool },
    /// `complete`: rows of this schema that did not come are no longer there. False after a listing that was taken up
    /// again, in which something may have moved between the pages.
    Done { complete: bool },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaPosition {
    pub catalog: String,
    pub schema: String,
    pub progress: SchemaProgress,
}

/// The last place of each schema. May be kept as one document, or as a row for each schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    places: BTreeMap<String, BTreeMap<String, SchemaProgress>>,
}

impl Cursor {
    pub fn reach(&mut self, place: SchemaPosition) {
        self.places.entry(place.catalog).or_default().insert(place.schema, place.progress);
    }

    pub fn progress(&self, catalog: &str, schema: &str) -> Option<&SchemaProgress> {
        self.places.get(catalog)?.get(schema)
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl FromIterator<SchemaPosition> for Cursor {
    fn from_iter<I: IntoIterator<Item = SchemaPosition>>(places: I) -> Self {
        let mut cursor = Self::default();
        places.into_iter().for_each(|place| cursor.reach(place));
        cursor
    }
}

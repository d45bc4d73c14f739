//! From where to where tables go.

use serde::{Deserialize, Serialize};

/// From which catalog to which: a mapping, its accepted losses and its plans belong to one route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    pub source: String,
    pub target: String,
}

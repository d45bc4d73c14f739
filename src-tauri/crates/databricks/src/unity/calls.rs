//! Requests to Unity Catalog.

use crate::client::{Call, Family, segment};
use icebridge_model::Result;

pub(crate) const ROOT: &str = "/api/2.1/unity-catalog";

pub(crate) fn get(path: &str) -> Call {
    Call::get(Family::UnityCatalog, format!("{ROOT}{path}"))
}

/// A listing with pages as long as the server likes: without it some calls answer with everything at once.
pub(crate) fn list(path: &str) -> Call {
    get(path).query("max_results", 0)
}

/// One object by its full name.
pub(crate) fn of(path: &str, name: &str) -> Result<Call> {
    Ok(get(&format!("{path}/{}", segment(name)?)))
}

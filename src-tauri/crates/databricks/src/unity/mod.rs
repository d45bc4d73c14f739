//! Unity Catalog, as far as the product reads it.
//!
//! Every listing goes on over empty pages until no token comes back, asks for the server's own page size, and takes words
//! that nobody knew when this was written.

mod catalogs;
mod metastore;
mod names;
mod permissions;
mod tables;
mod tags;
#[cfg(test)]
mod tests;

pub use catalogs::{Catalog, CatalogType, EffectiveFlag, PredictiveOptimization, Schema};
pub use metastore::Metastore;
pub use names::{quoted, quoted_principal};
pub use permissions::{Assignment, EffectiveAssignment, EffectivePrivilege, Securable, same_privilege};
pub use tables::{Column, Format, Kind, SecurableKind, Table, TableDetail, TableSummary, TableType};
pub use tags::Tag;

use crate::client::{Call, Family, segment};

pub(crate) const ROOT: &str = "/api/2.1/unity-catalog";

pub(crate) fn get(path: &str) -> Call {
    Call::get(Family::UnityCatalog, format!("{ROOT}{path}"))
}

/// A listing with pages as long as the server likes: without it some calls answer with everything at once.
pub(crate) fn list(path: &str) -> Call {
    get(path).query("max_results", 0)
}

pub(crate) fn of(path: &str, name: &str) -> Call {
    get(&format!("{path}/{}", segment(name)))
}

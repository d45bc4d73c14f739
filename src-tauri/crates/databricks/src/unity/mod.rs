//! Unity Catalog, as far as the product reads it.
//!
//! Every listing goes on over empty pages until no token comes back, asks for the server's own page size, and takes values
//! that are newer than this program.

mod calls;
mod catalogs;
mod governed_tags;
mod metastore;
mod names;
mod permissions;
mod restrictions;
mod tables;
mod tags;
#[cfg(test)]
mod tests;

pub use catalogs::{Catalog, CatalogType, EffectiveFlag, PredictiveOptimization, Schema};
pub use governed_tags::{TagPolicy, TagValue};
pub use metastore::Metastore;
pub use names::{quoted, quoted_principal};
pub use permissions::{Assignment, EffectiveAssignment, EffectivePrivilege, Securable, same_privilege};
pub use restrictions::{Restriction, Restrictions};
pub use tables::{Column, Format, Kind, SecurableKind, Table, TableDetail, TableType};
pub use tags::Tag;

pub(crate) use calls::ROOT;

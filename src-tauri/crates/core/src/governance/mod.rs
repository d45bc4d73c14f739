//! Governance in Unity Catalog after a copy: owner, grants, tags and comments of the source's table, predictive optimization,
//! a row of metrics; and what the clusters cost, before and after.
//!
//! The table is migrated already, and stays so: what could not be done is reported with its statement, and tried again by a
//! resume. Each part may be repeated, so that a kill in the middle costs nothing.

mod apply;
mod bill;
mod clustering;
mod cost;
mod difference;
pub mod documents;
pub mod metrics;
mod names;
mod read;
pub(crate) mod step_metrics;
mod table;
pub(crate) mod tags;
pub(crate) mod warehouse;

pub use apply::{Applied, apply, optimize};
pub use bill::bill;
pub use cost::{PRICES_FILE, Prices, estimate, offer, spend_cap};
pub use difference::{Action, Governance, difference};
pub use read::{Found, Wanted, read};
pub(crate) use table::{MigratedTable, OncePerRun, clustering_by_hand};
pub use tags::TagReader;

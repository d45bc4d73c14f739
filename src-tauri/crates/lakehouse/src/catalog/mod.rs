//! Catalogs: what lists and loads tables, and what can take new ones.

mod adoption;
mod contract;
mod embedded;
mod errors;
mod files;
mod open;
mod rest;
mod sql;
mod table_location;

pub use contract::{Abilities, Bearer, Catalog, Publication, Secrets, Staged, TargetCatalog, Turns};
pub use icebridge_http::Transport;
pub use open::{open, open_target, refuse_secrets};

use errors::no_such_table;

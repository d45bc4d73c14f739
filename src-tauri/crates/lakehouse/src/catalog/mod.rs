//! Catalogs: what lists and loads tables, and what can take new ones.

mod common;
mod embedded;
mod files;
mod open;
mod rest;
mod sql;

pub use common::contract::{
    Abilities, Advancing, Bearer, Catalog, Draft, Publication, Secrets, Staged, TargetCatalog, Turns,
};
pub use common::loaded::every_table_loaded;
pub use embedded::is_there as embedded_is_there;
pub use icebridge_http::Transport;
pub use open::{open, open_target, refuse_secrets};

use common::errors::no_such_table;

//! Unity Catalog: its objects, who owns them and who may do what. Pure state, without HTTP.

mod access;
mod changes;
pub mod connections;
pub mod deleted;
pub mod governed;
mod grants;
mod metastore;
pub mod objects;
pub mod policies;
mod privileges;
mod protection;
pub mod sample;
pub mod securable;
mod seeded;
mod tags;
pub mod types;

pub use access::GrantChange;
pub use changes::{Details, NewTable, is_reserved, valid_name};
pub use metastore::{Metastore, Row};
pub use securable::{Kind, Securable};

#[cfg(test)]
mod tests;

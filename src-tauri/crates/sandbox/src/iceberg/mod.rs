//! Managed Iceberg tables: their metadata on disk, and what a commit does to it. Pure, without HTTP.

pub mod commit;
pub mod create;
mod error;
mod fields;
pub mod files;
mod register;
mod rules;

pub use error::IcebergError;
pub use fields::required_inside;
pub use register::register_tables;
pub use rules::Rules;

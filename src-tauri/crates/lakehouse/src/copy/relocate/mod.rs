//! Absolute paths, everywhere Iceberg has them: metadata.json, manifest lists, manifests, position deletes and deletion
//! vectors. Each kind is changed in its raw form, so that what this version does not know is kept.

mod delete_file;
pub mod document;
pub mod manifests;
mod path_column;
mod paths;
mod position_deletes;
mod relocated;
mod resorted;

pub use delete_file::delete_file;
pub use paths::PathMap;
pub use relocated::Relocated;

//! What the kinds of catalogs share.

pub(in crate::catalog) mod adoption;
pub(in crate::catalog) mod contract;
pub(in crate::catalog) mod errors;
pub(in crate::catalog) mod loaded;
pub(in crate::catalog) mod local_files;
pub(in crate::catalog) mod table_location;

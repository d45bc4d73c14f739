//! Puffin: the container of statistics and deletion vectors, read and relocated.

mod deletion_vector;
mod error;
mod footer;
mod relocate;
#[cfg(test)]
pub(crate) mod testing;

pub use deletion_vector::decode_deletion_vector;
pub use footer::{CARDINALITY, DELETION_VECTOR, Footer, REFERENCED_DATA_FILE};
pub use relocate::relocate;

#[cfg(test)]
mod tests;

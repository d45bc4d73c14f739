//! Puffin: the container of statistics and deletion vectors, read, written and relocated.

mod deletion_vector;
mod error;
mod footer;
mod writer;

pub use deletion_vector::{decode_deletion_vector, encode_deletion_vector};
pub use footer::{Blob, CARDINALITY, DELETION_VECTOR, Footer, REFERENCED_DATA_FILE, blob_bytes};
pub use writer::{PuffinWriter, relocate};

#[cfg(test)]
mod tests;

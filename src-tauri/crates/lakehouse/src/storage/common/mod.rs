//! What every kind of storage needs: its errors, what a listing holds, what is set for it, how it is reached.

pub(in crate::storage) mod chosen;
pub(in crate::storage) mod cloud;
pub(in crate::storage) mod errors;
pub(in crate::storage) mod network;
pub(in crate::storage) mod types;

//! What the copiers share.

pub(in crate::copy) mod contract;
pub(in crate::copy) mod identity;
pub(in crate::copy) mod pages;
pub(in crate::copy) mod parquet_chunks;
pub(in crate::copy) mod transfer;

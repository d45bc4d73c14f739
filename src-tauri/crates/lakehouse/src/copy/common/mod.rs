//! What the copiers share.

pub(in crate::copy) mod by_job;
pub(in crate::copy) mod checks;
pub(in crate::copy) mod contract;
pub(in crate::copy) mod converted;
pub(in crate::copy) mod identity;
pub(in crate::copy) mod marks;
pub(in crate::copy) mod place;
pub(in crate::copy) mod round;
pub(in crate::copy) mod transfer;

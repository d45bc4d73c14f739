//! The conditions of the rules, by subject: each gives its reason on one table, or nothing.

pub mod clusters;
pub mod examined;
pub mod losses;
pub mod notes;
pub mod reading;
pub mod target;

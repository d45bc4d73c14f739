//! A token bucket for commits.

//! The audit bundle: export, and verification of one that somebody else hands over.

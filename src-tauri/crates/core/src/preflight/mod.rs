//! Findings before anything moves.

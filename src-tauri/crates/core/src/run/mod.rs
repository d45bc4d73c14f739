//! Executes exactly one plan.

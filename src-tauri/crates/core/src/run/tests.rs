//! Runs on a lakehouse of the test's own.

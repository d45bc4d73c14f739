//! The sample lakehouse for the demo.

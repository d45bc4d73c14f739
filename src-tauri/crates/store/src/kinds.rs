//! Kinds of journal entries that the store writes by itself.

/// The kind of a validation's entry in the journal.
pub const TABLE_VALIDATED: &str = "table.validated";

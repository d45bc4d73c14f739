//! Kinds of journal entries that the store writes by itself.

/// The kind of a validation's entry in the journal.
pub const TABLE_VALIDATED: &str = "table.validated";
/// The kind of an export's entry. It belongs to no run, since a run's entries must not change by being looked at; its body
/// names the run as `run_id`.
pub const AUDIT_EXPORTED: &str = "audit.exported";

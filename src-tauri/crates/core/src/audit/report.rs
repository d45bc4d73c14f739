//! What the summaries of a bundle are made from.

use super::evidence::TableEvidence;
use crate::ledger::RunHistory;
use icebridge_model::plan::Plan;

/// All of it is in the bundle.
pub(crate) struct Report<'a> {
    /// Of the bundle that the summary belongs to.
    pub bundle_version: u32,
    pub run_id: &'a str,
    pub plan: &'a Plan,
    pub history: &'a RunHistory,
    pub tables: &'a [TableEvidence],
    pub journal_entries: u64,
    pub journal_head: &'a str,
}

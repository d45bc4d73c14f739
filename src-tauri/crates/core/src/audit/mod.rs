//! The audit bundle: one file, or a folder, that proves what a run did, made here and verified here or by anybody else.
//! Its format is docs/audit-bundle.md.

mod approvals;
mod archive;
mod bundle;
mod change;
mod evidence;
mod export;
mod folder;
mod found;
mod journal_check;
mod report;
mod signature;
mod strict;
mod summary;
mod table_check;
mod verify;

#[cfg(test)]
mod earlier_tests;
#[cfg(test)]
mod tests;

pub use export::{export, public_key};
pub use verify::{Expected, manifest, verify};

pub(crate) use export::{is_unfinished, own_folder, run_of_bundle};

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const APPROVALS: &str = "approvals.json";
pub(crate) const PLAN: &str = "plan.json";
pub(crate) const JOURNAL: &str = "journal.jsonl";
pub(crate) const ENVIRONMENT: &str = "environment.json";
pub(crate) const SUMMARY_MD: &str = "summary.md";
pub(crate) const SUMMARY_HTML: &str = "summary.html";
pub(crate) const SIGNATURE: &str = "signature.json";
pub(crate) const TABLES: &str = "tables";

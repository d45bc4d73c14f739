//! The audit bundle: a folder that proves what a run did. Its format is described in docs/audit-bundle.md.

use crate::ids::{PlanHash, RunId};
use crate::run::FileSum;
use crate::validation::ProofLevel;
use serde::{Deserialize, Serialize};

pub const BUNDLE_VERSION: u32 = 3;

/// `manifest.json`, the last file written: it names every other file with its SHA-256.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleManifest {
    pub bundle_version: u32,
    pub product_version: String,
    #[serde(alias = "job")]
    pub run_id: RunId,
    pub plan_hash: PlanHash,
    pub exported_at: String,
    pub journal_entries: u64,
    /// Hash of the last journal entry: publish it, and nobody can alter the past unnoticed.
    pub journal_head: String,
    pub tables: usize,
    pub migrated: usize,
    pub lowest_proof: ProofLevel,
    pub files: Vec<FileSum>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditBundle {
    pub path: String,
    pub manifest: BundleManifest,
    /// SHA-256 of manifest.json.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditVerdict {
    pub path: String,
    pub intact: bool,
    pub tables: usize,
    pub migrated: usize,
    pub lowest_proof: ProofLevel,
    /// Each thing that was checked, in words, and whether it held.
    pub checks: Vec<AuditCheck>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditCheck {
    pub name: String,
    pub passed: bool,
    pub detail: String,
}

//! The audit bundle: one file, or a folder, that proves what a run did. Its format is described in docs/audit-bundle.md.

use crate::ids::{PlanHash, RunId};
use crate::run::FileSum;
use crate::validation::ProofLevel;
use serde::{Deserialize, Serialize};

pub const BUNDLE_VERSION: u32 = 5;
/// Bundles of it are still verified.
pub const OLDEST_BUNDLE_VERSION: u32 = 3;

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
    /// Hash of the last journal entry: publish it when a run ends, and its past cannot be changed unnoticed.
    pub journal_head: String,
    pub tables: usize,
    pub migrated: usize,
    pub lowest_proof: ProofLevel,
    /// Of the key that `signature.json` is made with, Base64; none where the bundle is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    pub files: Vec<FileSum>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditBundle {
    pub path: String,
    pub manifest: BundleManifest,
    /// SHA-256 of manifest.json, and so of everything in the bundle.
    pub sha256: String,
    /// Why it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_signed: Option<String>,
}

/// The public half of the key that signs bundles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditKey {
    /// Ed25519, 32 bytes, Base64.
    pub public_key: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditVerdict {
    pub path: String,
    /// SHA-256 of manifest.json: compare it with the one that the export told.
    pub sha256: String,
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

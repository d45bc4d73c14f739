//! The plan: a file that says exactly what a run will do. The same inventory, mapping and settings give the same bytes.

pub use crate::copy_mode::{CopyMode, EngineKind};
pub use crate::target_version::TargetVersion;

use crate::approval::ApprovalSettings;
use crate::conversion::{Conversion, ConversionSettings};
use crate::finding::Finding;
use crate::freeze::FreezeWindow;
use crate::governance::GovernanceSettings;
use crate::ids::PlanHash;
use crate::photon::{ClusterCopy, PhotonSettings};
use crate::validation::Check;
use crate::values::ValuesInProof;
use crate::{Code, Error, Result, TableIdent};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Force one engine; none lets each table have the one that fits, with the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineKind>,
    /// Clusters may be used, in this way; none: everything is copied by this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photon: Option<PhotonSettings>,
    /// What is done in Unity Catalog after a table is validated; none: nothing. Plans of every version call it `after`.
    #[serde(rename = "after", skip_serializing_if = "Option::is_none")]
    pub governance: Option<GovernanceSettings>,
    /// Force one mode; none lets each table have the best one that fits, with the reason.
    pub mode: Option<CopyMode>,
    /// Tables at work at the same time.
    pub max_parallel_tables: usize,
    /// A run finds out how many tables in parallel pay off; `max_parallel_tables` is the most.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adaptive: bool,
    /// Files being copied or written at the same time, over all tables.
    pub max_parallel_writers: usize,
    /// The usual 600 hold for workspaces alone, which bound them; another number for every target.
    pub max_commits_per_min: u32,
    /// For rewritten data files.
    pub target_file_bytes: u64,
    /// Parquet codec of decoded rewrites: `zstd`, `snappy`, `gzip`, `lz4`, `uncompressed`.
    pub codec: String,
    pub codec_level: i32,
    /// Where no row changes, move column chunks without decoding them.
    pub move_chunks: bool,
    /// What becomes of that which the target refuses, where there is a choice.
    #[serde(skip_serializing_if = "ConversionSettings::is_standard")]
    pub conversions: ConversionSettings,
    #[serde(skip_serializing_if = "TargetVersion::is_keep")]
    pub target_format_version: TargetVersion,
    /// Who must approve the plan before it is run; none: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalSettings>,
    /// The number of the change or the ticket that the plan belongs to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub change: String,
    /// Whether the proof shows values of rows.
    #[serde(skip_serializing_if = "ValuesInProof::is_shown")]
    pub values: ValuesInProof,
    /// Times in which no table is cut over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<FreezeWindow>,
    /// Of a rehearsal's own plan: the plan that it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsal_of: Option<PlanHash>,
}

impl Settings {
    /// The most tables at the same time of a run that finds the number, where no other is given.
    pub const MOST_ADAPTIVE: usize = 64;

    /// Tables at the same time where nothing is measured: in rounds, cut-overs, and on clusters.
    pub fn unmeasured_parallel_tables(&self) -> usize {
        let most = if self.adaptive { Self::default().max_parallel_tables } else { usize::MAX };
        self.max_parallel_tables.clamp(1, most)
    }

    /// Whether a table may be written or read by this process. If not, nothing of the target has to be open to anybody but
    /// its own clusters.
    pub fn work_here(&self) -> bool {
        let by_clusters_alone = |photon: &PhotonSettings| !photon.reads_here(0);
        self.engine != Some(EngineKind::Photon) || !self.photon.as_ref().is_some_and(by_clusters_alone)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: None,
            photon: None,
            governance: None,
            mode: None,
            max_parallel_tables: 4,
            adaptive: false,
            max_parallel_writers: 4,
            max_commits_per_min: 600,
            target_file_bytes: 512 << 20,
            codec: "zstd".into(),
            codec_level: 3,
            move_chunks: true,
            conversions: ConversionSettings::default(),
            target_format_version: TargetVersion::default(),
            approval: None,
            change: String::new(),
            values: ValuesInProof::default(),
            freeze: Vec::new(),
            rehearsal_of: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The shape of this file; a reader refuses a number it does not know.
    pub plan_version: u32,
    pub source: String,
    pub target: String,
    pub settings: Settings,
    /// Sorted by source name.
    pub tables: Vec<PlannedTable>,
    /// Tables left out, with the findings or the problem that keeps them out.
    pub left_out: Vec<LeftOut>,
    pub totals: Estimate,
    /// SHA-256 of this file's canonical JSON with this field empty.
    #[serde(default)]
    pub hash: PlanHash,
}

pub const PLAN_VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedTable {
    pub source: TableIdent,
    pub target: TableIdent,
    pub mode: CopyMode,
    pub mode_reason: String,
    /// Why this engine; empty where there was no choice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub engine_reason: String,
    /// What a cluster is asked to copy; none: the embedded engine copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Box<ClusterCopy>>,
    /// The pin: a run refuses when the source is no longer here.
    pub metadata_location: String,
    pub table_uuid: String,
    pub snapshot_id: Option<i64>,
    pub format_version: u8,
    pub estimate: Estimate,
    /// What the target would refuse, in the form that it takes. All of it was accepted by the findings' codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversions: Vec<Conversion>,
    /// What is lost, all of it accepted, and what is worth knowing.
    pub findings: Vec<Finding>,
}

impl PlannedTable {
    pub fn engine(&self) -> EngineKind {
        if self.cluster.is_some() { EngineKind::Photon } else { EngineKind::Embedded }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    pub source: TableIdent,
    /// Finding codes or an error code.
    pub codes: Vec<String>,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    pub bytes: u64,
    pub rows: u64,
    pub files: u64,
    /// Copy and validation, at the rates in docs/estimates.md.
    pub seconds: u64,
}

impl std::ops::AddAssign for Estimate {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.rows += other.rows;
        self.files += other.files;
        self.seconds += other.seconds;
    }
}

/// A plan as a whole: nothing in it grows with the number of tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanOutline {
    pub hash: PlanHash,
    pub source: String,
    pub target: String,
    pub settings: Settings,
    pub tables: usize,
    pub left_out: usize,
    pub totals: Estimate,
    /// Tables by their mode; a mode that no table has is left out.
    pub modes: Vec<(CopyMode, usize)>,
    /// Tables that a cluster copies.
    pub on_clusters: usize,
    /// Some table has an engine that was chosen for it.
    pub has_engines: bool,
}

impl Plan {
    /// What is kept of checks shows no more values than the plan wants.
    pub fn hide_values(&self, checks: &mut [Check]) {
        self.settings.values.hide(&self.hash, checks);
    }

    pub fn outline(&self) -> PlanOutline {
        let of = |mode| self.tables.iter().filter(|table| table.mode == mode).count();
        let modes = [CopyMode::Register, CopyMode::Clone, CopyMode::Rewrite].map(|mode| (mode, of(mode)));
        let on_clusters = self.tables.iter().filter(|table| table.cluster.is_some()).count();
        PlanOutline {
            hash: self.hash.clone(),
            source: self.source.clone(),
            target: self.target.clone(),
            settings: self.settings.clone(),
            tables: self.tables.len(),
            left_out: self.left_out.len(),
            totals: self.totals,
            modes: modes.into_iter().filter(|(_, tables)| *tables > 0).collect(),
            on_clusters,
            has_engines: on_clusters > 0 || self.tables.iter().any(|table| !table.engine_reason.is_empty()),
        }
    }

    /// Pretty JSON with a fixed field order and a last newline: what lies on disk.
    pub fn to_text(&self) -> Result<String> {
        let mut text = serde_json::to_string_pretty(self).map_err(|e| Error::internal("plan to JSON").with_cause(e))?;
        text.push('\n');
        Ok(text)
    }

    /// The same text, where it need not be in memory.
    pub fn write_to(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }

    /// Of the plan without its hash, which is put back.
    fn compute_hash(&mut self) -> Result<PlanHash> {
        let hash = std::mem::take(&mut self.hash);
        let mut digest = Digesting(Sha256::new());
        serde_json::to_writer(&mut digest, self).map_err(|e| Error::internal("plan to JSON").with_cause(e))?;
        self.hash = hash;
        Ok(hex::encode(digest.0.finalize()).into())
    }

    pub fn sealed(mut self) -> Result<Self> {
        self.hash = self.compute_hash()?;
        Ok(self)
    }

    /// Reads a plan file and refuses one that was edited by hand or made by a newer version.
    pub fn from_text(text: &str) -> Result<Self> {
        let broken = |m: &str| {
            Error::new(Code::PlanBroken, m)
                .with_hint("Make the plan again with `icebridge plan`; a plan is not edited by hand.")
        };
        let mut plan: Self = serde_json::from_str(text).map_err(|e| broken("this is not a plan file").with_cause(e))?;
        if plan.plan_version != PLAN_VERSION {
            return Err(broken("the plan was made by another version of IceBridge"));
        }
        if plan.compute_hash()? != plan.hash {
            return Err(broken("the plan's hash does not match its content"));
        }
        Ok(plan)
    }

    /// Names things that belong to this plan: folders, commits, bundles.
    pub fn short_hash(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

/// So that the text of a plan for 100,000 tables need not be in memory.
struct Digesting(Sha256);

impl std::io::Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_adds_to_a_plan_is_not_passed_over() {
        let plan = |more: &str| {
            let totals = r#"{"bytes": 0, "rows": 0, "files": 0, "seconds": 0}"#;
            let text = format!(
                r#"{{"plan_version": 1, "source": "a", "target": "b", "settings": {{}}, "tables": [], "left_out": [],
                    "totals": {totals}{more}}}"#
            );
            serde_json::from_str::<Plan>(&text)
        };
        assert!(plan("").is_ok());
        assert!(plan(r#", "freeze_all": true"#).unwrap_err().to_string().contains("freeze_all"));
    }

    #[test]
    fn governance_is_called_after_in_the_plans_of_every_version() {
        let settings: Settings = serde_json::from_str(r#"{"after": {"tags": true}}"#).unwrap();
        assert!(settings.governance.as_ref().is_some_and(|governance| governance.tags));
        let written = serde_json::to_value(&settings).unwrap();
        assert_eq!((&written["after"]["tags"], written.get("governance")), (&true.into(), None));
    }

    #[test]
    fn settings_without_a_choice_are_written_as_they_were_before_there_was_one() {
        let written = serde_json::to_value(Settings::default()).unwrap();
        assert_eq!(written.get("conversions"), None);
        let chosen: Settings = serde_json::from_str(r#"{"conversions": {"time": "bigint"}}"#).unwrap();
        assert_eq!(serde_json::to_value(&chosen).unwrap()["conversions"]["time"], "bigint");
    }
}

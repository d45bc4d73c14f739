//! Copies that a Databricks cluster makes: what is asked of it, what it tells meanwhile, and what it made.

use crate::validation::Check;
use crate::{Error, TableIdent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod settings;

pub use settings::{PhotonSettings, TAG_PLAN, TAG_RUN};

/// How a cluster copies a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterMethod {
    DeepClone,
    Ctas,
    InsertSelect,
}

impl ClusterMethod {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeepClone => "deep_clone",
            Self::Ctas => "ctas",
            Self::InsertSelect => "insert_select",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionColumn {
    pub transform: String,
    pub column: String,
}

/// One table that a cluster shall copy. Names have three parts: `catalog.schema.table`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterCopy {
    pub source: TableIdent,
    pub target: TableIdent,
    pub method: ClusterMethod,
    /// The pin.
    pub snapshot_id: Option<i64>,
    pub table_uuid: Option<String>,
    /// Position and equality delete files at the pin. Databricks ignores them, so its reader must not be used where there
    /// are any; none: not known, and refused by the job.
    pub delete_files: Option<u64>,
    pub deletion_vectors: Option<u64>,
    /// None: the cluster asks the table.
    pub partition_fields: Option<Vec<PartitionColumn>>,
    pub properties: Option<BTreeMap<String, String>>,
    pub partition_by: Option<Vec<String>>,
    pub cluster_by: Option<Vec<String>>,
    pub comment: Option<String>,
    /// 2 or 3.
    pub format_version: u8,
    /// Columns that together tell rows apart: looked after in the copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// At the pin: what the grouping and the estimate go by.
    pub bytes: u64,
    pub rows: u64,
}

/// Where a table's copy on a cluster ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyEnd {
    /// Copied and counted on both sides.
    Done,
    Failed,
    Cancelled,
    /// Given up here, not there: its cluster may go on, and a resume finds it.
    Unfinished,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterResult {
    pub source: TableIdent,
    pub target: TableIdent,
    pub method: ClusterMethod,
    pub end: CopyEnd,
    #[serde(default)]
    pub source_snapshot_id: Option<i64>,
    #[serde(default)]
    pub target_snapshot_id: Option<i64>,
    #[serde(default)]
    pub rows_total: Option<u64>,
    #[serde(default)]
    pub rows_done: Option<u64>,
    #[serde(default)]
    pub batches_total: Option<u64>,
    #[serde(default)]
    pub batches_done: Option<u64>,
    /// Batches that an earlier attempt had made.
    #[serde(default)]
    pub batches_found: Option<u64>,
    /// What the target lacks, in words.
    #[serde(default)]
    pub lost: Vec<String>,
    #[serde(default)]
    pub milliseconds: Option<u64>,
    #[serde(default)]
    pub error: Option<Error>,
    /// The run of the workspace that made it, for those who look there.
    #[serde(default, alias = "run_id")]
    pub job_run_id: Option<i64>,
    #[serde(default)]
    pub run_page_url: Option<String>,
    /// How Great Expectations found the copy on the cluster; none: it was not asked, or the copy is not done.
    #[serde(default)]
    pub validation: Option<ClusterValidation>,
}

/// What Great Expectations on the cluster says of a copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterValidation {
    pub passed: bool,
    pub rows: Option<u64>,
    /// Of the copy; of the source in `expected_digest`.
    pub digest: Option<String>,
    pub expected_rows: Option<u64>,
    pub expected_digest: Option<String>,
    pub failed_columns: Vec<String>,
    pub checks: Vec<Check>,
    /// The Data Docs on the volume: a folder with an `index.html`.
    pub docs: String,
    #[serde(default)]
    pub milliseconds: Option<u64>,
    #[serde(default)]
    pub error: Option<Error>,
}

/// How far a table's cluster is, for those who watch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    pub step: String,
    /// `intended`, `prepared`, `queued`, `starting`, `running`, `stopping`, `over`.
    pub stage: String,
    /// Why, in plain words; of trouble with the workspace, too.
    pub words: String,
    #[serde(default)]
    pub job_run_id: Option<i64>,
    #[serde(default)]
    pub run_page_url: Option<String>,
}

/// What a copy on clusters tells while it works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum PhotonEvent {
    /// A step's run came to another stage: queued, starting, running, stopping, over. `words` says why.
    Run { step: String, stage: String, words: String, job_run_id: i64, run_page_url: Option<String> },
    /// A table on its cluster, as its result file says.
    Table {
        step: String,
        target: TableIdent,
        state: String,
        rows_done: u64,
        rows_total: u64,
        batches_done: u64,
        batches_total: u64,
        rows_per_second: u64,
    },
    /// The workspace cannot be asked; it is tried again. The cluster goes on meanwhile.
    Trouble { step: String, since: String, tries: u32, error: Error },
    /// It answers again.
    Recovered { step: String },
}

/// Dollars and DBU in hundredths and thousandths, so that they can be compared and written down exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub milli_dbu: u64,
    pub cents: u64,
}

/// A range: what is known before says no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostEstimate {
    pub least: Cost,
    pub most: Cost,
    pub clusters: usize,
    /// The date and the source of the prices, and what they leave out.
    pub basis: String,
    /// Machines whose rate the table of prices does not know.
    pub guessed: bool,
}

/// What `system.billing.usage` says after a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "bill", rename_all = "snake_case")]
pub enum Bill {
    /// `against_estimate`: below, within or above the range.
    Known { cost: Cost, runs: Vec<RunCost>, against_estimate: String },
    /// Nothing is written there yet: it comes hours late.
    NotYet { words: String },
    /// No warehouse, no right, or no such table.
    Unknown { words: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCost {
    pub job_run_id: String,
    pub cost: Cost,
}

//! Copies that a Databricks cluster makes: what is asked of it, its events meanwhile, and what it made.

use crate::conversion::Conversion;
use crate::validation::Check;
use crate::{Error, TableIdent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

mod compute;
mod settings;
mod way;

pub use compute::ComputeChoice;
pub use settings::{AccessMode, PhotonSettings, TAG_PLAN, TAG_RUN};
pub use way::ComputeWay;

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
    /// Columns that together identify a row: checked to be unique in the copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Where the workspace cannot read the pin, the state of now may be read in its place: the source is asked before and
    /// after whether that is the pin.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unversioned: bool,
    /// What the target would refuse, in the form that it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversions: Vec<Conversion>,
    /// At the pin: what the grouping and the estimate go by.
    pub bytes: u64,
    pub rows: u64,
    /// Of a table that is there already, and is to be brought up to the pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ClusterChanges>,
}

/// What a round of a sync has to bring, as the source's own metadata tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClusterChanges {
    pub kind: ChangeKind,
    /// In words.
    pub reason: String,
    /// The source's snapshot that the target has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_snapshot_id: Option<i64>,
    /// The rows that the target was left with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_rows: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Files were rewritten, and no row changed.
    Mark,
    /// Rows were only added.
    Append,
    /// Anything else, or nobody can tell.
    Compare,
    /// Every row is compared, whatever the target has.
    Whole,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// How the cluster read the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceRead {
    /// At the pin.
    Pinned,
    /// At the pin, after the state of now had been read once: before, the workspace did not know the snapshot.
    Primed,
    /// As it was at that time. That it was the pin is known from the source itself.
    Unversioned,
    /// One that is newer than this program.
    #[serde(other)]
    Unknown,
}

/// What the job of a round did to its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncAction {
    /// Nothing was to be brought.
    None,
    /// The source's files were rewritten and no row changed: only the new snapshot is noted.
    Mark,
    Append,
    Merge,
    Recompare,
    /// One that is newer than this program.
    #[serde(other)]
    Unknown,
}

impl SyncAction {
    pub fn may_commit(self) -> bool {
        !matches!(self, Self::None | Self::Mark)
    }
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
    /// What the target lacks, for people.
    #[serde(default)]
    pub lost: Vec<String>,
    #[serde(default)]
    pub milliseconds: Option<u64>,
    #[serde(default)]
    pub error: Option<Error>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_read: Option<SourceRead>,
    /// What was done otherwise than planned, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Of a round of a sync: what its job did to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<SyncAction>,
    /// The run of the workspace that made it, for those who look there.
    #[serde(default, alias = "run_id")]
    pub job_run_id: Option<i64>,
    #[serde(default)]
    pub run_page_url: Option<String>,
    /// How Great Expectations found the copy on the cluster; none: it was not asked, or the copy is not done.
    #[serde(default)]
    pub validation: Option<ClusterValidation>,
}

impl ClusterResult {
    /// Of a copy, with nothing but its end.
    pub fn of(copy: &ClusterCopy, end: CopyEnd) -> Self {
        Self {
            source: copy.source.clone(),
            target: copy.target.clone(),
            method: copy.method,
            end,
            source_snapshot_id: copy.snapshot_id,
            target_snapshot_id: None,
            source_read: None,
            note: None,
            action: None,
            rows_total: None,
            rows_done: None,
            batches_total: None,
            batches_done: None,
            batches_found: None,
            lost: Vec::new(),
            milliseconds: None,
            error: None,
            job_run_id: None,
            run_page_url: None,
            validation: None,
        }
    }
}

/// What Great Expectations on the cluster says of a copy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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

/// How far a table's cluster is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterStage {
    /// Written down; the workspace was not asked for anything.
    Intended,
    /// Scripts and inputs are in the workspace.
    Prepared,
    /// The job is made; its run is not.
    JobMade,
    /// The run is made; its stage was not asked for yet.
    Started,
    Queued,
    /// Waits for another task of the run.
    Waiting,
    Starting,
    Running,
    Stopping,
    Over,
    /// One that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

impl ClusterStage {
    pub const ALL: &'static [Self] = &[
        Self::Intended,
        Self::Prepared,
        Self::JobMade,
        Self::Started,
        Self::Queued,
        Self::Waiting,
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::Over,
        Self::Unknown,
    ];

    /// As the JSON and the command line name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Prepared => "prepared",
            Self::JobMade => "job_made",
            Self::Started => "started",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Over => "over",
            Self::Unknown => "unknown",
        }
    }
}

/// A table's cluster while it copies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    pub step: String,
    pub stage: ClusterStage,
    /// Why it is at this stage, or why the workspace does not answer; may be empty.
    pub message: String,
    #[serde(default)]
    pub job_run_id: Option<i64>,
    #[serde(default)]
    pub run_page_url: Option<String>,
}

/// What a copy on clusters reports while it works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ClusterEvent {
    /// The run of a step came to another stage; `message` says why.
    Run { step: String, stage: ClusterStage, message: String, job_run_id: i64, run_page_url: Option<String> },
    /// A table on its cluster, as its result file says.
    Table { step: String, target: TableIdent, rows_done: u64, rows_total: u64, batches_done: u64, batches_total: u64 },
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

/// A range: what is known before a run says no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostEstimate {
    // Under their former names in the journals of earlier versions.
    #[serde(alias = "least")]
    pub min: Cost,
    #[serde(alias = "most")]
    pub max: Cost,
    pub clusters: usize,
    /// The date and the source of the prices, and what they leave out.
    pub basis: String,
    /// Machines whose rate the table of prices does not have.
    pub guessed: bool,
}

/// What `system.billing.usage` says after a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "bill", rename_all = "snake_case")]
pub enum Bill {
    Known {
        cost: Cost,
        runs: Vec<RunCost>,
        against_estimate: AgainstEstimate,
    },
    /// Nothing is written there yet: it comes hours late.
    NotYet {
        explanation: String,
    },
    /// No warehouse, no right, or no such table.
    Unknown {
        explanation: String,
    },
}

/// A bill beside the estimate that was made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgainstEstimate {
    NoEstimate,
    BelowMin { percent: u64 },
    Within,
    AboveMax { percent: u64 },
}

impl AgainstEstimate {
    pub fn of(cost: Cost, estimate: Option<&CostEstimate>) -> Self {
        let Some(CostEstimate { min, max, .. }) = estimate else { return Self::NoEstimate };
        let percent = |end: &Cost| {
            let difference = cost.milli_dbu.abs_diff(end.milli_dbu);
            difference.saturating_mul(100).checked_div(end.milli_dbu.max(1)).unwrap_or(0)
        };
        if cost.milli_dbu < min.milli_dbu {
            Self::BelowMin { percent: percent(min) }
        } else if cost.milli_dbu > max.milli_dbu {
            Self::AboveMax { percent: percent(max) }
        } else {
            Self::Within
        }
    }
}

impl fmt::Display for AgainstEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEstimate => f.write_str("there was no estimate"),
            Self::BelowMin { percent } => write!(f, "{percent} % below the estimated minimum"),
            Self::Within => f.write_str("within the estimate"),
            Self::AboveMax { percent } => write!(f, "{percent} % above the estimated maximum"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCost {
    pub job_run_id: String,
    pub cost: Cost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_below_within_or_above_its_estimate() {
        let cost = |milli_dbu| Cost { milli_dbu, cents: 0 };
        let estimate =
            CostEstimate { min: cost(100), max: cost(200), clusters: 1, basis: String::new(), guessed: false };
        let of = |milli_dbu| AgainstEstimate::of(cost(milli_dbu), Some(&estimate));
        assert_eq!(of(75), AgainstEstimate::BelowMin { percent: 25 });
        assert_eq!((of(100), of(200)), (AgainstEstimate::Within, AgainstEstimate::Within));
        assert_eq!(of(300).to_string(), "50 % above the estimated maximum");
        assert_eq!(AgainstEstimate::of(cost(1), None), AgainstEstimate::NoEstimate);
    }

    #[test]
    fn a_stage_is_one_word_in_json_and_a_new_one_is_unknown() {
        for stage in ClusterStage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
            assert_eq!(serde_json::from_value::<ClusterStage>(stage.as_str().into()).unwrap(), *stage);
        }
        assert_eq!(serde_json::from_str::<ClusterStage>(r#""blocked""#).unwrap(), ClusterStage::Unknown);
    }

    #[test]
    fn an_estimate_of_an_earlier_journal_still_reads() {
        let old = r#"{"least": {"milli_dbu": 1, "cents": 2}, "most": {"milli_dbu": 3, "cents": 4}, "clusters": 1,
            "basis": "", "guessed": false}"#;
        let read: CostEstimate = serde_json::from_str(old).unwrap();
        assert_eq!((read.min.milli_dbu, read.max.cents), (1, 4));
    }
}

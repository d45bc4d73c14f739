//! What the examinations of a workspace (`icebridge workspace doctor`) found, as answers for those who act by it. An answer holds
//! until a newer examination of the same workspace at the same address has another; what one did not try says nothing.

use crate::LocalState;
use icebridge_model::doctor::{DoctorReport, DoctorRow, Finding};
use icebridge_model::{Code, Result};
use serde::{Deserialize, Serialize};

/// An entry of the journal; its body is an [`Examination`].
pub const WORKSPACE_EXAMINED: &str = "workspace.examined";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Examination {
    pub workspace: String,
    /// Where the workspace was: saved anew with another address, it is another one.
    pub host: String,
    pub catalog: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<ForeignRead>,
    pub report: DoctorReport,
}

/// A snapshot that was read, after which it is none that was never read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ForeignRead {
    pub table: String,
    pub snapshot_id: i64,
}

impl Examination {
    fn answer(&self, key: &str, counts: fn(&DoctorRow) -> bool) -> Option<&DoctorRow> {
        self.report.rows.iter().find(|row| row.key == key && counts(row))
    }
}

/// Of one workspace, the newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Examined(Vec<Examination>);

/// How snapshots of foreign tables are read by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinnedReads {
    /// At once, or once the table was read.
    Taken,
    /// Not even then.
    Refused,
    Unknown,
}

impl Examined {
    /// `host`: where the workspace is today.
    pub async fn of(local: &LocalState, workspace: &str, host: &str) -> Result<Self> {
        let entries = local.store.entries_about(WORKSPACE_EXAMINED, "workspace", workspace).await?;
        // One of another version says nothing.
        let all = entries.into_iter().filter_map(|entry| serde_json::from_value::<Examination>(entry.body).ok());
        Ok(Self(all.filter(|one| one.host == host).collect()))
    }

    #[cfg(test)]
    pub fn of_rows(rows: &[(&str, Finding, Option<Code>)]) -> Self {
        Self(vec![tests::examination("2026-01-02T03:04:05Z", rows)])
    }

    #[cfg(test)]
    pub fn about(mut self, catalog: &str) -> Self {
        self.0.iter_mut().for_each(|one| one.catalog = catalog.into());
        self
    }

    /// The newest answer, of those that count.
    fn newest(&self, key: &str, counts: fn(&DoctorRow) -> bool) -> Option<(&Examination, &DoctorRow)> {
        self.0.iter().find_map(|one| Some((one, one.answer(key, counts)?)))
    }

    /// When it was found that the workspace refuses this; none: it does not, or nobody knows.
    fn refused(&self, key: &str) -> Option<&str> {
        let (one, row) = self.newest(key, is_answer)?;
        (row.finding == Finding::Differs).then_some(one.report.examined_at.as_str())
    }

    /// When who is signed in could not have this, for whatever reason.
    fn closed(&self, key: &str) -> Option<&str> {
        let (one, row) = self.newest(key, |row| row.finding == Finding::NotAllowed || is_answer(row))?;
        (row.finding != Finding::Holds).then_some(one.report.examined_at.as_str())
    }

    /// Tables partitioned by this transform over the Iceberg endpoint.
    pub fn refuses_transform(&self, transform: &str) -> Option<&str> {
        match transform.split('[').next().unwrap_or_default() {
            "year" | "month" | "day" | "hour" => self.refused("rest_hour"),
            "bucket" | "truncate" => self.refused("rest_bucket"),
            _ => None,
        }
    }

    /// Whether both kinds of transforms were taken, by an examination after this time.
    pub fn took_transforms_since(&self, at: &str) -> bool {
        ["rest_hour", "rest_bucket"].into_iter().all(|key| {
            let found = self.newest(key, is_answer);
            found.is_some_and(|(one, row)| row.finding == Finding::Holds && one.report.examined_at.as_str() > at)
        })
    }

    /// New tables over the Iceberg endpoint, staged or made empty first: catalogs differ in this.
    pub fn refuses_tables(&self, catalog: &str) -> Option<&str> {
        self.refused_in(catalog, "rest_stage").and(self.refused_in(catalog, "rest_empty"))
    }

    /// To stage a table.
    pub fn refuses_staging(&self, catalog: &str) -> Option<&str> {
        self.refused_in(catalog, "rest_stage")
    }

    /// DEEP CLONE of foreign Iceberg.
    pub fn refuses_clones(&self) -> Option<&str> {
        self.refused("deep_clone")
    }

    pub fn pinned_reads(&self) -> PinnedReads {
        let found = ["pinned_read", "primed_read"].map(|key| self.newest(key, is_answer).map(|(_, row)| row.finding));
        match found {
            [Some(Finding::Holds), _] | [_, Some(Finding::Holds)] => PinnedReads::Taken,
            [_, Some(Finding::Differs)] => PinnedReads::Refused,
            _ => PinnedReads::Unknown,
        }
    }

    /// Submissions to serverless compute.
    pub fn serverless_closed(&self) -> Option<&str> {
        self.closed("serverless")
    }

    /// `system.billing`.
    pub fn bill_closed(&self) -> Option<&str> {
        self.closed("bill")
    }

    /// Clusters do not reach such a catalog.
    pub fn on_default_storage(&self, catalog: &str) -> Option<&str> {
        self.refused_in(catalog, "storage")
    }

    fn refused_in(&self, catalog: &str, key: &str) -> Option<&str> {
        let mut of_catalog = self.0.iter().filter(|one| one.catalog.eq_ignore_ascii_case(catalog));
        let (one, row) = of_catalog.find_map(|one| Some((one, one.answer(key, is_answer)?)))?;
        (row.finding == Finding::Differs).then_some(one.report.examined_at.as_str())
    }

    /// The snapshot of a foreign table that the examinations read last.
    pub fn last_read(&self, table: Option<&str>) -> Option<ForeignRead> {
        let table = table?.to_lowercase();
        self.0.iter().filter_map(|one| one.read.as_ref()).find(|read| read.table == table).cloned()
    }
}

/// Whether a row says how the workspace is: what failed for other reasons than its answer does not.
fn is_answer(row: &DoctorRow) -> bool {
    match row.finding {
        Finding::Holds => true,
        Finding::Differs => row.error.as_ref().is_none_or(|error| {
            matches!(error.code, Code::CatalogRefused | Code::WorkspaceRefused | Code::Unsupported)
        }),
        Finding::NotAllowed | Finding::NotTried => false,
    }
}

#[cfg(test)]
mod tests;

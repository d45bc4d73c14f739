//! A run's entries folded, one at a time, into what became of the run and of each of its tables.

use super::cutover_step::{CutoverStage, CutoverStep};
use super::entry::{
    CUTOVER_APPROVED, CutoverApproved, OLD_RUN_ENDED, OLD_RUN_RESUMED, OLD_RUN_STARTED, OLD_TABLE_GOVERNANCE,
    PLAN_REHEARSED, RUN_ENDED, RUN_RESUMED, RUN_STARTED, RunEnded, RunStarted, TABLE_CUTOVER, TABLE_GOVERNANCE,
    TABLE_STATE, TABLE_SYNCED, TABLE_VALIDATED, read,
};
use super::step::{SumOfSums, TableStep};
use super::sync_step::{SyncStage, SyncStep};
use icebridge_model::approval::Approved;
use icebridge_model::governance::GovernanceReport;
use icebridge_model::journal::Entry;
use icebridge_model::rehearsal::Rehearsal;
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::{Code, Error, Result};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

#[derive(Clone, Debug, Default)]
pub(crate) struct RunHistory {
    pub started: Option<RunStarted>,
    pub started_at: String,
    /// How often it was started or resumed.
    pub starts: usize,
    /// On which approvals it was started and resumed; none for each time that nobody asked for any.
    pub starts_on: Vec<Option<Approved>>,
    /// On which approvals its tables were cut over.
    pub cut_over_on: Vec<Approved>,
    /// Tables whose cut-over began before any was approved.
    pub moved_unapproved: usize,
    /// Approvals were looked at at another time than what they were for began.
    pub approved_at_other_times: bool,
    /// Of its plan, before and since.
    pub rehearsals: Vec<Rehearsal>,
    pub ended: Option<RunEnded>,
    pub ended_at: String,
    /// By source table.
    pub tables: HashMap<String, TableHistory>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TableHistory {
    /// None: the run did not come to it.
    pub state: Option<TableState>,
    /// A copy has begun and was not taken back.
    pub begun: bool,
    /// The target has the table, or had it.
    pub committed: bool,
    pub error: Option<Error>,
    pub outcome: Option<CopyOutcome>,
    /// Of the outcome's files.
    pub checksums: Option<SumOfSums>,
    pub validation: Option<Value>,
    /// The validation came after the last commit.
    pub validated_since: bool,
    pub governance: Option<GovernanceReport>,
    /// The source's snapshots that later rounds brought into the target.
    pub synced: HashSet<Option<i64>>,
    /// Where readers and writers are: at the target, or at the source again. None: no cut-over came so far.
    pub moved: Option<CutoverStage>,
}

impl RunHistory {
    /// Entries of other runs are passed over.
    pub fn take(&mut self, run_id: &str, entry: &Entry) -> Result<()> {
        if entry.run_id != run_id {
            return Ok(());
        }
        match entry.kind.as_str() {
            RUN_STARTED | OLD_RUN_STARTED => {
                self.starts += 1;
                self.started_at.clone_from(&entry.at);
                let started: RunStarted = read(entry)?;
                let approved = self.timed(entry, started.approved.clone());
                self.starts_on.push(approved);
                self.started = Some(started);
            }
            RUN_RESUMED | OLD_RUN_RESUMED => {
                self.starts += 1;
                let approved = approved(entry)?;
                let approved = self.timed(entry, approved);
                self.starts_on.push(approved);
                self.ended = None;
            }
            CUTOVER_APPROVED => {
                let approved = read::<CutoverApproved>(entry)?.approved;
                let approved = self.timed(entry, Some(approved));
                self.cut_over_on.extend(approved);
            }
            TABLE_CUTOVER => {
                let step: CutoverStep = read(entry)?;
                let is_unapproved = self.cut_over_on.is_empty() && step.stage == CutoverStage::Begun;
                self.moved_unapproved += usize::from(is_unapproved);
                if matches!(step.stage, CutoverStage::Moved | CutoverStage::Returned | CutoverStage::Finished) {
                    self.tables.entry(entry.table.clone()).or_default().moved = Some(step.stage);
                }
            }
            PLAN_REHEARSED if entry.table.is_empty() => {
                let made: Rehearsal = read(entry)?;
                // One that ended while the run began is written down by both.
                if self.rehearsals.iter().all(|known| known.run_id != made.run_id) {
                    self.rehearsals.push(made);
                }
            }
            RUN_ENDED | OLD_RUN_ENDED => {
                self.ended_at.clone_from(&entry.at);
                self.ended = Some(read(entry)?);
            }
            TABLE_STATE | TABLE_VALIDATED | TABLE_GOVERNANCE | OLD_TABLE_GOVERNANCE | TABLE_SYNCED => {
                self.tables.entry(entry.table.clone()).or_default().take(entry)?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl RunHistory {
    /// Approvals are looked at right before the entry is written.
    fn timed(&mut self, entry: &Entry, approved: Option<Approved>) -> Option<Approved> {
        // Catalogs are opened in between; and a clock may be set back meanwhile.
        const SECONDS: std::ops::RangeInclusive<i64> = -60..=600;
        let second = |at: &str| at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second);
        let at = approved.as_ref().map(|approved| (second(&approved.at), second(&entry.at)));
        let is_right = match at {
            None => true,
            Some((Some(looked), Some(written))) => SECONDS.contains(&(written - looked)),
            Some(_) => false,
        };
        self.approved_at_other_times |= !is_right;
        approved
    }
}

/// Of a resume: earlier versions wrote less of it down than of a start.
fn approved(entry: &Entry) -> Result<Option<Approved>> {
    match entry.body.get("approved") {
        Some(_) => Ok(read::<RunStarted>(entry)?.approved),
        None => Ok(None),
    }
}

impl TableHistory {
    /// Takes an entry about this table.
    pub fn take(&mut self, entry: &Entry) -> Result<()> {
        match entry.kind.as_str() {
            TABLE_STATE => self.step(read(entry)?),
            TABLE_VALIDATED => {
                self.validation = entry.body.get("validation").cloned();
                self.validated_since = true;
            }
            TABLE_SYNCED => {
                let step: SyncStep = read(entry)?;
                // A commit is made after the first, and may not have been written down.
                if matches!(step.stage, SyncStage::Compared | SyncStage::Committed) {
                    self.synced.insert(step.source_snapshot_id);
                }
            }
            TABLE_GOVERNANCE | OLD_TABLE_GOVERNANCE => self.governance = Some(read(entry)?),
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, step: TableStep) {
        self.state = Some(step.state);
        self.error = step.error;
        if step.outcome.is_some() {
            self.outcome = step.outcome;
            self.checksums = step.checksums;
        }
        match step.state {
            TableState::Copying => self.begun = true,
            TableState::Failed => self.begun = false,
            TableState::Committed => self.committed = true,
            _ => {}
        }
        if matches!(step.state, TableState::Copying | TableState::Committing | TableState::Committed) {
            self.validated_since = false;
        }
    }

    pub fn state(&self) -> TableState {
        self.state.unwrap_or(TableState::Queued)
    }

    /// What came of its commit is not known.
    pub fn is_unsettled(&self) -> bool {
        let is_unknown = |error: &Error| matches!(error.code, Code::CommitUnknown | Code::OutcomeUnknown);
        self.state == Some(TableState::Committing) || self.error.as_ref().is_some_and(is_unknown)
    }

    /// Migrated, and what follows was not done, or not all of it.
    pub fn is_owed(&self) -> bool {
        self.state() == TableState::Migrated
            && self.governance.as_ref().is_none_or(|report| !report.not_done.is_empty())
    }
}

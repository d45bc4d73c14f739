//! The files of a bundle that are not written elsewhere: one a table, and the environment.

use crate::run::entry::{
    OLD_RUN_ENDED, OLD_RUN_RESUMED, OLD_RUN_STARTED, OLD_TABLE_GOVERNANCE, RUN_ENDED, RUN_RESUMED, RUN_STARTED,
    RunEnded, RunStarted, SumOfSums, TABLE_GOVERNANCE, TABLE_STATE, TABLE_VALIDATED, TableStep,
};
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::governance::GovernanceReport;
use icebridge_model::journal::Entry;
use icebridge_model::plan::{Plan, PlannedTable, Settings};
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::validation::{ProofLevel, Validation};
use icebridge_model::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

/// `tables/<n>-<name>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TableEvidence {
    /// As it stands in the plan, with its pin and its findings.
    pub planned: PlannedTable,
    pub state: TableState,
    pub error: Option<Error>,
    pub outcome: Option<CopyOutcome>,
    pub validation: Option<Validation>,
    /// What followed in Unity Catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<GovernanceReport>,
}

impl TableEvidence {
    pub fn proof(&self) -> ProofLevel {
        match (&self.validation, self.state) {
            (Some(validation), TableState::Migrated) => validation.proof,
            _ => ProofLevel::None,
        }
    }
}

/// `environment.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Environment {
    pub product: String,
    pub product_version: String,
    pub operating_system: String,
    pub architecture: String,
    pub settings: Settings,
    /// Without secrets: a spec never holds one.
    pub catalogs: Vec<CatalogSpec>,
}

/// What the journal says about one run, folded from its entries one at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunHistory {
    pub started: Option<RunStarted>,
    pub started_at: String,
    /// How often it was started or resumed.
    pub starts: usize,
    pub ended: Option<RunEnded>,
    pub ended_at: String,
    /// By source table.
    pub tables: HashMap<String, TableStory>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TableStory {
    pub state: Option<TableState>,
    pub error: Option<Error>,
    pub outcome: Option<CopyOutcome>,
    pub checksums: Option<SumOfSums>,
    pub validation: Option<Value>,
    pub after: Option<GovernanceReport>,
    /// The validation came after the last commit.
    pub validated_since: bool,
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
                self.started = Some(read(entry)?);
            }
            RUN_RESUMED | OLD_RUN_RESUMED => {
                self.starts += 1;
                self.ended = None;
            }
            RUN_ENDED | OLD_RUN_ENDED => {
                self.ended_at.clone_from(&entry.at);
                self.ended = Some(read(entry)?);
            }
            TABLE_STATE => self.tables.entry(entry.table.clone()).or_default().take(read(entry)?),
            TABLE_VALIDATED => {
                let table = self.tables.entry(entry.table.clone()).or_default();
                table.validation = entry.body.get("validation").cloned();
                table.validated_since = true;
            }
            TABLE_GOVERNANCE | OLD_TABLE_GOVERNANCE => {
                let table = self.tables.entry(entry.table.clone()).or_default();
                table.after = Some(read(entry)?);
            }
            _ => {}
        }
        Ok(())
    }
}

impl TableStory {
    fn take(&mut self, step: TableStep) {
        self.state = Some(step.state);
        self.error = step.error;
        if step.outcome.is_some() {
            self.outcome = step.outcome;
            self.checksums = step.checksums;
        }
        if matches!(step.state, TableState::Copying | TableState::Committing | TableState::Committed) {
            self.validated_since = false;
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(entry: &Entry) -> Result<T> {
    serde_json::from_value(entry.body.clone()).map_err(|e| {
        Error::new(icebridge_model::Code::BundleBroken, format!("a {} entry cannot be understood", entry.kind))
            .about(format!("journal entry {}", entry.sequence))
            .with_cause(e)
    })
}

/// The name of a table's file: its place in the plan, and as much of its name as any file system takes.
pub(crate) fn file_name(index: usize, planned: &PlannedTable) -> String {
    let name: String = planned
        .source
        .to_string()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' })
        .take(80)
        .collect();
    format!("{:05}-{}.json", index + 1, name.trim_matches('.'))
}

/// The lowest of all tables: a table that is not migrated proves nothing.
pub(crate) fn lowest_proof(tables: &[TableEvidence]) -> ProofLevel {
    tables.iter().map(TableEvidence::proof).min().unwrap_or(ProofLevel::None)
}

pub(crate) fn migrated(tables: &[TableEvidence]) -> usize {
    tables.iter().filter(|t| t.state == TableState::Migrated).count()
}

/// The losses of a plan, table by table.
pub(crate) fn losses(plan: &Plan) -> impl Iterator<Item = (&PlannedTable, &icebridge_model::finding::Finding)> {
    plan.tables.iter().flat_map(|table| {
        table.findings.iter().filter(|f| f.verdict == icebridge_model::finding::Verdict::Loses).map(move |f| (table, f))
    })
}

//! The files of a bundle that are not written elsewhere: one a table, and the environment.

use icebridge_model::Error;
use icebridge_model::catalog::CatalogSpec;
use icebridge_model::governance::GovernanceReport;
use icebridge_model::plan::{Plan, PlannedTable, Settings};
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::validation::{ProofLevel, Validation};
use serde::{Deserialize, Serialize};

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

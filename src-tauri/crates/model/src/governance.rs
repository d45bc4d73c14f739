//! Governance in Unity Catalog: what a migrated table gets besides its rows (comments, tags, grants, owner), predictive
//! optimization, and metrics.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of these, each is done only where it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GovernanceSettings {
    /// Carried from the source's table in Unity Catalog, where the workspace sees it.
    pub comments: bool,
    pub tags: bool,
    pub grants: bool,
    pub owner: bool,
    /// Principals of the source by other names in the target; one that is given none is left out. The others keep theirs.
    pub principals: BTreeMap<String, Option<String>>,
    pub predictive_optimization: Option<OptimizationChoice>,
    /// A row for each table in the table of metrics.
    pub metrics: bool,
    /// `catalog.schema.table`; none: `<target catalog>.icebridge.migration_iceberg_jobs`.
    pub metrics_table: Option<String>,
    /// A SQL warehouse reads each table that was copied from here once more, for the proof level `target_read_back`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_back: bool,
    /// The SQL warehouse's id; none: one that runs, or any.
    pub warehouse: Option<String>,
}

impl GovernanceSettings {
    /// Whether anything is carried from the source's table.
    pub fn carries(&self) -> bool {
        self.comments || self.tags || self.grants || self.owner
    }

    pub fn checked(&self) -> Result<()> {
        if let Some((name, _)) = self
            .principals
            .iter()
            .find(|(from, to)| from.trim().is_empty() || to.as_ref().is_some_and(|to| to.trim().is_empty()))
        {
            return Err(Error::invalid("a principal has a name").about(format!("`{name}`")));
        }
        Ok(())
    }
}

/// Predictive optimization of what was migrated: `ALTER <level> ... <setting> PREDICTIVE OPTIMIZATION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizationChoice {
    pub level: OptimizationLevel,
    pub setting: OptimizationSetting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizationLevel {
    /// The target's catalog, and with it all that is in it and inherits.
    Catalog,
    /// Each schema that a table is migrated to.
    Schema,
    /// Each migrated table.
    Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizationSetting {
    Enable,
    Disable,
    Inherit,
}

/// What was done in Unity Catalog for a migrated table, each as the statement that does it, and what could not be done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GovernanceReport {
    pub done: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_done: Vec<NotDone>,
    /// What the source's table has and the copy does not get, each in a sentence: row filters, masks, policies, grants to
    /// principals that are deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
}

impl GovernanceReport {
    /// Everything that was asked for is done.
    pub fn is_complete(&self) -> bool {
        self.not_done.is_empty()
    }
}

/// The statement can be run by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotDone {
    pub statement: String,
    pub error: Error,
}

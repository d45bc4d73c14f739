//! From source names to target names: rules, case, single overrides.
//!
//! Rules are tried in order and the first match names the table; an override beats every rule; a table that no rule
//! matches is left out, visibly.

use crate::TableIdent;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mapping {
    pub rules: Vec<Rule>,
    pub overrides: Vec<Override>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub kind: PatternKind,
    /// Matched against `namespace.table` as a whole.
    pub pattern: String,
    /// `{namespace}`, `{namespace_flat}` (levels joined by `_`), `{table}`, `{0}` `{1}` … (the pattern's groups or `*`s).
    pub target_namespace: String,
    pub target_table: String,
    #[serde(default)]
    pub case: CaseRule,
    /// A matching table is left out.
    #[serde(default)]
    pub exclude: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternKind {
    #[default]
    Glob,
    Regex,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseRule {
    #[default]
    Keep,
    Lower,
    Upper,
    Snake,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub source: TableIdent,
    /// None: left out.
    pub target: Option<TableIdent>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingPreview {
    pub rows: Vec<MappingRow>,
    pub mapped: usize,
    pub excluded: usize,
    pub conflicts: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingRow {
    pub source: TableIdent,
    pub target: Option<TableIdent>,
    pub state: MappingState,
    /// `rule 2`, `override`, `no rule matches` …
    pub because: String,
    /// The conflict in words; empty if there is none.
    #[serde(default)]
    pub problem: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingState {
    /// The target does not have it: it will be created.
    Create,
    /// The target already has a table of that name.
    Exists,
    /// Left out by a rule or an override, or by no rule matching.
    Excluded,
    /// Two sources for one target, names that differ in case alone, or a name the target refuses.
    Conflict,
}

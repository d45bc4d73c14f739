//! From source names to target names: rules, case, single overrides.
//!
//! Rules are tried in order and the first match names the table; an override beats every rule; a table that no rule
//! matches is left out, visibly. All of it is pure, so that the window previews a mapping without a round trip.

mod pattern;
mod resolve;
mod sheet;
mod target_name;
mod template;

pub use pattern::Pattern;
pub use resolve::{Matcher, resolve};
pub use sheet::{from_csv, to_csv};
pub use target_name::fold;

use crate::TableIdent;
use crate::earlier::EarlierMigration;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mapping {
    pub rules: Vec<Rule>,
    pub overrides: Vec<Override>,
}

impl Mapping {
    /// What holds until somebody saves another: every table under its own name in lower case, nested namespaces
    /// flattened, because Unity Catalog has one level of schemas and folds names to lower case.
    pub fn standard() -> Self {
        Self {
            rules: vec![Rule {
                kind: PatternKind::Glob,
                pattern: "*".into(),
                target_namespace: "{namespace_flat}".into(),
                target_table: "{table}".into(),
                case: CaseRule::Lower,
                exclude: false,
            }],
            overrides: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub kind: PatternKind,
    /// Matched against `namespace.table` as a whole: see [`Pattern`].
    pub pattern: String,
    /// `{namespace}` (all its levels), `{namespace_flat}` (levels joined by `_`), `{table}`; of a glob `{0}` `{1}` … what
    /// its wildcards stood for, of a regex `{1}` `{name}` … its groups (`{0}`: the whole match). `{{` is a brace. A dot
    /// begins another level of the namespace. A table without a namespace counts as being in `default`.
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
    /// The conflict, explained; empty if there is none.
    #[serde(default)]
    pub problem: String,
    /// A name for the table that the target takes and nobody else has, where the mapping gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<TableIdent>,
    /// The run that migrated it, if its state is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_by: Option<Box<EarlierMigration>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingState {
    /// The target does not have it: it will be created.
    Create,
    /// The target already has a table of that name.
    Exists,
    /// The target has the table that an earlier run made of this source.
    Migrated,
    /// Left out by a rule or an override, or by no rule matching.
    Excluded,
    /// Two sources for one target, names that differ in case alone, or a name the target refuses.
    Conflict,
}

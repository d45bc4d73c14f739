//! Verdicts of the pre-flight. A finding has a stable code, the reason on this table, and what to do.

use crate::TableIdent;
use crate::plan::{CopyMode, EngineKind};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Worth knowing; nothing is lost.
    Note,
    /// The migrated table lacks something the source has. Must be accepted by its code.
    Loses,
    /// The table is left out of the plan.
    Blocks,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `IB-F…`, from the rule table.
    pub code: String,
    pub verdict: Verdict,
    pub title: String,
    /// What it is on this table, with names and numbers.
    pub reason: String,
    pub fix: String,
    /// The public page or spec section the rule rests on.
    pub link: String,
    #[serde(default)]
    pub accepted: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableFindings {
    pub source: TableIdent,
    pub target: Option<TableIdent>,
    /// The mode that would be used, with the reason in words.
    pub mode: Option<CopyMode>,
    pub mode_reason: String,
    /// Who would copy it.
    #[serde(default)]
    pub engine: EngineKind,
    /// Why; empty where there is no choice.
    #[serde(default)]
    pub engine_reason: String,
    pub findings: Vec<Finding>,
}

impl TableFindings {
    pub fn worst(&self) -> Option<Verdict> {
        self.findings.iter().map(|f| f.verdict).max()
    }
    pub fn is_blocked(&self) -> bool {
        self.worst() == Some(Verdict::Blocks)
    }
    pub fn unaccepted(&self) -> Vec<&Finding> {
        self.findings.iter().filter(|f| f.verdict == Verdict::Loses && !f.accepted).collect()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreflightReport {
    pub tables: Vec<TableFindings>,
    pub ready: usize,
    pub needs_acceptance: usize,
    pub blocked: usize,
}

/// One line of the rule table, for `icebridge preflight --rules` and the docs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleInfo {
    pub code: String,
    pub verdict: Verdict,
    pub title: String,
    pub link: String,
}

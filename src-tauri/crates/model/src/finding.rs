//! Verdicts of the pre-flight. A finding has a stable code, the reason on this table, and what to do.

use crate::TableIdent;
use crate::conversion::Conversion;
use crate::copy_mode::{CopyMode, EngineKind};
use crate::earlier::EarlierMigration;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

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

/// The code of deletes that no data file explains. A validation asks whether it was accepted.
pub const DANGLING_DELETES: &str = "IB-F113";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `IB-F…`, from the rule table.
    pub code: Cow<'static, str>,
    pub verdict: Verdict,
    pub title: Cow<'static, str>,
    /// What it is on this table, with names and numbers.
    pub reason: String,
    pub fix: Cow<'static, str>,
    /// The public page or spec section the rule rests on.
    pub link: Cow<'static, str>,
    #[serde(default)]
    pub accepted: bool,
    /// What stands in place of that which the target refuses: then the finding can be accepted, and does not block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<WayOut>,
}

/// How a table reaches a target that refuses something of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayOut {
    /// What is done unless something else is chosen.
    pub best: String,
    /// What can be chosen in its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// The setting that chooses, with its values.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub setting: String,
}

impl WayOut {
    /// What is done, what else could be, and where that is said.
    pub fn in_words(&self) -> String {
        let mut text = self.best.clone();
        if !self.others.is_empty() {
            text += &format!("; or {}", self.others.join(", or "));
        }
        if !self.setting.is_empty() {
            text += &format!(" ({})", self.setting);
        }
        text
    }
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
    /// What the plan would say of what the target refuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversions: Vec<Conversion>,
    /// The earlier run that made the target's table. It is left as it is, so it has no findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_by: Option<Box<EarlierMigration>>,
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
    /// Migrated by earlier runs.
    #[serde(default)]
    pub migrated: usize,
}

/// A pre-flight as a whole: nothing in it grows with the number of tables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreflightOutline {
    pub tables: usize,
    pub ready: usize,
    pub needs_acceptance: usize,
    pub blocked: usize,
    /// Migrated by earlier runs.
    #[serde(default)]
    pub migrated: usize,
    /// Some table has an engine that was chosen for it.
    pub has_engines: bool,
    /// What stands in the way first, then what is lost, then what is worth knowing.
    pub codes: Vec<CodeOutline>,
}

/// A finding, over all tables that have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeOutline {
    pub code: String,
    pub verdict: Verdict,
    pub title: String,
    pub fix: String,
    pub link: String,
    pub tables: usize,
    /// Tables on which the loss is not accepted.
    pub open: usize,
}

impl PreflightOutline {
    /// Codes with a loss that is not accepted everywhere.
    pub fn open_codes(&self) -> Vec<String> {
        self.codes.iter().filter(|code| code.open > 0).map(|code| code.code.clone()).collect()
    }
}

impl TableFindings {
    /// Whether there was an engine to choose.
    pub fn has_engines(&self) -> bool {
        self.engine == EngineKind::Photon || !self.engine_reason.is_empty()
    }
}

impl PreflightReport {
    pub fn outline(&self) -> PreflightOutline {
        let mut codes: BTreeMap<(Reverse<Verdict>, &str), CodeOutline> = BTreeMap::new();
        for finding in self.tables.iter().flat_map(|table| &table.findings) {
            let key = (Reverse(finding.verdict), finding.code.as_ref());
            let outline = codes.entry(key).or_insert_with(|| CodeOutline {
                code: finding.code.to_string(),
                verdict: finding.verdict,
                title: finding.title.to_string(),
                fix: finding.fix.to_string(),
                link: finding.link.to_string(),
                tables: 0,
                open: 0,
            });
            outline.tables += 1;
            outline.open += usize::from(finding.verdict == Verdict::Loses && !finding.accepted);
        }
        PreflightOutline {
            tables: self.tables.len(),
            ready: self.ready,
            needs_acceptance: self.needs_acceptance,
            blocked: self.blocked,
            migrated: self.migrated,
            has_engines: self.tables.iter().any(TableFindings::has_engines),
            codes: codes.into_values().collect(),
        }
    }
}

/// One line of the rule table, for `icebridge preflight --rules` and the docs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleInfo {
    pub code: String,
    pub verdict: Verdict,
    pub title: String,
    pub link: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, findings: &[(&'static str, Verdict, bool)]) -> TableFindings {
        let findings = findings.iter().map(|(code, verdict, accepted)| Finding {
            code: (*code).into(),
            verdict: *verdict,
            title: "".into(),
            reason: format!("{code} on {name}"),
            fix: "".into(),
            link: "".into(),
            accepted: *accepted,
            way: None,
        });
        TableFindings {
            source: TableIdent::new(["s"], name),
            target: None,
            mode: None,
            mode_reason: String::new(),
            engine: EngineKind::Embedded,
            engine_reason: String::new(),
            findings: findings.collect(),
            conversions: Vec::new(),
            migrated_by: None,
        }
    }

    #[test]
    fn codes_are_gathered_and_the_gravest_come_first() {
        let report = PreflightReport {
            tables: vec![
                table("a", &[("IB-F1", Verdict::Note, false), ("IB-F2", Verdict::Loses, true)]),
                table("b", &[("IB-F9", Verdict::Blocks, false), ("IB-F2", Verdict::Loses, false)]),
            ],
            ..PreflightReport::default()
        };
        let outline = report.outline();
        let codes: Vec<_> = outline.codes.iter().map(|code| (code.code.as_str(), code.tables, code.open)).collect();
        assert_eq!(codes, [("IB-F9", 1, 0), ("IB-F2", 2, 1), ("IB-F1", 1, 0)], "what blocks cannot be accepted");
        assert_eq!((outline.open_codes(), outline.tables), (vec!["IB-F2".to_string()], 2));
    }
}

//! The pre-flight's findings, gathered by code.

use icebridge_model::TableIdent;
use icebridge_model::finding::{Finding, PreflightReport, Verdict};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub struct CodeGroup {
    pub code: String,
    pub verdict: Verdict,
    pub title: String,
    pub fix: String,
    pub link: String,
    /// Tables with their own reason, and whether the loss is accepted there.
    pub tables: Vec<(TableIdent, String, bool)>,
}

impl CodeGroup {
    pub fn open(&self) -> usize {
        if self.verdict == Verdict::Loses { self.tables.iter().filter(|(_, _, accepted)| !accepted).count() } else { 0 }
    }
}

/// What stands in the way first, then what is lost, then what is worth knowing; codes in order.
pub fn by_code(report: &PreflightReport) -> Vec<CodeGroup> {
    let mut groups: BTreeMap<(std::cmp::Reverse<Verdict>, String), CodeGroup> = BTreeMap::new();
    for table in &report.tables {
        for finding in &table.findings {
            let key = (std::cmp::Reverse(finding.verdict), finding.code.clone());
            let group = groups.entry(key).or_insert_with(|| group(finding));
            group.tables.push((table.source.clone(), finding.reason.clone(), finding.accepted));
        }
    }
    groups.into_values().collect()
}

fn group(finding: &Finding) -> CodeGroup {
    CodeGroup {
        code: finding.code.clone(),
        verdict: finding.verdict,
        title: finding.title.clone(),
        fix: finding.fix.clone(),
        link: finding.link.clone(),
        tables: Vec::new(),
    }
}

/// Codes with a loss that nobody has accepted yet.
pub fn open_codes(report: &PreflightReport) -> Vec<String> {
    by_code(report).into_iter().filter(|group| group.open() > 0).map(|group| group.code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::finding::TableFindings;
    use icebridge_model::plan::EngineKind;

    fn table(name: &str, findings: &[(&str, Verdict, bool)]) -> TableFindings {
        let findings = findings.iter().map(|(code, verdict, accepted)| Finding {
            code: (*code).into(),
            verdict: *verdict,
            title: String::new(),
            reason: format!("{code} on {name}"),
            fix: String::new(),
            link: String::new(),
            accepted: *accepted,
        });
        TableFindings {
            source: TableIdent::new(["s"], name),
            target: None,
            mode: None,
            mode_reason: String::new(),
            engine: EngineKind::Embedded,
            engine_reason: String::new(),
            findings: findings.collect(),
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
        let groups = by_code(&report);
        assert_eq!(groups.iter().map(|g| g.code.as_str()).collect::<Vec<_>>(), ["IB-F9", "IB-F2", "IB-F1"]);
        assert_eq!((groups[1].tables.len(), groups[1].open()), (2, 1));
        assert_eq!(groups[0].open(), 0, "what blocks cannot be accepted");
        assert_eq!(open_codes(&report), ["IB-F2"]);
    }
}

//! The pre-flight: findings, and what of them is accepted.

use crate::arguments::Preflight;
use crate::ended::Ended;
use crate::output::{Grid, Output, words};
use crate::route::route;
use icebridge_api::{Api, preflight_rules};
use icebridge_model::Result;
use icebridge_model::finding::{Finding, PreflightReport, TableFindings, Verdict};
use icebridge_model::ops::{AcceptRequest, PreflightRequest, Route};
use icebridge_model::plan::{EngineKind, Settings};
use std::collections::BTreeMap;

pub async fn run(api: &Api, arguments: Preflight, output: &Output) -> Result<Ended> {
    let route = route(api, &arguments.route).await?;
    let settings = arguments.settings.settings()?;
    let mut accept = arguments.accept;
    let mut report = None;
    if arguments.accept_all_losses {
        let found = judge(api, &route, &settings).await?;
        accept.extend(lost(&found).into_keys());
        report = Some(found);
    }
    for (codes, accepted) in [(accept, true), (arguments.refuse, false)] {
        if !codes.is_empty() {
            let tables = arguments.table.clone();
            let request = AcceptRequest { route: route.clone(), settings: settings.clone(), codes, tables, accepted };
            report = Some(api.accept_losses(&request).await?);
        }
    }
    let report = match report {
        Some(report) => report,
        None => judge(api, &route, &settings).await?,
    };
    output.result(&report, told)?;
    Ok(Ended::done_if(report.blocked == 0 && report.needs_acceptance == 0))
}

/// Every table with its findings.
pub async fn judge(api: &Api, route: &Route, settings: &Settings) -> Result<PreflightReport> {
    api.preflight(&PreflightRequest { route: route.clone(), settings: settings.clone() }).await
}

pub fn rules(output: &Output) -> Result<Ended> {
    output.result(&preflight_rules(), |rules| {
        let mut grid = Grid::new(&["code", "verdict", "what", "more"]);
        for rule in rules {
            grid.row([rule.code.clone(), verdict(rule.verdict).to_string(), rule.title.clone(), rule.link.clone()]);
        }
        grid.to_string()
    })?;
    Ok(Ended::Done)
}

/// What would be lost, by code: the titles, and each table with its reason.
pub fn lost(report: &PreflightReport) -> BTreeMap<String, (String, Vec<(String, String)>)> {
    let mut lost: BTreeMap<String, (String, Vec<(String, String)>)> = BTreeMap::new();
    for table in &report.tables {
        for finding in table.findings.iter().filter(|f| f.verdict == Verdict::Loses) {
            let entry = lost.entry(finding.code.to_string()).or_insert_with(|| (finding.title.to_string(), Vec::new()));
            entry.1.push((table.source.to_string(), finding.reason.clone()));
        }
    }
    lost
}

pub fn told(report: &PreflightReport) -> String {
    let mut grid = Grid::new(&["table", "mode", "verdict", "code", "what", "reason"]);
    for table in &report.tables {
        let mode = match table.mode {
            Some(_) if table.engine == EngineKind::Photon => "photon",
            Some(mode) => mode.as_str(),
            None if table.target.is_none() && table.findings.is_empty() => "left out",
            None => "",
        };
        if table.findings.is_empty() {
            let ready = match (&table.target, &table.migrated_by) {
                (None, _) => "",
                (Some(_), None) => "ready",
                (Some(_), Some(_)) => "migrated",
            };
            let cells = [
                table.source.to_string(),
                mode.into(),
                ready.into(),
                String::new(),
                String::new(),
                table.mode_reason.clone(),
            ];
            grid.row(cells);
        }
        for (i, finding) in table.findings.iter().enumerate() {
            let (name, mode) = if i == 0 { (table.source.to_string(), mode) } else { (String::new(), "") };
            let words = [
                name,
                mode.into(),
                said(finding),
                finding.code.to_string(),
                finding.title.to_string(),
                finding.reason.clone(),
            ];
            grid.row(words);
        }
    }
    format!("{grid}\n{}{}{}", summary(report), ways(&report.tables), fixes(&report.tables))
}

pub fn summary(report: &PreflightReport) -> String {
    let tables = words::count(report.tables.len(), "table", "tables");
    let waiting = match report.needs_acceptance {
        0 => String::new(),
        n => format!(", {n} waiting for a loss to be accepted"),
    };
    let migrated = match report.migrated {
        0 => String::new(),
        n => format!(", {n} migrated by earlier runs"),
    };
    format!("{tables}: {} ready{waiting}, {} blocked{migrated}", report.ready, report.blocked)
}

/// What the target refuses of each table, and what it becomes once that is accepted.
fn ways(tables: &[TableFindings]) -> String {
    let mut text = String::new();
    for table in tables {
        for finding in &table.findings {
            if let Some(way) = &finding.way {
                text.push_str(&format!("\n{}  {}  {}", table.source, finding.code, way.in_words()));
            }
        }
    }
    if text.is_empty() { text } else { format!("\n\nWhat the target refuses, and what it becomes:{text}") }
}

/// What to do, once a code.
fn fixes(tables: &[TableFindings]) -> String {
    let mut fixes: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in tables.iter().flat_map(|t| &t.findings) {
        if finding.verdict != Verdict::Note && !finding.accepted {
            fixes.insert(&finding.code, finding);
        }
    }
    let mut text = String::new();
    for (code, finding) in fixes {
        text.push_str(&format!("\n{code}  {}", finding.fix));
    }
    if text.is_empty() { text } else { format!("\n\nWhat to do:{text}") }
}

fn said(finding: &Finding) -> String {
    match finding.accepted {
        true => "loses, accepted".into(),
        false => verdict(finding.verdict).into(),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Note => "note",
        Verdict::Loses => "loses",
        Verdict::Blocks => "blocks",
    }
}

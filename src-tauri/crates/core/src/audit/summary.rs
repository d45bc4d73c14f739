//! The summary for people, as Markdown and as a page to print.
//!
//! Verification writes it again from the evidence and compares: what people read cannot say anything else than what is
//! proved. So the text below belongs to the bundle's version: a change of it raises `BUNDLE_VERSION`, and what earlier
//! versions say stays.

use super::evidence::{TableEvidence, losses, lowest_proof, migrated};
use super::report::Report;
use super::{approvals, change};
use icebridge_model::approval::NamedApproval;
use icebridge_model::conversion::Conversion;
use icebridge_model::format::milliseconds;
use icebridge_model::plan::EngineKind;
use icebridge_model::rehearsal::{Rehearsal, RehearsedTable};
use icebridge_model::run::TableState;
use icebridge_model::validation::ProofLevel;
use icebridge_model::values::ValuesInProof;
use std::fmt::Write;

/// From this bundle version on the summary tells the run as a change.
const WITH_CHANGE: u32 = 4;
/// From this one on it tells which values of rows the bundle holds.
const WITH_VALUES: u32 = 5;

/// One document, written in two languages.
enum Block {
    Title(String),
    Heading(&'static str),
    Text(String),
    Facts(Vec<(&'static str, String)>),
    Grid(Vec<&'static str>, Vec<Vec<String>>),
}

pub(crate) fn markdown(report: &Report<'_>) -> String {
    let mut out = String::new();
    for block in blocks(report) {
        // Writing to a String does not fail.
        let _ = match block {
            Block::Title(text) => writeln!(out, "# {}\n", plain_md(&text)),
            Block::Heading(text) => writeln!(out, "## {text}\n"),
            Block::Text(text) => writeln!(out, "{}\n", plain_md(&text)),
            Block::Facts(facts) => {
                let rows = facts.into_iter().map(|(name, value)| vec![name.to_string(), value]).collect();
                grid_md(&mut out, &["", ""], rows)
            }
            Block::Grid(head, rows) => grid_md(&mut out, &head, rows),
        };
    }
    out
}

fn grid_md(out: &mut String, head: &[&str], rows: Vec<Vec<String>>) -> std::fmt::Result {
    writeln!(out, "| {} |", head.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(head.len()))?;
    for row in rows {
        let cells: Vec<String> = row.iter().map(|c| plain_md(c)).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    writeln!(out)
}

/// A table's name is foreign text: it must not become a heading, a link or a tag.
fn plain_md(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '`' | '*' | '[' | ']' | '\\' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}\
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;margin:.5rem 0}\
th,td{border:1px solid #bbb;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
th{background:#f0f0f0}tr{break-inside:avoid}@media print{body{margin:0;max-width:none}}";

pub(crate) fn html(report: &Report<'_>) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Migration report {}</title>\n<style>{STYLE}</style></head><body>\n",
        plain_html(report.run_id)
    );
    for block in blocks(report) {
        let _ = match block {
            Block::Title(text) => writeln!(out, "<h1>{}</h1>", plain_html(&text)),
            Block::Heading(text) => writeln!(out, "<h2>{text}</h2>"),
            Block::Text(text) => writeln!(out, "<p>{}</p>", plain_html(&text)),
            Block::Facts(facts) => {
                out.push_str("<table>\n");
                for (name, value) in facts {
                    let _ = writeln!(out, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", plain_html(&value));
                }
                writeln!(out, "</table>")
            }
            Block::Grid(head, rows) => {
                let _ = writeln!(out, "<table>\n<tr><th>{}</th></tr>", head.join("</th><th>"));
                for row in rows {
                    let cells: Vec<String> = row.iter().map(|c| plain_html(c)).collect();
                    let _ = writeln!(out, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
                }
                writeln!(out, "</table>")
            }
        };
    }
    out.push_str("</body></html>\n");
    out
}

fn plain_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn blocks(report: &Report<'_>) -> Vec<Block> {
    let mut blocks = vec![
        Block::Title(format!("Migration report: {} to {}", report.plan.source, report.plan.target)),
        Block::Text(verdict(report)),
        Block::Facts(facts(report)),
    ];
    if report.bundle_version >= WITH_CHANGE {
        blocks.push(Block::Heading(change::HEADING));
        blocks.push(Block::Text(change::TOLD.into()));
        blocks.push(Block::Facts(change::steps(report)));
    }
    let approved: Vec<Vec<String>> = approvals::of(report.history).into_iter().map(approval).collect();
    if !approved.is_empty() {
        blocks.push(Block::Heading("Approved by"));
        blocks.push(Block::Grid(vec!["Name", "Public key", "Given", "Until"], approved));
    }
    let rehearsed: Vec<Vec<String>> = report.history.rehearsals.iter().map(rehearsal).collect();
    if !rehearsed.is_empty() {
        blocks.push(Block::Heading("Rehearsed"));
        blocks.push(Block::Grid(
            vec!["Began", "Ended", "Schema", "Moved and moved back", "Longest downtime", "Longest recovery"],
            rehearsed,
        ));
    }
    blocks.push(Block::Heading("Tables"));
    blocks.push(Block::Grid(
        vec!["Source", "Target", "Copied by", "Result", "Proof", "Rows"],
        report.tables.iter().map(row).collect(),
    ));
    let failed: Vec<Vec<String>> =
        report.tables.iter().filter(|t| t.state != TableState::Migrated).map(reason).collect();
    if !failed.is_empty() {
        blocks.push(Block::Heading("Not migrated"));
        blocks.push(Block::Grid(vec!["Source", "Code", "Why", "What to do"], failed));
    }
    let followed: Vec<Vec<String>> = report.tables.iter().flat_map(after).collect();
    if !followed.is_empty() {
        blocks.push(Block::Heading("Done in Unity Catalog afterwards"));
        blocks.push(Block::Grid(vec!["Source", "Statement", "Result"], followed));
    }
    if !report.plan.left_out.is_empty() {
        let rows = report.plan.left_out.iter();
        let rows = rows.map(|l| vec![l.source.to_string(), l.codes.join(", "), l.reason.clone()]).collect();
        blocks.push(Block::Heading("Left out of the plan"));
        blocks.push(Block::Grid(vec!["Source", "Code", "Why"], rows));
    }
    blocks.push(Block::Heading("What was lost, and accepted"));
    let lost: Vec<Vec<String>> = losses(report.plan)
        .map(|(t, f)| vec![t.source.to_string(), f.code.to_string(), f.title.to_string(), f.reason.clone()])
        .collect();
    if lost.is_empty() {
        blocks.push(Block::Text("Nothing: no table lost anything that the checks know of.".into()));
    } else {
        blocks.push(Block::Text("Each of these was shown before the run and accepted by its code.".into()));
        blocks.push(Block::Grid(vec!["Source", "Code", "What", "On this table"], lost));
    }
    let converted: Vec<Vec<String>> = report.tables.iter().flat_map(conversions).collect();
    if !converted.is_empty() {
        blocks.push(Block::Heading("What was converted"));
        let told = "The target does not take these as the source has them. What is proved holds for the values as they \
                    were converted.";
        blocks.push(Block::Text(told.into()));
        blocks.push(Block::Grid(vec!["Source", "Conversion"], converted));
    }
    blocks.push(Block::Heading("What the proof levels mean"));
    let levels =
        LEVELS.iter().map(|(level, meaning)| vec![level.as_str().to_string(), (*meaning).to_string()]).collect();
    blocks.push(Block::Grid(vec!["Level", "Meaning"], levels));
    blocks.push(Block::Heading("How to check this report"));
    blocks.push(Block::Text(
        "Run icebridge audit verify on the folder that holds this report. It needs no network and no access to the \
         tables. The format is public, so that the same can be done with sha256sum and jq."
            .into(),
    ));
    blocks
}

const LEVELS: &[(ProofLevel, &str)] = &[
    (ProofLevel::None, "Something differs, or the table is not migrated."),
    (ProofLevel::Schema, "Columns, types, nullability and comments are the same."),
    (ProofLevel::Count, "Schema, and the number of rows."),
    (
        ProofLevel::Aggregates,
        "Count, and for every column the counts of nulls and NaNs, the least, the greatest and the sum.",
    ),
    (
        ProofLevel::Digest,
        "Aggregates, and a digest over every value of every row: the same rows, the same number of times.",
    ),
    (ProofLevel::Bytes, "Digest, and every data file is the source's file, byte for byte."),
    (
        ProofLevel::TargetReadBack,
        "Digest, and a SQL warehouse of the target's workspace read the target and found that digest. The source was not read by it.",
    ),
    (
        ProofLevel::ReadBack,
        "Digest, and an engine that is not IceBridge's read both sides and found that digest. The check read-back names it.",
    ),
];

fn verdict(report: &Report<'_>) -> String {
    let (all, done) = (report.tables.len(), migrated(report.tables));
    let lowest = lowest_proof(report.tables);
    if all == done {
        format!("All {all} tables are migrated. Each is proved at level \"{}\" or higher.", lowest.as_str())
    } else {
        format!("{done} of {all} tables are migrated; {} are not, and are listed below with the reason.", all - done)
    }
}

fn facts(report: &Report<'_>) -> Vec<(&'static str, String)> {
    let history = report.history;
    let mut facts = vec![("Run", report.run_id.to_string())];
    if let Some(started) = &history.started {
        facts.push(("Started", format!("{} by {}", history.started_at, started.by)));
        if let Some(gate) = &started.gate {
            let open = format!(
                "open at {} ({}) for {}: {}",
                gate.workspace,
                gate.host,
                gate.principal,
                gate.schemas.join(", ")
            );
            facts.push(("Governance gate", open));
        }
        facts.push(("Program", format!("IceBridge {}", started.product_version)));
    }
    match &history.ended {
        Some(ended) => facts.push(("Ended", format!("{}, {}", history.ended_at, ended.state.as_str()))),
        None => facts.push(("Ended", "not yet: the run was interrupted".into())),
    }
    if history.starts > 1 {
        facts.push(("Resumed", format!("{} times", history.starts - 1)));
    }
    facts.push(("Plan", report.plan.hash.to_string()));
    if !report.plan.settings.change.is_empty() {
        facts.push(("Change", report.plan.settings.change.clone()));
    }
    facts.push(("Journal", format!("{} entries, the last with hash {}", report.journal_entries, report.journal_head)));
    if report.bundle_version >= WITH_VALUES {
        facts.push(("Values of rows", values(report.plan.settings.values).to_string()));
    }
    facts
}

fn values(values: ValuesInProof) -> &'static str {
    match values {
        ValuesInProof::Shown => {
            "In tables and journal.jsonl the checks of columns show the least, the greatest and the sum. The first two are \
             values of rows. Entries of other runs in the journal show what their plans wanted."
        }
        ValuesInProof::Hashed => {
            "In tables and journal.jsonl the checks of columns show a SHA-256 in place of the least, the greatest and the sum. \
             Whoever can guess them can find them out. Entries of other runs in the journal show what their plans wanted; \
             paths of files may hold partition values."
        }
        ValuesInProof::LeftOut => {
            "The checks of columns show none. Entries of other runs in the journal show what their plans wanted; paths of files \
             may hold partition values."
        }
    }
}

fn rehearsal(made: &Rehearsal) -> Vec<String> {
    let longest = |time: fn(&RehearsedTable) -> Option<u64>| {
        made.tables.iter().filter_map(time).max().map(milliseconds).unwrap_or_default()
    };
    vec![
        made.began_at.clone(),
        made.ended_at.clone(),
        made.schema.clone(),
        format!("{} of {} tables", made.passed(), made.tables.len()),
        longest(|table| table.downtime_ms),
        longest(|table| table.recovery_ms),
    ]
}

fn approval(named: NamedApproval) -> Vec<String> {
    let NamedApproval { name, approval } = named;
    vec![name, approval.public_key, approval.given_at, approval.expires_at]
}

fn row(table: &TableEvidence) -> Vec<String> {
    vec![
        table.planned.source.to_string(),
        table.planned.target.to_string(),
        match &table.planned.cluster {
            Some(cluster) => format!("a Photon cluster, {}", cluster.method.as_str()),
            None => table.planned.mode.as_str().to_string(),
        },
        table.state.as_str().to_string(),
        match table.validation.as_ref().map(|v| v.read_by) {
            Some(EngineKind::Photon) => format!("{} (read by a cluster)", table.proof().as_str()),
            _ => table.proof().as_str().to_string(),
        },
        table.validation.as_ref().map(|v| v.rows.to_string()).unwrap_or_default(),
    ]
}

/// With the way that was taken, where there were several.
fn conversions(table: &TableEvidence) -> Vec<Vec<String>> {
    let taken = table.outcome.as_ref().and_then(|outcome| outcome.partitioning.as_ref());
    let all = table.planned.conversions.iter().map(|conversion| {
        let text = match (conversion, taken) {
            (Conversion::Partitioning { .. }, Some(way)) => format!("{conversion}; it was {way}"),
            _ => conversion.to_string(),
        };
        vec![table.planned.source.to_string(), text]
    });
    all.collect()
}

fn after(table: &TableEvidence) -> Vec<Vec<String>> {
    let Some(after) = &table.after else { return Vec::new() };
    let source = || table.planned.source.to_string();
    let done = after.done.iter().map(|statement| vec![source(), statement.clone(), "done".into()]);
    let left = after.not_done.iter().map(|left| {
        vec![source(), left.statement.clone(), format!("not done: {} {}", left.error.code, left.error.message)]
    });
    let behind = after.left_behind.iter().map(|sentence| vec![source(), sentence.clone(), "not carried".into()]);
    done.chain(left).chain(behind).collect()
}

fn reason(table: &TableEvidence) -> Vec<String> {
    let source = table.planned.source.to_string();
    match &table.error {
        Some(error) => {
            let mut why = error.message.clone();
            for cause in &error.causes {
                let _ = write!(why, ": {cause}");
            }
            vec![source, error.code.to_string(), why, error.hint.clone().unwrap_or_default()]
        }
        None => vec![source, String::new(), format!("it is {}", table.state.as_str()), "Resume the run.".into()],
    }
}

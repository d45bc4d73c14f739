//! A mapping as a spreadsheet: out for people to edit, in as overrides.

use super::{Mapping, MappingPreview, MappingState, Matcher, Override};
use crate::{Error, Result, TableIdent};
use std::collections::{BTreeMap, BTreeSet};

const HEADER: [&str; 3] = ["source", "target", "state"];
const STATES: [(&str, MappingState); 5] = [
    ("create", MappingState::Create),
    ("exists", MappingState::Exists),
    ("migrated", MappingState::Migrated),
    ("excluded", MappingState::Excluded),
    ("conflict", MappingState::Conflict),
];

/// One line a table: `source,target,state`.
pub fn to_csv(preview: &MappingPreview) -> Result<String> {
    let failed = |e: csv::Error| Error::internal("mapping to CSV").with_cause(e);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER).map_err(failed)?;
    for row in &preview.rows {
        let target = row.target.as_ref().map(ToString::to_string).unwrap_or_default();
        let state = STATES.iter().find(|(_, state)| *state == row.state).map_or("", |(word, _)| word);
        writer.write_record([&row.source.to_string(), &target, state]).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|e| Error::internal("mapping to CSV").with_cause_text(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| Error::internal("mapping to CSV").with_cause(e))
}

/// The mapping with the sheet's answers as overrides. A line that says what the rules say anyway leaves no override, so
/// that an exported sheet brought back unchanged changes nothing and the rules stay in force; tables that the sheet does
/// not name keep what they had. `known`: the source's tables.
///
/// The state column is for the eye, except `excluded`, which leaves the table out. It may be missing; so an empty target
/// is only taken as "left out" if the line says so, because a cell emptied by accident must not lose a table.
pub fn from_csv(mapping: &Mapping, known: &[TableIdent], text: &str) -> Result<Mapping> {
    let known: BTreeSet<&TableIdent> = known.iter().collect();
    let answers = read(text, &known)?;
    let matcher = Matcher::new(mapping)?;
    let mut overrides: BTreeMap<TableIdent, Option<TableIdent>> =
        mapping.overrides.iter().map(|o| (o.source.clone(), o.target.clone())).collect();
    for (source, target) in answers {
        if matcher.target_by_rules(&source).0 == target {
            overrides.remove(&source);
        } else {
            overrides.insert(source, target);
        }
    }
    let overrides = overrides.into_iter().map(|(source, target)| Override { source, target }).collect();
    Ok(Mapping { rules: mapping.rules.clone(), overrides })
}

fn read(text: &str, known: &BTreeSet<&TableIdent>) -> Result<BTreeMap<TableIdent, Option<TableIdent>>> {
    // Excel puts a byte-order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let at = |line: u64, message: String| Error::invalid(format!("line {line}: {message}"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|e| at(1, "not CSV".into()).with_cause(e))?.clone();
    let column = |name: &str| headers.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let (Some(source_at), Some(target_at)) = (column("source"), column("target")) else {
        return Err(at(1, "the columns source and target are missing".into())
            .with_hint("The first line is `source,target,state`: export a mapping to see one."));
    };
    let state_at = column("state");

    let mut seen: BTreeMap<TableIdent, u64> = BTreeMap::new();
    let mut answers = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| {
            let line = e.position().map_or(0, csv::Position::line);
            at(line, "not CSV".into()).with_cause(e)
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |i: usize| record.get(i).unwrap_or_default().trim();
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let name = |text: &str, what: &str| {
            TableIdent::parse(text).map_err(|mut error| {
                error.message = format!("line {line}: the {what} cannot be understood: {}", error.message);
                error
            })
        };
        let source = name(cell(source_at), "source")?;
        if !known.contains(&source) {
            return Err(at(line, "the source has no such table".into())
                .about(&source)
                .with_hint("Check the name, or take the inventory again if the table is new."));
        }
        if let Some(first) = seen.insert(source.clone(), line) {
            return Err(at(line, format!("the table is on line {first} already")).about(&source));
        }
        let state = state_at.map_or("", cell).to_ascii_lowercase();
        if !state.is_empty() && !STATES.iter().any(|(word, _)| *word == state) {
            return Err(at(line, format!("the state `{state}` is not known"))
                .about(&source)
                .with_hint("Write `excluded` to leave a table out; leave the cell empty otherwise."));
        }
        let target = match (state.as_str(), cell(target_at)) {
            ("excluded", _) => None,
            (_, "") => {
                return Err(at(line, "the target is empty".into())
                    .about(&source)
                    .with_hint("Name a target, or write `excluded` in the state column to leave the table out."));
            }
            (_, target) => Some(name(target, "target")?),
        };
        answers.insert(source, target);
    }
    Ok(answers)
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;

//! From a mapping and the source's tables to target names, with every conflict found.

use super::target_name::{self, apply_case, fold, problem};
use super::template::Template;
use super::{Mapping, MappingPreview, MappingRow, MappingState, Pattern, Rule};
use crate::{Result, TableIdent};
use std::collections::{HashMap, HashSet};

/// A mapping with its patterns compiled.
#[derive(Debug)]
pub struct Matcher<'a> {
    overrides: HashMap<&'a TableIdent, Option<&'a TableIdent>>,
    rules: Vec<Compiled<'a>>,
}

#[derive(Debug)]
struct Compiled<'a> {
    rule: &'a Rule,
    pattern: Pattern,
    namespace: Template,
    table: Template,
}

impl<'a> Matcher<'a> {
    /// Refuses a rule that cannot be understood, by its number.
    pub fn new(mapping: &'a Mapping) -> Result<Self> {
        let rules = mapping.rules.iter().enumerate().map(|(i, rule)| {
            compile(rule).map_err(|mut error| {
                error.message = format!("rule {}: {}", i + 1, error.message);
                error
            })
        });
        Ok(Self {
            overrides: mapping.overrides.iter().map(|o| (&o.source, o.target.as_ref())).collect(),
            rules: rules.collect::<Result<_>>()?,
        })
    }

    /// The target by override or rule (none: left out), and why.
    pub fn target(&self, source: &TableIdent) -> (Option<TableIdent>, String) {
        match self.overrides.get(source) {
            Some(Some(target)) => (Some((*target).clone()), "override".into()),
            Some(None) => (None, "left out by override".into()),
            None => self.target_by_rules(source),
        }
    }

    pub(super) fn target_by_rules(&self, source: &TableIdent) -> (Option<TableIdent>, String) {
        for (i, compiled) in self.rules.iter().enumerate() {
            let Some(captures) = compiled.pattern.captures(source) else { continue };
            let number = i + 1;
            if compiled.rule.exclude {
                return (None, format!("left out by rule {number}"));
            }
            let case = compiled.rule.case;
            let namespace = compiled.namespace.levels(source, &captures);
            let target = TableIdent::new(
                namespace.iter().map(|level| apply_case(case, level)),
                apply_case(case, &compiled.table.name(source, &captures)),
            );
            return (Some(target), format!("rule {number}"));
        }
        (None, "no rule matches".into())
    }
}

fn compile(rule: &Rule) -> Result<Compiled<'_>> {
    let pattern = Pattern::new(rule.kind, &rule.pattern)?;
    let captures = pattern.capture_names();
    Ok(Compiled {
        rule,
        namespace: Template::new(&rule.target_namespace, &captures)?,
        table: Template::new(&rule.target_table, &captures)?,
        pattern,
    })
}

/// Names every table's target. `exists` says whether the target has a table of that name; for a target that folds case
/// it has to fold as well. Rows are in the order of `tables`.
pub fn resolve(
    mapping: &Mapping,
    tables: &[TableIdent],
    exists: &dyn Fn(&TableIdent) -> bool,
) -> Result<MappingPreview> {
    let matcher = Matcher::new(mapping)?;
    let mut rows: Vec<MappingRow> = tables
        .iter()
        .map(|source| {
            let (target, because) = matcher.target(source);
            let mut row = MappingRow {
                source: source.clone(),
                target,
                state: MappingState::Excluded,
                because,
                problem: String::new(),
                suggestion: None,
                migrated_by: None,
            };
            if let Some(target) = &row.target {
                row.problem = problem(target).unwrap_or_default();
                row.state = match () {
                    () if !row.problem.is_empty() => MappingState::Conflict,
                    () if exists(target) => MappingState::Exists,
                    () => MappingState::Create,
                };
            }
            row
        })
        .collect();
    mark_collisions(&mut rows);
    suggest(&mut rows, exists);
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    Ok(MappingPreview {
        mapped: count(MappingState::Create) + count(MappingState::Exists),
        excluded: count(MappingState::Excluded),
        conflicts: count(MappingState::Conflict),
        rows,
    })
}

/// Two sources for one target, in the target's eyes: names that differ in case alone are one name there.
fn mark_collisions(rows: &mut [MappingRow]) {
    let mut claims: HashMap<TableIdent, Vec<usize>> = HashMap::new();
    for (i, row) in rows.iter().enumerate() {
        if let Some(target) = &row.target {
            claims.entry(fold(target)).or_default().push(i);
        }
    }
    for claimants in claims.into_values().filter(|c| c.len() > 1) {
        for &i in &claimants {
            // One rival is enough to act on; a list of thousands is not.
            let Some(&rival) = claimants.iter().find(|&&j| j != i) else { continue };
            let others = claimants.len() - 2;
            let mut words = if rows[rival].target == rows[i].target {
                format!("{} goes there too", rows[rival].source)
            } else {
                let name = rows[rival].target.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{} goes to {name}, which differs in case alone", rows[rival].source)
            };
            if others > 0 {
                words.push_str(&format!(" (and {others} more)"));
            }
            let row = &mut rows[i];
            row.state = MappingState::Conflict;
            row.problem = if row.problem.is_empty() { words } else { format!("{}; {words}", row.problem) };
        }
    }
}

/// A target that has a table of every name, as far as it says, gets no suggestion.
const NAMES_TRIED: usize = 100;

/// A free name for every table without a usable one. Of those that collide, the first keeps its own.
fn suggest(rows: &mut [MappingRow], exists: &dyn Fn(&TableIdent) -> bool) {
    if rows.iter().all(|row| row.state != MappingState::Conflict) {
        return;
    }
    let of_others = rows.iter().filter(|row| row.state != MappingState::Conflict);
    let mut taken: HashSet<TableIdent> = of_others.filter_map(|row| row.target.as_ref()).map(fold).collect();
    let mut next: HashMap<TableIdent, usize> = HashMap::new();
    for row in rows.iter_mut().filter(|row| row.state == MappingState::Conflict) {
        let Some(target) = &row.target else { continue };
        let plain = target_name::taken(target);
        // Many thousands may want one name: each goes on where the one before it ended.
        let next = next.entry(fold(&plain)).or_insert(1);
        for _ in 0..NAMES_TRIED {
            let name = if *next == 1 { plain.clone() } else { target_name::numbered(&plain, *next) };
            *next += 1;
            if !exists(&name) && taken.insert(fold(&name)) {
                row.suggestion = (name != *target).then_some(name);
                break;
            }
        }
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;

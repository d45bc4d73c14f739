//! The plan of a rehearsal: the same tables, copied in the same way, into one schema.

use icebridge_model::copy_mode::CopyMode;
use icebridge_model::plan::{Estimate, Plan};
use icebridge_model::{Error, Result, TableIdent};
use std::collections::HashSet;

/// The name that was asked for, or one that nobody has.
pub(super) fn schema(asked: &str, now: &str) -> Result<String> {
    if asked.is_empty() {
        let digits: String = now.chars().filter(char::is_ascii_digit).take(17).collect();
        return Ok(format!("icebridge_rehearsal_{digits}"));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    // Those are in every workspace, and nobody's to drop.
    let is_common = matches!(asked, "default" | "information_schema");
    match asked.chars().all(fits) && asked.len() <= 255 && !is_common {
        true => Ok(asked.to_string()),
        false => Err(Error::invalid("a rehearsal's schema is named by small letters, digits and `_`")
            .about(asked)
            .with_hint("Such as `rehearsal_1`, which no other plan may have as a target.")),
    }
}

pub(super) fn make(plan: &Plan, tables: &[TableIdent], schema: &str) -> Result<Plan> {
    if plan.settings.rehearsal_of.is_some() {
        return Err(Error::invalid("this is the plan of a rehearsal").about(plan.short_hash()));
    }
    for wanted in tables {
        if plan.tables.iter().all(|planned| planned.source != *wanted) {
            return Err(Error::invalid("the plan has no such source table").about(wanted));
        }
    }
    let in_use = |planned: &TableIdent| planned.namespace.last().is_some_and(|name| name.eq_ignore_ascii_case(schema));
    if plan.tables.iter().any(|planned| in_use(&planned.target)) {
        return Err(Error::invalid("the plan itself copies into this schema")
            .about(schema)
            .with_hint("Name another one for the rehearsal, or none."));
    }
    let mut own = Plan { left_out: Vec::new(), totals: Estimate::default(), ..plan.clone() };
    own.tables.retain(|planned| tables.is_empty() || tables.contains(&planned.source));
    let mut names = HashSet::new();
    let is_told_apart = own.tables.iter().all(|planned| names.insert(planned.target.name.to_lowercase()));
    names.clear();
    for planned in &mut own.tables {
        let name = match is_told_apart {
            true => planned.target.name.clone(),
            false => own_name(&planned.target, &mut names),
        };
        planned.target = TableIdent::new([schema], name.as_str());
        if planned.mode == CopyMode::Register {
            // Whoever drops the rehearsal's schema would drop the source's own files with it.
            planned.mode = CopyMode::Clone;
            planned.mode_reason = "a rehearsal shares no files with the source".into();
        }
        if let Some(copy) = &mut planned.cluster {
            // `catalog.schema`
            let catalog = copy.target.namespace.first().cloned().unwrap_or_default();
            copy.target = TableIdent::new([catalog.as_str(), schema], name);
        }
        own.totals += planned.estimate;
    }
    // Nobody's table is moved, and nobody's rows are taken away.
    (own.settings.approval, own.settings.freeze) = (None, Vec::new());
    own.settings.rehearsal_of = Some(plan.hash.clone());
    own.sealed()
}

/// With its schema, and with a number where that is another one's name.
fn own_name(target: &TableIdent, taken: &mut HashSet<String>) -> String {
    let whole = [target.namespace.as_slice(), std::slice::from_ref(&target.name)].concat().join("__");
    let numbered = (2u32..).map(|number| format!("{whole}__{number}"));
    let free = std::iter::once(whole.clone()).chain(numbered).find(|name| taken.insert(name.to_lowercase()));
    free.unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::ids::PlanHash;
    use icebridge_model::plan::{PLAN_VERSION, PlannedTable, Settings};

    fn planned(source: &str, target: &str) -> PlannedTable {
        PlannedTable {
            source: TableIdent::parse(source).unwrap(),
            target: TableIdent::parse(target).unwrap(),
            mode: CopyMode::Clone,
            mode_reason: String::new(),
            engine_reason: String::new(),
            metadata_location: "/t/v1.metadata.json".into(),
            table_uuid: "u".into(),
            snapshot_id: Some(1),
            format_version: 2,
            estimate: Estimate::default(),
            cluster: None,
            conversions: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn plan(tables: &[(&str, &str)]) -> Plan {
        Plan {
            plan_version: PLAN_VERSION,
            source: "lake".into(),
            target: "main".into(),
            settings: Settings { change: "CHG-1".into(), ..Settings::default() },
            tables: tables.iter().map(|(source, target)| planned(source, target)).collect(),
            left_out: Vec::new(),
            totals: Estimate::default(),
            hash: PlanHash::default(),
        }
        .sealed()
        .unwrap()
    }

    #[test]
    fn only_the_targets_differ() {
        let plan = plan(&[("s.a", "m.a"), ("s.b", "m.b")]);
        let mut registered = plan.clone();
        registered.tables[0].mode = CopyMode::Register;
        assert_eq!(make(&registered, &[], "r").unwrap().tables[0].mode, CopyMode::Clone, "it shares no files");
        let own = make(&plan, &[], "r").unwrap();
        let targets: Vec<String> = own.tables.iter().map(|one| one.target.to_string()).collect();
        assert_eq!(targets, ["r.a", "r.b"]);
        assert_eq!(own.settings.rehearsal_of, Some(plan.hash.clone()));
        assert_eq!(own.settings.change, "CHG-1");
        assert_ne!(own.hash, plan.hash);
        assert!(make(&own, &[], "r2").is_err(), "a rehearsal of a rehearsal");
        assert!(make(&plan, &[], "M").is_err(), "the plan's own schema");
        let one = make(&plan, &[TableIdent::parse("s.b").unwrap()], "r").unwrap();
        assert_eq!(one.tables.len(), 1);
        assert!(make(&plan, &[TableIdent::parse("s.c").unwrap()], "r").is_err());
    }

    #[test]
    fn names_that_meet_in_one_schema_are_told_apart() {
        let own = make(&plan(&[("s.a", "m.a"), ("t.a", "n.A")]), &[], "r").unwrap();
        let targets: Vec<String> = own.tables.iter().map(|one| one.target.to_string()).collect();
        assert_eq!(targets, ["r.m__a", "r.n__A"]);
        let own = make(&plan(&[("s.a", "a__b.c"), ("s.b", "a.b__C"), ("s.c", "z.c")]), &[], "r").unwrap();
        let targets: Vec<String> = own.tables.iter().map(|one| one.target.to_string()).collect();
        assert_eq!(targets, ["r.a__b__c", "r.a__b__C__2", "r.z__c"]);
    }

    #[test]
    fn a_schema_has_a_plain_name() {
        assert_eq!(schema("", "2026-11-30T18:40:05.123Z").unwrap(), "icebridge_rehearsal_20261130184005123");
        assert!(schema("try_1", "").is_ok());
        for wrong in ["a.b", "A", "a b", "ä", "../x", "default"] {
            assert!(schema(wrong, "").is_err(), "{wrong}");
        }
    }
}

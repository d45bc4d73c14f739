//! Two measurements compared, and what the checks together prove.

use icebridge_model::check::{CheckKind, CheckName};
use icebridge_model::validation::{Check, ColumnMeasure, Measurement, ProofLevel};

/// The highest level reached without a gap.
pub(crate) fn proof(checks: &[Check]) -> ProofLevel {
    let holds = |kind: CheckKind| {
        let mut of_kind = checks.iter().filter(|c| c.name.kind == kind).peekable();
        of_kind.peek().is_some() && of_kind.all(|c| c.passed)
    };
    let levels = [
        (CheckKind::Schema, ProofLevel::Schema),
        (CheckKind::Count, ProofLevel::Count),
        (CheckKind::Aggregates, ProofLevel::Aggregates),
        (CheckKind::Digest, ProofLevel::Digest),
        (CheckKind::Bytes, ProofLevel::Bytes),
    ];
    levels.iter().take_while(|(kind, _)| holds(*kind)).last().map_or(ProofLevel::None, |(_, level)| *level)
}

pub(super) fn check(name: impl Into<CheckName>, source: impl ToString, target: impl ToString, passed: bool) -> Check {
    Check { name: name.into(), passed, source: source.to_string(), target: target.to_string(), detail: String::new() }
}

/// One check a column of either side.
pub(super) fn aggregates(source: &Measurement, target: &Measurement) -> Vec<Check> {
    let missing = || "no such column".to_string();
    let mut checks: Vec<Check> = source
        .columns
        .iter()
        .map(|column| {
            let other = target.columns.iter().find(|c| c.name == column.name);
            let name = CheckName::of(CheckKind::Aggregates, &column.name);
            check(name, shown(column), other.map_or_else(missing, shown), other == Some(column))
        })
        .collect();
    let added = target.columns.iter().filter(|c| source.columns.iter().all(|s| s.name != c.name));
    checks.extend(added.map(|c| check(CheckName::of(CheckKind::Aggregates, &c.name), missing(), shown(c), false)));
    checks
}

fn shown(column: &ColumnMeasure) -> String {
    let mut text = format!("{}; {} null", column.column_type, column.nulls);
    if column.nans > 0 {
        text += &format!(", {} NaN", column.nans);
    }
    if column.not_utf8 > 0 {
        text += &format!(", {} not UTF-8", column.not_utf8);
    }
    for (name, value) in [("least", &column.least), ("greatest", &column.greatest), ("sum", &column.sum)] {
        if let Some(value) = value {
            text += &format!(", {name} {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(passed: &[(&str, bool)]) -> Vec<Check> {
        passed.iter().map(|(name, passed)| check(name.parse::<CheckName>().unwrap(), 1, 1, *passed)).collect()
    }

    #[test]
    fn a_level_needs_every_level_below_it() {
        let all = [("schema", true), ("count", true), ("aggregates:a", true), ("aggregates:b", true), ("digest", true)];
        assert_eq!(proof(&checks(&all)), ProofLevel::Digest);
        assert_eq!(proof(&checks(&all[..3])), ProofLevel::Aggregates);
        assert_eq!(proof(&checks(&all[1..])), ProofLevel::None);
        let mut gap = all;
        gap[3].1 = false;
        assert_eq!(proof(&checks(&gap)), ProofLevel::Count);
        assert_eq!(proof(&[]), ProofLevel::None);
    }

    #[test]
    fn a_column_on_one_side_alone_differs() {
        let side = |names: &[&str]| Measurement {
            snapshot_id: None,
            rows: 1,
            digest: "d".into(),
            columns: names.iter().map(|n| ColumnMeasure { name: (*n).into(), ..ColumnMeasure::default() }).collect(),
            ..Measurement::default()
        };
        let found = aggregates(&side(&["a", "b"]), &side(&["a", "c"]));
        let failed: Vec<String> = found.iter().filter(|c| !c.passed).map(|c| c.name.to_string()).collect();
        assert_eq!(failed, ["aggregates:b", "aggregates:c"]);
    }
}

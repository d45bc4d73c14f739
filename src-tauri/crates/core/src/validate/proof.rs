//! Two measurements compared, and what the checks together prove.

use icebridge_model::check::{CheckKind, CheckName};
use icebridge_model::validation::{Check, ColumnMeasure, Measurement, ProofLevel, Validation};

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
    let reached =
        levels.iter().take_while(|(kind, _)| holds(*kind)).last().map_or(ProofLevel::None, |(_, level)| *level);
    match reached >= ProofLevel::Digest {
        true if holds(CheckKind::ReadBack) => ProofLevel::ReadBack,
        true if holds(CheckKind::TargetReadBack) => ProofLevel::TargetReadBack,
        _ => reached,
    }
}

/// What another engine found is a check of one of these kinds.
pub(crate) const READ_BACK: [CheckKind; 2] = [CheckKind::TargetReadBack, CheckKind::ReadBack];

/// Adds what another engine found when it read both sides, or the target.
pub(crate) fn add_read_back(validation: &mut Validation, check: Check) {
    validation.checks.retain(|known| known.name != check.name);
    validation.passed &= check.passed;
    validation.checks.push(check);
    validation.proof = proof(&validation.checks);
}

/// What another engine found before still holds where the same snapshots have the same digest, and what it found against
/// them, too: a comparison that does not ask it is no answer to it.
pub(crate) fn keep_read_back(validation: &mut Validation, before: Option<&Validation>) {
    let same = |before: &&Validation| {
        before.digest == validation.digest
            && before.source_snapshot_id == validation.source_snapshot_id
            && before.target_snapshot_id == validation.target_snapshot_id
    };
    for check in before.filter(same).into_iter().flat_map(|before| &before.checks) {
        let is_new = || validation.checks.iter().all(|known| known.name != check.name);
        if READ_BACK.contains(&check.name.kind) && is_new() {
            add_read_back(validation, check.clone());
        }
    }
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
    fn what_another_engine_read_is_a_level_of_its_own_and_is_kept_for_the_same_rows() {
        let all = [("schema", true), ("count", true), ("aggregates:a", true), ("digest", true), ("read-back", true)];
        assert_eq!(proof(&checks(&all)), ProofLevel::ReadBack);
        let of_target = [all[0], all[1], all[2], all[3], ("target-read-back", true)];
        assert_eq!(proof(&checks(&of_target)), ProofLevel::TargetReadBack);
        assert!(ProofLevel::Bytes < ProofLevel::TargetReadBack && ProofLevel::TargetReadBack < ProofLevel::ReadBack);
        let mut differs = all;
        differs[4].1 = false;
        assert_eq!(proof(&checks(&differs)), ProofLevel::Digest);
        differs = all;
        differs[3].1 = false;
        assert_eq!(proof(&checks(&differs)), ProofLevel::Aggregates, "its word stands on ours");

        let validation = |snapshot: i64, all: &[(&str, bool)]| Validation {
            target_snapshot_id: Some(snapshot),
            digest: "d".into(),
            passed: true,
            conversions: Vec::new(),
            checks: checks(all),
            source: icebridge_model::TableIdent::new(["n"], "t"),
            target: icebridge_model::TableIdent::new(["n"], "t"),
            source_snapshot_id: None,
            proof: ProofLevel::None,
            read_by: icebridge_model::plan::EngineKind::Embedded,
            rows: 1,
            source_records: None,
            target_records: None,
            error: None,
            validated_at: String::new(),
            milliseconds: 0,
        };
        for (passed, snapshot, level) in
            [(true, 1, ProofLevel::ReadBack), (false, 1, ProofLevel::Digest), (true, 2, ProofLevel::Digest)]
        {
            let mut before = all;
            before[4].1 = passed;
            let mut now = validation(snapshot, &all[..4]);
            now.proof = proof(&now.checks);
            keep_read_back(&mut now, Some(&validation(1, &before)));
            assert_eq!((now.proof, now.passed), (level, passed), "{passed} {snapshot}");
        }
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

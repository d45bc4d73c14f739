//! What Great Expectations on a cluster says of a copy: beside our own reader, or, for what outgrows a laptop, in its place.

use crate::workspace::now;
use icebridge_model::photon::ClusterValidation;
use icebridge_model::plan::{EngineKind, PlannedTable};
use icebridge_model::validation::{Check, ProofLevel, Validation};
use icebridge_model::{Code, Error};

/// The name of its one check in a validation of ours.
pub(super) const GREAT_EXPECTATIONS: &str = "great-expectations";

/// Its word on a copy that our own reader compared: one more check, which has to pass as well.
pub(crate) fn also(validation: &mut Validation, told: Option<&ClusterValidation>) {
    let check = match told {
        Some(told) => word(validation, told),
        None => Check {
            name: GREAT_EXPECTATIONS.into(),
            passed: false,
            source: "wanted".into(),
            target: "not there".into(),
            detail: "the cluster did not come to it".into(),
        },
    };
    add(validation, check);
}

pub(super) fn add(validation: &mut Validation, check: Check) {
    validation.passed &= check.passed;
    validation.checks.push(check);
}

fn word(validation: &Validation, told: &ClusterValidation) -> Check {
    let passed = told.checks.iter().filter(|check| check.passed).count();
    // Two engines that read the same rows have the same digest; if not, one of them reads something else.
    let agrees = |theirs: &Option<String>| theirs.as_ref().is_none_or(|theirs| *theirs == validation.digest);
    let same = agrees(&told.digest) && agrees(&told.expected_digest);
    let detail = match &told.error {
        Some(error) => error.to_string(),
        None if !same => "the cluster's digest is another than that of our reader".into(),
        None => String::new(),
    };
    Check {
        name: GREAT_EXPECTATIONS.into(),
        passed: told.passed && same,
        source: format!("{} checks", told.checks.len()),
        target: format!("{passed} passed"),
        detail,
    }
}

/// Its word alone. Both sides were read by the cluster's engine, at the pin; the table has no deletes that it would pass over.
pub(crate) fn alone(
    planned: &PlannedTable,
    target_snapshot_id: Option<i64>,
    told: Option<&ClusterValidation>,
) -> Validation {
    let mut validation = Validation {
        source: planned.source.clone(),
        target: planned.target.clone(),
        source_snapshot_id: planned.snapshot_id,
        target_snapshot_id,
        passed: false,
        proof: ProofLevel::None,
        read_by: EngineKind::Photon,
        rows: 0,
        digest: String::new(),
        checks: Vec::new(),
        error: None,
        validated_at: now(),
        milliseconds: 0,
    };
    let Some(told) = told else {
        validation.error = Some(Error::new(Code::ValidationFailed, "the cluster did not come to the validation"));
        return validation;
    };
    validation.rows = told.expected_rows.unwrap_or(0);
    validation.digest = told.expected_digest.clone().unwrap_or_default();
    // Great Expectations counts the rows by itself, beside the measures: one answer twice is one answer.
    for check in &told.checks {
        if !validation.checks.contains(check) {
            validation.checks.push(check.clone());
        }
    }
    validation.milliseconds = told.milliseconds.unwrap_or(0);
    // Checks that did not pass speak for themselves.
    validation.error =
        told.error.clone().filter(|error| error.code != Code::ValidationFailed || told.checks.is_empty());
    validation.proof = super::proof(&validation.checks);
    validation.passed = told.passed
        && validation.error.is_none()
        && validation.proof >= ProofLevel::Digest
        && validation.checks.iter().all(|check| check.passed)
        && told.digest == told.expected_digest
        && told.rows == told.expected_rows;
    validation
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::TableIdent;
    use icebridge_model::plan::{CopyMode, Estimate};

    fn planned() -> PlannedTable {
        PlannedTable {
            source: TableIdent::new(["s"], "t"),
            target: TableIdent::new(["m"], "t"),
            mode: CopyMode::Rewrite,
            mode_reason: String::new(),
            engine_reason: String::new(),
            cluster: None,
            metadata_location: String::new(),
            table_uuid: String::new(),
            snapshot_id: Some(7),
            format_version: 2,
            estimate: Estimate::default(),
            findings: Vec::new(),
        }
    }

    fn check(name: &str, both: &str) -> Check {
        Check { name: name.into(), passed: true, source: both.into(), target: both.into(), detail: String::new() }
    }

    fn told() -> ClusterValidation {
        let checks = [("schema", "2 columns"), ("count", "3"), ("count", "3"), ("aggregates:id", "x"), ("digest", "d")];
        ClusterValidation {
            passed: true,
            rows: Some(3),
            digest: Some("d".into()),
            expected_rows: Some(3),
            expected_digest: Some("d".into()),
            failed_columns: Vec::new(),
            checks: checks.iter().map(|(name, both)| check(name, both)).collect(),
            docs: String::new(),
            milliseconds: None,
            error: None,
        }
    }

    #[test]
    fn a_cluster_alone_proves_as_much_as_its_checks() {
        let good = alone(&planned(), Some(9), Some(&told()));
        assert!(good.passed && good.proof == ProofLevel::Digest && good.read_by == EngineKind::Photon);
        assert_eq!((good.rows, good.checks.iter().filter(|check| check.name == "count").count()), (3, 1));
        let bad: [fn(&mut ClusterValidation); 5] = [
            |told| told.passed = false,
            |told| told.digest = Some("e".into()),
            |told| told.rows = None,
            |told| told.checks[4].passed = false,
            |told| told.error = Some(Error::new(Code::RunFailed, "gone")),
        ];
        for change in bad {
            let mut told = told();
            change(&mut told);
            assert!(!alone(&planned(), Some(9), Some(&told)).passed);
        }
        let silent = alone(&planned(), Some(9), None);
        assert!(!silent.passed && silent.error.is_some());
    }

    #[test]
    fn beside_our_reader_its_word_must_agree() {
        let ours = || alone(&planned(), Some(9), Some(&told()));
        let with = |told: Option<&ClusterValidation>| {
            let mut validation = ours();
            also(&mut validation, told);
            (validation.passed, validation.checks.last().map(|check| check.passed))
        };
        assert_eq!(with(Some(&told())), (true, Some(true)));
        assert_eq!(with(None), (false, Some(false)));
        let other = ClusterValidation { digest: Some("e".into()), ..told() };
        assert_eq!(with(Some(&other)), (false, Some(false)));
    }
}

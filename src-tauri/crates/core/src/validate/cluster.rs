//! What Great Expectations on a cluster found of a copy: beside our own reader, or, for what outgrows a laptop, in its place.

use super::proof::READ_BACK;
use icebridge_lakehouse::Table;
use icebridge_lakehouse::records::{self, Counted};
use icebridge_model::check::CheckKind;
use icebridge_model::photon::ClusterValidation;
use icebridge_model::plan::{EngineKind, PlannedTable};
use icebridge_model::records::RecordCounts;
use icebridge_model::validation::{Check, ProofLevel, Validation};
use icebridge_model::{Code, Error, Result};

/// Its result on a copy that our own reader compared: one more check, which has to pass as well. Where it never came to it,
/// nothing differs: the validation is not at its end, and a resume asks again.
pub(crate) fn add_checks(validation: &mut Validation, report: Option<&ClusterValidation>) {
    match report {
        Some(report) if was_made(report) => {
            let check = as_check(validation, report);
            add(validation, check);
        }
        report => {
            let silent = || Error::new(Code::RunFailed, "the cluster did not come to the check of its copy");
            validation.error = Some(report.and_then(|report| report.error.clone()).unwrap_or_else(silent));
            validation.passed = false;
        }
    }
}

/// What it had said of the copy, beside a comparison made later by our own reader alone.
pub(crate) fn keep_checks(
    validation: &mut Validation,
    before: Option<&Validation>,
    report: Option<&ClusterValidation>,
) {
    let kept =
        before.and_then(|one| one.checks.iter().find(|check| check.name == CheckKind::GreatExpectations)).cloned();
    // Where it compared alone there is no such check yet.
    let check = kept.or_else(|| report.filter(|report| was_made(report)).map(|report| as_check(validation, report)));
    if let Some(check) = check {
        add(validation, check);
    }
}

/// Whether it looked at the copy at all.
fn was_made(report: &ClusterValidation) -> bool {
    report.error.as_ref().is_none_or(|error| error.code == Code::ValidationFailed)
}

fn add(validation: &mut Validation, check: Check) {
    validation.passed &= check.passed;
    validation.checks.push(check);
}

fn as_check(validation: &Validation, report: &ClusterValidation) -> Check {
    let passed = report.checks.iter().filter(|check| check.passed).count();
    // What is kept of a copy has no list of checks.
    let target = if report.checks.is_empty() { "its checks".into() } else { format!("{passed} passed") };
    // Two engines that read the same rows have the same digest; if not, one of them reads something else.
    let agrees = |theirs: &Option<String>| theirs.as_ref().is_none_or(|theirs| *theirs == validation.digest);
    let same = agrees(&report.digest) && agrees(&report.expected_digest);
    let detail = match &report.error {
        Some(error) => error.to_string(),
        None if !same => "the cluster's digest is another than that of our reader".into(),
        None => String::new(),
    };
    Check {
        name: CheckKind::GreatExpectations.into(),
        passed: report.passed && same,
        source: format!("{} checks", report.checks.len()),
        target,
        detail,
    }
}

/// What the source's own metadata says of its rows, read here and not by the cluster.
#[derive(Debug)]
pub(crate) struct SourceRecords {
    by_manifests: RecordCounts,
    /// Where the manifests say another number than the cluster read.
    by_footers: Option<RecordCounts>,
}

impl SourceRecords {
    /// Without reading a row.
    pub async fn count(source: &Table, snapshot_id: Option<i64>, rows: Option<u64>) -> Result<Self> {
        let by_manifests = records::count(source, snapshot_id, Counted::ByManifests).await?;
        let by_footers = match rows {
            Some(rows) if !by_manifests.allow(rows) => {
                Some(records::count(source, snapshot_id, Counted::ByFooters).await?)
            }
            _ => None,
        };
        Ok(Self { by_manifests, by_footers })
    }
}

/// Its result, with one check of ours: both sides were read by the cluster's engine, at the pin, and it must have read as many
/// rows as the source's metadata says there are.
pub(crate) fn from_cluster(
    planned: &PlannedTable,
    target_snapshot_id: Option<i64>,
    report: Option<&ClusterValidation>,
    source: &SourceRecords,
) -> Validation {
    let mut validation = super::compare::nothing_yet(planned, target_snapshot_id, EngineKind::Photon);
    let Some(report) = report else {
        validation.error = Some(Error::new(Code::ValidationFailed, "the cluster did not come to the validation"));
        return validation;
    };
    validation.rows = report.expected_rows.unwrap_or(0);
    validation.digest = report.expected_digest.clone().unwrap_or_default();
    // Great Expectations counts the rows by itself, beside the measures: one answer twice is one answer.
    for check in report.checks.iter().filter(|check| !READ_BACK.contains(&check.name.kind)) {
        // Examples of values stay in the documents: a bundle goes to people who may not see the rows.
        let check = Check { detail: String::new(), ..check.clone() };
        if !validation.checks.contains(&check) {
            validation.checks.push(check);
        }
    }
    if let Some(rows) = report.expected_rows {
        let check = super::records::check_source(rows, &source.by_manifests, source.by_footers.as_ref());
        validation.checks.push(check);
        validation.source_records = Some(source.by_manifests.clone());
    }
    validation.milliseconds = report.milliseconds.unwrap_or(0);
    // Checks that did not pass speak for themselves.
    validation.error =
        report.error.clone().filter(|error| error.code != Code::ValidationFailed || report.checks.is_empty());
    validation.proof = super::proof(&validation.checks);
    validation.passed = report.passed
        && validation.error.is_none()
        && validation.proof >= ProofLevel::Digest
        && validation.checks.iter().all(|check| check.passed)
        && report.digest == report.expected_digest
        && report.rows == report.expected_rows;
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
            conversions: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn three() -> SourceRecords {
        SourceRecords { by_manifests: RecordCounts { data: 3, ..RecordCounts::default() }, by_footers: None }
    }

    fn check(name: &str, both: &str) -> Check {
        Check {
            name: name.parse().unwrap(),
            passed: true,
            source: both.into(),
            target: both.into(),
            detail: String::new(),
        }
    }

    fn report() -> ClusterValidation {
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
        let good = from_cluster(&planned(), Some(9), Some(&report()), &three());
        assert!(good.passed && good.proof == ProofLevel::Digest && good.read_by == EngineKind::Photon);
        assert_eq!((good.rows, good.checks.iter().filter(|check| check.name == CheckKind::Count).count()), (3, 1));
        let bad: [fn(&mut ClusterValidation); 5] = [
            |report| report.passed = false,
            |report| report.digest = Some("e".into()),
            |report| report.rows = None,
            |report| report.checks[4].passed = false,
            |report| report.error = Some(Error::new(Code::RunFailed, "gone")),
        ];
        for change in bad {
            let mut report = report();
            change(&mut report);
            assert!(!from_cluster(&planned(), Some(9), Some(&report), &three()).passed);
        }
        // A filter hides the same row from both sides: the cluster's own comparison cannot see that.
        let four = SourceRecords {
            by_manifests: RecordCounts { data: 4, ..RecordCounts::default() },
            by_footers: Some(RecordCounts { data: 4, ..RecordCounts::default() }),
        };
        let short = from_cluster(&planned(), Some(9), Some(&report()), &four);
        assert!(!short.passed);
        let records = short.checks.last().unwrap();
        assert!(!records.passed && records.detail.contains("3 rows where 4 are expected"), "{records:?}");
        let silent = from_cluster(&planned(), Some(9), None, &three());
        assert!(!silent.passed && silent.error.is_some());
    }

    #[test]
    fn what_a_cluster_had_found_is_not_forgotten_by_a_later_look() {
        let ours = || Validation {
            read_by: EngineKind::Embedded,
            ..from_cluster(&planned(), Some(9), Some(&report()), &three())
        };
        let failed = ClusterValidation {
            passed: false,
            checks: Vec::new(),
            error: Some(Error::new(Code::ValidationFailed, "unique:id")),
            ..report()
        };
        let gone = ClusterValidation { error: Some(Error::new(Code::RunFailed, "gone")), ..failed.clone() };
        for (report, passes) in [(&failed, false), (&gone, true), (&report(), true)] {
            let mut validation = ours();
            keep_checks(&mut validation, None, Some(report));
            assert_eq!(validation.passed, passes);
        }
    }

    #[test]
    fn beside_our_reader_its_word_must_agree() {
        let ours = || from_cluster(&planned(), Some(9), Some(&report()), &three());
        let with = |report: Option<&ClusterValidation>| {
            let mut validation = ours();
            add_checks(&mut validation, report);
            (validation.passed, validation.checks.last().map(|check| check.passed))
        };
        assert_eq!(with(Some(&report())), (true, Some(true)));
        // It never came: nothing differs, and nothing is proved.
        let gone = ClusterValidation { error: Some(Error::new(Code::RunFailed, "no such package")), ..report() };
        for silent in [None, Some(&gone)] {
            let mut validation = ours();
            add_checks(&mut validation, silent);
            assert!(!validation.passed && validation.error.is_some());
            assert!(validation.checks.iter().all(|check| check.name != CheckKind::GreatExpectations));
        }
        let other = ClusterValidation { digest: Some("e".into()), ..report() };
        assert_eq!(with(Some(&other)), (false, Some(false)));
    }
}

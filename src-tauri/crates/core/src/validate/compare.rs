//! One table's source and target compared, each read to its end.

use super::measure::{Measure, Measured, measure};
use super::proof::{READ_BACK, aggregates, check, proof};
use super::records;
use super::{bytes, columns, unique};
use crate::state::now;
use icebridge_lakehouse::Table;
use icebridge_model::check::CheckKind;
use icebridge_model::conversion::{converted, identifier};
use icebridge_model::photon::ClusterMethod;
use icebridge_model::plan::{CopyMode, EngineKind, PlannedTable};
use icebridge_model::run::CopyOutcome;
use icebridge_model::validation::{Check, Measurement, ProofLevel, Validation};
use icebridge_model::{Code, Error, Result};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What is compared.
pub struct Sides<'a> {
    pub planned: &'a PlannedTable,
    /// The source at its pinned metadata.
    pub source: &'a Table,
    pub target: &'a Table,
    /// What the copy made; of a clone, the checksum of each file as it was read.
    pub outcome: &'a CopyOutcome,
    /// The source, where the run has read it already.
    pub measured: Option<&'a Measured>,
    /// Comments come from Unity Catalog afterwards, and may then be others than those of the source's metadata.
    pub comments_carried: bool,
}

impl Sides<'_> {
    /// Clone and register keep snapshot ids; a rewritten table has one snapshot of its own.
    fn target_snapshot(&self) -> Option<i64> {
        match self.planned.mode {
            CopyMode::Register | CopyMode::Clone => self.planned.snapshot_id,
            CopyMode::Rewrite => self.target.metadata.current_snapshot_id,
        }
    }
}

pub struct Compared {
    pub validation: Validation,
    /// False where the comparison could not take place, so that the validation says nothing about the target: the source
    /// could not be read, or the target could not be reached.
    pub conclusive: bool,
}

/// A comparison that came to no end.
struct Unfinished {
    error: Error,
    conclusive: bool,
}

impl Unfinished {
    fn at_source(error: Error) -> Self {
        Self { error, conclusive: false }
    }
    fn at_target(error: Error) -> Self {
        Self { conclusive: error.code.is_damage(), error: error.at_target() }
    }
}

/// Validates one table. An error means cancelled; everything else that goes wrong is a validation that did not pass.
pub async fn compare(reader: &dyn Measure, sides: &Sides<'_>, cancel: &CancellationToken) -> Result<Compared> {
    let began = Instant::now();
    let mut validation = nothing_yet(sides.planned, sides.target_snapshot(), EngineKind::Embedded);
    let mut conclusive = true;
    if let Err(unfinished) = check_all(reader, sides, cancel, &mut validation).await {
        if unfinished.error.code == Code::Cancelled && cancel.is_cancelled() {
            return Err(unfinished.error);
        }
        // A difference that was seen stays one.
        conclusive = unfinished.conclusive || validation.checks.iter().any(|check| !check.passed);
        validation.error = Some(unfinished.error);
    }
    validation.proof = proof(&validation.checks);
    validation.passed = validation.error.is_none()
        && validation.proof >= ProofLevel::Digest
        && validation.checks.iter().all(|c| c.passed);
    let took = began.elapsed() + sides.measured.map_or(Duration::ZERO, |m| m.took);
    validation.milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Ok(Compared { validation, conclusive })
}

/// A validation that has compared nothing, and so did not pass.
pub(super) fn nothing_yet(planned: &PlannedTable, target_snapshot_id: Option<i64>, read_by: EngineKind) -> Validation {
    Validation {
        source: planned.source.clone(),
        target: planned.target.clone(),
        source_snapshot_id: planned.snapshot_id,
        target_snapshot_id,
        passed: false,
        proof: ProofLevel::None,
        read_by,
        rows: 0,
        digest: String::new(),
        conversions: planned.conversions.clone(),
        checks: Vec::new(),
        source_records: None,
        target_records: None,
        error: None,
        validated_at: now(),
        milliseconds: 0,
    }
}

fn kept(planned: &PlannedTable, comments_carried: bool) -> columns::Kept {
    columns::Kept {
        ids: planned.mode != CopyMode::Rewrite,
        comments: !comments_carried,
        // That one statement does not keep NOT NULL was accepted as a loss.
        nullability: planned.cluster.as_ref().is_none_or(|copy| copy.method != ClusterMethod::Ctas),
    }
}

/// Whether a table of Unity Catalog has the columns that its source has now, as its plan converts them.
pub(crate) fn columns_of(planned: &PlannedTable, source: &Table, target: &Table) -> Check {
    let read = |table: &Table| table.metadata.read_schema(table.metadata.current_snapshot_id).clone();
    columns::check(&converted(&read(source), &planned.conversions), &read(target), kept(planned, true))
}

async fn check_all(
    reader: &dyn Measure,
    sides: &Sides<'_>,
    cancel: &CancellationToken,
    validation: &mut Validation,
) -> Result<(), Unfinished> {
    let checks = &mut validation.checks;
    let conversions = &sides.planned.conversions;
    let source_schema = &converted(sides.source.metadata.read_schema(sides.planned.snapshot_id), conversions);
    let target_schema = sides.target.metadata.read_schema(validation.target_snapshot_id);
    checks.push(columns::check(source_schema, target_schema, kept(sides.planned, sides.comments_carried)));

    let source = async {
        match sides.measured {
            Some(measured) => Ok(measured.clone()),
            None => measure(reader, sides.source, sides.planned.snapshot_id, conversions, cancel).await,
        }
        .map_err(Unfinished::at_source)
    };
    let target = async {
        let measured = measure(reader, sides.target, validation.target_snapshot_id, &[], cancel).await;
        measured.map_err(Unfinished::at_target)
    };
    let (source, target) = tokio::try_join!(source, target)?;
    let (source, target) = (source.measurement, target.measurement);
    validation.source_records.clone_from(&source.records);
    validation.target_records.clone_from(&target.records);
    let checks = &mut validation.checks;

    validation.rows = source.rows;
    validation.digest.clone_from(&source.digest);
    checks.extend(rows_compared(&source, &target));
    checks.extend(records::check(&source, &target, sides.planned.mode));
    checks.extend(records::dangling(&source, &sides.planned.findings));
    if let Some(columns) = identifier(conversions) {
        let check = unique::check(sides.source, validation.source_snapshot_id, columns, validation.rows, cancel);
        validation.checks.push(check.await.map_err(Unfinished::at_source)?);
    }
    let checks = &mut validation.checks;
    if sides.planned.mode == CopyMode::Clone && !sides.outcome.checksums.is_empty() {
        checks.push(bytes::check(sides.target, sides.outcome, cancel).await.map_err(Unfinished::at_target)?);
    }
    Ok(())
}

/// The checks of two tables that shall be the same down to field ids.
pub(crate) fn checks_of(
    (source, measured): (&Table, &Measurement),
    (target, target_measured): (&Table, &Measurement),
) -> Vec<Check> {
    let kept = columns::Kept { ids: true, comments: true, nullability: true };
    let (from, to) = (source.metadata.current_schema(), target.metadata.current_schema());
    let mut checks = vec![columns::check(from, to, kept)];
    checks.extend(rows_compared(measured, target_measured));
    checks.extend(records::check(measured, target_measured, CopyMode::Clone));
    checks
}

/// Count, aggregates and digest of two measurements.
fn rows_compared(source: &Measurement, target: &Measurement) -> Vec<Check> {
    let mut checks = vec![check(CheckKind::Count, source.rows, target.rows, source.rows == target.rows)];
    checks.extend(aggregates(source, target));
    let is_same = source.digest == target.digest && !source.digest.is_empty();
    checks.push(check(CheckKind::Digest, &source.digest, &target.digest, is_same));
    checks
}

/// Why a table that was validated is not migrated; none if it is.
pub fn failure(validation: &Validation) -> Option<Error> {
    if validation.passed {
        return None;
    }
    let left = "The table stays in the target so that you can look at it, and does not count as migrated. If it was rewritten, here \
                or by a cluster and small enough to be read here, and nobody else has written to it, `icebridge sync --whole` brings it right, and `icebridge validate` \
                proves it. Any other one: drop it there, and run the plan again.";
    Some(match &validation.error {
        Some(error) => Error::new(Code::ValidationFailed, "source and target could not be compared to the end")
            .about(&validation.target)
            .with_cause(error.clone())
            .with_hint(match (error.code.is_damage(), &error.hint) {
                (true, Some(hint)) => format!("{hint} Until then the table does not count as migrated."),
                _ => "Mend the cause and resume the run: it compares again. Until then the table does not count as migrated.".into(),
            }),
        None => {
            let is_read_back = |check: &Check| READ_BACK.contains(&check.name.kind);
            let mut failed = validation.checks.iter().filter(|check| !check.passed).peekable();
            if failed.peek().is_none() {
                return Some(
                    Error::new(Code::ValidationFailed, "nothing of the table could be compared")
                        .about(&validation.target)
                        .with_hint("A table without columns or checks proves nothing. Leave it out of the mapping."),
                );
            }
            if failed.all(is_read_back) {
                return Some(
                    Error::new(Code::ValidationFailed, "another engine does not read what IceBridge read")
                        .about(&validation.target)
                        .with_hint(
                            "The check read-back, or target-read-back, shows what it found. Where these are the same, the engines \
                             differ about the source as well. Ask another one (--judge); until one agrees, the table does \
                             not count as migrated.",
                        ),
                );
            }
            let differing: Vec<String> =
                validation.checks.iter().filter(|c| !c.passed).map(|c| c.name.to_string()).collect();
            Error::new(Code::ValidationFailed, format!("the target is not the source: {} differ", differing.join(", ")))
                .about(&validation.target)
                .with_hint(left)
        }
    })
}

//! Compares a target with its source at the pinned snapshot, and says what that proves.
//!
//! Both sides are read by our own reader, which applies every kind of delete; nothing an engine or a catalog says about its
//! own copy counts. What could not be compared did not pass.

mod again;
mod bytes;
pub(crate) mod cluster;
mod columns;

pub use again::again;
#[cfg(test)]
pub(crate) use again::again_on;

use crate::run::Ground;
use crate::state::now;
use icebridge_lakehouse::Table;
use icebridge_model::photon::ClusterMethod;
use icebridge_model::plan::{CopyMode, EngineKind, PlannedTable};
use icebridge_model::run::CopyOutcome;
use icebridge_model::validation::{Check, ColumnMeasure, Measurement, ProofLevel, Validation};
use icebridge_model::{Code, Error, Result};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// What is compared.
pub struct Pair<'a> {
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

/// One side, read to its end.
#[derive(Clone, Debug)]
pub struct Measured {
    measurement: Measurement,
    took: Duration,
}

/// Reads a table at a snapshot through the delete-aware reader.
pub async fn measure(
    ground: &dyn Ground,
    table: &Table,
    snapshot_id: Option<i64>,
    cancel: &CancellationToken,
) -> Result<Measured> {
    let began = Instant::now();
    let measurement = ground.measure(table, snapshot_id, cancel, &|_: u64| {}).await?;
    Ok(Measured { measurement, took: began.elapsed() })
}

impl Pair<'_> {
    /// Clone and register keep snapshot ids; a rewritten table has one snapshot of its own.
    fn target_snapshot(&self) -> Option<i64> {
        match self.planned.mode {
            CopyMode::Register | CopyMode::Clone => self.planned.snapshot_id,
            CopyMode::Rewrite => self.target.metadata.current_snapshot_id,
        }
    }
}

/// A validation that has compared nothing, and so did not pass.
fn nothing_yet(planned: &PlannedTable, target_snapshot_id: Option<i64>, read_by: EngineKind) -> Validation {
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
        checks: Vec::new(),
        error: None,
        validated_at: now(),
        milliseconds: 0,
    }
}

/// Validates one table. An error means cancelled; everything else that goes wrong is a validation that did not pass.
pub async fn pair(ground: &dyn Ground, pair: &Pair<'_>, cancel: &CancellationToken) -> Result<Validation> {
    let began = Instant::now();
    let mut validation = nothing_yet(pair.planned, pair.target_snapshot(), EngineKind::Embedded);
    if let Err(error) = compare(ground, pair, cancel, &mut validation).await {
        if error.code == Code::Cancelled && cancel.is_cancelled() {
            return Err(error);
        }
        validation.error = Some(error);
    }
    validation.proof = proof(&validation.checks);
    validation.passed = validation.error.is_none()
        && validation.proof >= ProofLevel::Digest
        && validation.checks.iter().all(|c| c.passed);
    let took = began.elapsed() + pair.measured.map_or(Duration::ZERO, |m| m.took);
    validation.milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Ok(validation)
}

/// Why a table that was validated is not migrated; none if it is.
pub fn failure(validation: &Validation) -> Option<Error> {
    if validation.passed {
        return None;
    }
    let left = "The table stays in the target so that you can look at it, and does not count as migrated. \
                Drop it there before you run the plan again.";
    Some(match &validation.error {
        Some(error) => Error::new(Code::ValidationFailed, "source and target could not be compared to the end")
            .about(&validation.target)
            .with_cause(error.clone())
            .with_hint("Mend the cause and resume the run: it compares again. Until then the table does not count as migrated."),
        None => {
            let differing: Vec<&str> =
                validation.checks.iter().filter(|c| !c.passed).map(|c| c.name.as_str()).collect();
            Error::new(Code::ValidationFailed, format!("the target is not the source: {} differ", differing.join(", ")))
                .about(&validation.target)
                .with_hint(left)
        }
    })
}

async fn compare(
    ground: &dyn Ground,
    pair: &Pair<'_>,
    cancel: &CancellationToken,
    validation: &mut Validation,
) -> Result<()> {
    let checks = &mut validation.checks;
    let source_schema = pair.source.metadata.read_schema(pair.planned.snapshot_id);
    let target_schema = pair.target.metadata.read_schema(validation.target_snapshot_id);
    let kept = columns::Kept {
        ids: pair.planned.mode != CopyMode::Rewrite,
        comments: !pair.comments_carried,
        // That one statement does not keep NOT NULL was accepted as a loss.
        nullability: pair.planned.cluster.as_ref().is_none_or(|copy| copy.method != ClusterMethod::Ctas),
    };
    checks.push(columns::check(source_schema, target_schema, kept));

    let source = async {
        match pair.measured {
            Some(measured) => Ok(measured.clone()),
            None => measure(ground, pair.source, pair.planned.snapshot_id, cancel).await,
        }
    };
    let target = measure(ground, pair.target, validation.target_snapshot_id, cancel);
    let (source, target) = tokio::try_join!(source, target)?;
    let (source, target) = (source.measurement, target.measurement);
    validation.rows = source.rows;
    validation.digest.clone_from(&source.digest);
    checks.push(check("count", source.rows, target.rows, source.rows == target.rows));
    checks.extend(aggregates(&source, &target));
    checks.push(check(
        "digest",
        &source.digest,
        &target.digest,
        source.digest == target.digest && !source.digest.is_empty(),
    ));
    if pair.planned.mode == CopyMode::Clone && !pair.outcome.checksums.is_empty() {
        checks.push(bytes::check(pair.target, pair.outcome, cancel).await?);
    }
    Ok(())
}

/// The highest level reached without a gap.
pub(crate) fn proof(checks: &[Check]) -> ProofLevel {
    let holds = |kind: &str| {
        let mut of_kind = checks.iter().filter(|c| c.name.split(':').next() == Some(kind)).peekable();
        of_kind.peek().is_some() && of_kind.all(|c| c.passed)
    };
    let levels = [
        ("schema", ProofLevel::Schema),
        ("count", ProofLevel::Count),
        ("aggregates", ProofLevel::Aggregates),
        ("digest", ProofLevel::Digest),
        ("bytes", ProofLevel::Bytes),
    ];
    levels.iter().take_while(|(kind, _)| holds(kind)).last().map_or(ProofLevel::None, |(_, level)| *level)
}

fn check(name: &str, source: impl ToString, target: impl ToString, passed: bool) -> Check {
    Check { name: name.into(), passed, source: source.to_string(), target: target.to_string(), detail: String::new() }
}

/// One check a column of either side.
fn aggregates(source: &Measurement, target: &Measurement) -> Vec<Check> {
    let missing = || "no such column".to_string();
    let mut checks: Vec<Check> = source
        .columns
        .iter()
        .map(|column| {
            let other = target.columns.iter().find(|c| c.name == column.name);
            let name = format!("aggregates:{}", column.name);
            check(&name, words(column), other.map_or_else(missing, words), other == Some(column))
        })
        .collect();
    let added = target.columns.iter().filter(|c| source.columns.iter().all(|s| s.name != c.name));
    checks.extend(added.map(|c| check(&format!("aggregates:{}", c.name), missing(), words(c), false)));
    checks
}

fn words(column: &ColumnMeasure) -> String {
    let mut words = format!("{}; {} null", column.column_type, column.nulls);
    if column.nans > 0 {
        words += &format!(", {} NaN", column.nans);
    }
    for (name, value) in [("least", &column.least), ("greatest", &column.greatest), ("sum", &column.sum)] {
        if let Some(value) = value {
            words += &format!(", {name} {value}");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(passed: &[(&str, bool)]) -> Vec<Check> {
        passed.iter().map(|(name, passed)| check(name, 1, 1, *passed)).collect()
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
        };
        let found = aggregates(&side(&["a", "b"]), &side(&["a", "c"]));
        let failed: Vec<&str> = found.iter().filter(|c| !c.passed).map(|c| c.name.as_str()).collect();
        assert_eq!(failed, ["aggregates:b", "aggregates:c"]);
    }
}

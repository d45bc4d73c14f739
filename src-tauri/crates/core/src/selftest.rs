//! The validation tried on itself: copies of a scratch table with a defect each, compared by the very checks of a run.

use crate::validate;
use icebridge_lakehouse::selftest::{self, Planted};
use icebridge_lakehouse::{Table, digest};
use icebridge_model::check::CheckKind;
use icebridge_model::selftest::{DefectSeen, SelftestReport, SoundCopy};
use icebridge_model::validation::{Check, Measurement};
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Plants every defect into a copy of its own, in a folder that is removed afterwards.
pub async fn run() -> Result<SelftestReport> {
    let folder = tempfile::Builder::new().prefix("icebridge-selftest-").tempdir().map_err(|e| {
        Error::new(Code::StorageFailed, "the folder for temporary files cannot be used")
            .about(std::env::temp_dir().display())
            .with_hint("Choose another one by TMPDIR (TMP on Windows), and try again.")
            .with_cause(e)
    })?;
    let source = Side::read(selftest::source(folder.path())?).await?;
    let mut report = SelftestReport { passed: true, ..SelftestReport::default() };
    for Planted { name, promised, table } in selftest::copies(folder.path())? {
        let copy = Side::read(table).await?;
        let checks = validate::checks_of((&source.table, &source.measured), (&copy.table, &copy.measured));
        let failed = |kind: CheckKind| checks.iter().any(|check| check.name.kind == kind && !check.passed);
        match promised {
            None => {
                let alarms = alarms(&checks);
                report.passed &= alarms.is_empty();
                report.sound.push(SoundCopy { name: name.to_string(), alarms });
            }
            Some(promised) => {
                let seen = DefectSeen {
                    name: name.to_string(),
                    promised,
                    proved: validate::proof(&checks),
                    schema: failed(CheckKind::Schema),
                    count: failed(CheckKind::Count),
                    aggregates: failed(CheckKind::Aggregates),
                    digest: failed(CheckKind::Digest),
                    records: failed(CheckKind::Records),
                    except: source.distinct != copy.distinct,
                };
                report.passed &= seen.is_seen();
                report.defects.push(seen);
            }
        }
    }
    Ok(report)
}

fn alarms(checks: &[Check]) -> Vec<String> {
    checks.iter().filter(|check| !check.passed).map(|check| check.name.to_string()).collect()
}

struct Side {
    table: Table,
    measured: Measurement,
    distinct: BTreeSet<Vec<u8>>,
}

impl Side {
    async fn read(table: Table) -> Result<Self> {
        let snapshot = table.metadata.current_snapshot_id;
        let measured = digest::measure(&table, snapshot, &CancellationToken::new(), &|_| {}).await?;
        let distinct = selftest::distinct_rows(&table).await?;
        Ok(Self { table, measured, distinct })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_defect_is_seen_by_the_level_that_promises_it_and_sound_copies_pass() {
        let report = run().await.unwrap();
        let unseen: Vec<_> = report.defects.iter().filter(|defect| !defect.is_seen()).collect();
        assert!(unseen.is_empty(), "{unseen:#?}");
        let alarmed: Vec<_> = report.sound.iter().filter(|copy| !copy.alarms.is_empty()).collect();
        assert!(alarmed.is_empty(), "{alarmed:#?}");
        assert!(report.passed && report.defects.len() >= 50, "{}", report.defects.len());
        // What others compare by misses some, or the defects are too easy.
        assert!(report.defects.iter().any(|defect| !defect.except && defect.digest));
        assert!(report.defects.iter().filter(|defect| defect.digest && !defect.aggregates).count() > 15);
    }
}

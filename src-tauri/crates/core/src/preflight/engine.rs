//! Who copies a table, this process or a cluster, in which mode, and why.

use super::mode::{self, Chosen};
use super::subject::Target;
use icebridge_model::facts::TableFacts;
use icebridge_model::finding::{Finding, Verdict};
use icebridge_model::plan::{CopyMode, EngineKind, Settings};

/// Who copies, in which mode, and why. `findings` are those of an engine and a mode.
pub(super) fn choose(
    target: &Target,
    settings: &Settings,
    facts: Option<&TableFacts>,
    findings: impl Fn(EngineKind, CopyMode) -> Vec<Finding>,
) -> (Chosen, EngineKind, String) {
    let by = |engine| mode::choose(target, settings, |mode| findings(engine, mode));
    let reason_of = |reason: &str| match (&target.clusters, facts) {
        (Some(clusters), Some(facts)) => {
            format!("{reason}; {}; {}", clusters.method(facts).1, clusters.settings.way())
        }
        _ => reason.to_string(),
    };
    match (settings.engine, &settings.photon) {
        (Some(EngineKind::Embedded), _) => {
            return (by(EngineKind::Embedded), EngineKind::Embedded, "embedded was asked for".into());
        }
        (Some(EngineKind::Photon), _) => {
            return (by(EngineKind::Photon), EngineKind::Photon, reason_of("photon was asked for"));
        }
        (None, None) => return (by(EngineKind::Embedded), EngineKind::Embedded, String::new()),
        (None, Some(_)) => {}
    }
    let here = by(EngineKind::Embedded);
    let Some(clusters) = &target.clusters else {
        return (here, EngineKind::Embedded, "only Unity Catalog has clusters".into());
    };
    let Some(facts) = facts else { return (here, EngineKind::Embedded, String::new()) };
    let there = by(EngineKind::Photon);
    let (bytes, limit) = (facts.files.data_bytes, clusters.settings.use_above_bytes);
    let large = bytes > limit;
    let size =
        format!("its {} are {} than {}", in_units(bytes), if large { "more" } else { "no more" }, in_units(limit));
    match (large, blockers(&here.findings), blockers(&there.findings)) {
        (true, _, None) => (there, EngineKind::Photon, reason_of(&size)),
        (true, None, Some(codes)) => {
            (here, EngineKind::Embedded, format!("{size}, but a cluster's copy is blocked by {codes}"))
        }
        (false, Some(codes), None) => {
            (there, EngineKind::Photon, reason_of(&format!("the embedded engine's copy is blocked by {codes}")))
        }
        (false, None, None) if only_here(&here.findings, &there.findings).is_some() => {
            let codes = only_here(&here.findings, &there.findings).unwrap_or_default();
            let why = format!("what {codes} says of the Iceberg endpoint does not hold for a cluster");
            (there, EngineKind::Photon, reason_of(&why))
        }
        (_, _, _) => (here, EngineKind::Embedded, size),
    }
}

/// To a tenth of the unit.
fn in_units(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => format!("{}.{} {unit}", bytes >> shift, ((u128::from(bytes) * 10) >> shift) % 10),
        None => format!("{bytes} bytes"),
    }
}

/// What has to be converted over the Iceberg endpoint, and not on a cluster.
fn only_here(here: &[Finding], there: &[Finding]) -> Option<String> {
    let codes: Vec<&str> = here
        .iter()
        .filter(|f| f.way.is_some() && !there.iter().any(|other| other.code == f.code))
        .map(|f| f.code.as_ref())
        .collect();
    (!codes.is_empty()).then(|| codes.join(", "))
}

fn blockers(findings: &[Finding]) -> Option<String> {
    let codes: Vec<&str> = findings.iter().filter(|f| f.verdict == Verdict::Blocks).map(|f| f.code.as_ref()).collect();
    (!codes.is_empty()).then(|| codes.join(", "))
}

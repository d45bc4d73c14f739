//! Bundles of earlier versions, and what the summary has told since.

use super::export::export;
use super::verify::{Expected, verify};
use crate::migration::tests::fixture::Fixture;
use flate2::read::GzDecoder;
use icebridge_model::audit::{BUNDLE_VERSION, BundleManifest};
use icebridge_model::validation::ProofLevel;

/// Exported by programs that knew no later version: two tables, rewritten.
const VERSION_3: &[u8] = include_bytes!("../../../../../tests/fixtures/bundle-version-3.tar.gz");
const VERSION_4: &[u8] = include_bytes!("../../../../../tests/fixtures/bundle-version-4.tar.gz");

async fn is_intact_and_not_when_changed(version: u32, packed: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    tar::Archive::new(GzDecoder::new(packed)).unpack(folder.path()).unwrap();
    let bundle = folder.path().join(format!("bundle-version-{version}"));
    let verdict = verify(&bundle, &Expected::default()).await.unwrap();
    let failed: Vec<&str> = verdict.checks.iter().filter(|c| !c.passed).map(|c| c.name.as_str()).collect();
    // There was no keychain.
    assert_eq!((failed, verdict.tables, verdict.migrated), (vec![], 2, 2), "{verdict:#?}");
    assert_eq!(verdict.lowest_proof, ProofLevel::Digest);
    let summary = bundle.join("summary.md");
    let text = std::fs::read_to_string(&summary).unwrap();
    std::fs::write(&summary, text.replace("All 2", "All 3")).unwrap();
    assert!(!verify(&bundle, &Expected::default()).await.unwrap().intact);
    text
}

#[tokio::test]
async fn bundles_of_earlier_versions_are_still_intact_and_not_when_changed() {
    let third = is_intact_and_not_when_changed(3, VERSION_3).await;
    assert!(!third.contains("As a change"));
    let fourth = is_intact_and_not_when_changed(4, VERSION_4).await;
    assert!(fourth.contains("As a change") && fourth.contains("CHG42") && !fourth.contains("Values of rows"));
}

#[tokio::test]
async fn the_summary_tells_the_run_as_a_change() {
    let fixture = Fixture::new().await;
    fixture.run(&fixture.plan()).await;
    let path = fixture.dir.path().join("bundle");
    export(&fixture.local, "", Some(&path)).await.unwrap();
    let manifest: BundleManifest = serde_json::from_slice(&std::fs::read(path.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest.bundle_version, BUNDLE_VERSION);
    let text = std::fs::read_to_string(path.join("summary.md")).unwrap();
    let (_, section) = text.split_once("## As a change").unwrap();
    let words: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    assert_eq!(words[2..8], ["Recorded", "Tested", "Assessed", "Approved", "Implemented", "Verified"], "{section}");
    for told in ["Without a change number", "Not rehearsed.", "The plan asks for no approval.", "each at level"] {
        assert!(section.contains(told), "{told}: {section}");
    }
}

//! Verifies a bundle: offline, and trusting nothing in it.

use super::approvals;
use super::bundle::Bundle;
use super::evidence::{Environment, TableEvidence, file_name, lowest_proof, migrated};
use super::found::{Checks, Found, some_of};
use super::report::Report;
use super::summary;
use super::{
    APPROVALS, ENVIRONMENT, JOURNAL, MANIFEST, PLAN, SIGNATURE, SUMMARY_HTML, SUMMARY_MD, TABLES, journal_check,
    signature, strict, table_check,
};
use crate::ledger::RunHistory;
use icebridge_model::audit::{AuditVerdict, BUNDLE_VERSION, BundleManifest, OLDEST_BUNDLE_VERSION};
use icebridge_model::plan::Plan;
use icebridge_model::{Code, Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// What a person knows of the bundle from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The public key that has signed it, Base64.
    pub key: Option<String>,
    /// SHA-256 of its manifest.
    pub sha256: Option<String>,
}

/// Every check is made and reported, also after one failed. An error means that there is nothing to check: no bundle, or one of
/// a version that is not known.
pub async fn verify(path: &Path, expected: &Expected) -> Result<AuditVerdict> {
    let (path, expected) = (path.to_path_buf(), expected.clone());
    tokio::task::spawn_blocking(move || check(&path, &expected))
        .await
        .map_err(|e| Error::internal("the verification panicked").with_cause(e))?
}

/// What a bundle says of itself.
pub fn manifest(path: &Path) -> Result<BundleManifest> {
    opened(path).map(|(_, manifest, _)| manifest)
}

fn opened(path: &Path) -> Result<(Bundle, BundleManifest, Vec<u8>)> {
    let no_bundle = |why: String| {
        Error::new(Code::BundleBroken, "this is no audit bundle")
            .about(path.display())
            .with_cause_text(why)
            .with_hint("Name the file that the export wrote, or the folder that holds manifest.json.")
    };
    let mut bundle = Bundle::open(path).map_err(no_bundle)?;
    let text = bundle.read(MANIFEST).map_err(no_bundle)?;
    let manifest: BundleManifest = serde_json::from_slice(&text).map_err(|e| no_bundle(e.to_string()))?;
    if !(OLDEST_BUNDLE_VERSION..=BUNDLE_VERSION).contains(&manifest.bundle_version) {
        return Err(Error::new(Code::BundleBroken, format!("bundle version {} is not known", manifest.bundle_version))
            .about(path.display())
            .with_hint(format!(
                "This IceBridge verifies bundle versions {OLDEST_BUNDLE_VERSION} to {BUNDLE_VERSION}."
            )));
    }
    Ok((bundle, manifest, text))
}

fn check(path: &Path, expected: &Expected) -> Result<AuditVerdict> {
    let (mut bundle, manifest, text) = opened(path)?;
    let bundle = &mut bundle;
    let sha256 = hex::encode(Sha256::digest(&text));
    let mut checks = Checks::default();
    checks.add("manifest", manifest_text(&text, &manifest, &sha256, expected));
    checks.add("signature", signature::check(bundle, &manifest, &sha256, expected.key.as_deref()));
    checks.add("files", files(bundle, &manifest));
    let plan = checks.add("plan", plan(bundle, &manifest));
    let journal = checks.add("journal", journal_check::follow(bundle, &manifest));
    let tables = plan.as_ref().and_then(|plan| checks.add("tables", tables(bundle, plan)));
    if let (Some(plan), Some(history), Some(tables)) = (&plan, &journal, &tables) {
        checks.add("run", journal_check::run(&manifest, plan, history));
        checks.add("approvals", approvals::check(bundle, &manifest, plan, history));
        for (name, problem) in table_check::all(plan, history, tables) {
            checks.add(name, problem);
        }
        checks.add("totals", totals(&manifest, tables));
        let report = Report {
            bundle_version: manifest.bundle_version,
            run_id: &manifest.run_id,
            plan,
            history,
            tables,
            journal_entries: manifest.journal_entries,
            journal_head: &manifest.journal_head,
        };
        checks.add("summary", summaries(bundle, &report));
    }
    checks.add("environment", environment(bundle, &manifest, plan.as_ref(), journal.as_ref()));

    // What is counted is what the evidence says, not what the manifest claims.
    let tables = tables.unwrap_or_default();
    Ok(AuditVerdict {
        path: path.display().to_string(),
        sha256,
        intact: checks.list.iter().all(|c| c.passed),
        tables: tables.len(),
        migrated: migrated(&tables),
        lowest_proof: lowest_proof(&tables),
        checks: checks.list,
    })
}

fn manifest_text(text: &[u8], manifest: &BundleManifest, sha256: &str, expected: &Expected) -> Found<()> {
    strict::in_layout(text, manifest)?;
    match &expected.sha256 {
        Some(wanted) if !wanted.trim().eq_ignore_ascii_case(sha256) => {
            Err(format!("its SHA-256 is {sha256}, not the expected one"))
        }
        Some(_) => Ok(((), format!("its SHA-256 is the expected one, {sha256}"))),
        None => Ok(((), format!("its SHA-256 is {sha256}"))),
    }
}

/// All that a bundle has beside its manifest, its signature and its tables.
const FILES: [&str; 6] = [PLAN, JOURNAL, APPROVALS, ENVIRONMENT, SUMMARY_MD, SUMMARY_HTML];

/// Every listed file is there and is what it was; nothing else is there.
fn files(bundle: &mut Bundle, manifest: &BundleManifest) -> Found<()> {
    let mut problems = Vec::new();
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for file in &manifest.files {
        if !listed.insert(&file.path) {
            problems.push(format!("{} is listed twice", file.path));
            continue;
        }
        // What lies below tables/ is compared with the plan's tables.
        let is_ours = FILES.contains(&file.path.as_str()) || file.path.starts_with(&format!("{TABLES}/"));
        if !is_ours {
            problems.push(format!("{:?} is no file of a bundle", file.path));
            continue;
        }
        problems.extend(bundle.compare(file).err().map(|e| format!("{}: {e}", file.path)));
    }
    for needed in FILES {
        if needed != APPROVALS && !listed.contains(needed) {
            problems.push(format!("{needed} is not in the manifest"));
        }
    }
    let there = bundle.names()?;
    let extra = there.iter().filter(|p| *p != MANIFEST && *p != SIGNATURE && !listed.contains(p.as_str()));
    problems.extend(extra.map(|p| format!("{p} is not in the manifest")));
    if problems.is_empty() {
        Ok(((), format!("{} files have the SHA-256 of the manifest, and there are no others", manifest.files.len())))
    } else {
        Err(some_of(problems))
    }
}

fn plan(bundle: &mut Bundle, manifest: &BundleManifest) -> Found<Plan> {
    let text = String::from_utf8(bundle.read(PLAN)?).map_err(|e| e.to_string())?;
    let plan = Plan::from_text(&text).map_err(|e| e.to_string())?;
    strict::in_layout(text.as_bytes(), &plan)?;
    if plan.hash != manifest.plan_hash {
        return Err("it is another plan than the manifest names".into());
    }
    let unaccepted: Vec<String> = super::evidence::losses(&plan)
        .filter(|(_, f)| !f.accepted)
        .map(|(t, f)| format!("{} of {} was not accepted", f.code, t.source))
        .collect();
    if !unaccepted.is_empty() {
        return Err(some_of(unaccepted));
    }
    let detail = format!("its hash holds; {} tables, and every loss was accepted", plan.tables.len());
    Ok((plan, detail))
}

/// One file for each table of the plan, under the name that follows from the plan.
fn tables(bundle: &mut Bundle, plan: &Plan) -> Found<Vec<TableEvidence>> {
    let mut tables = Vec::with_capacity(plan.tables.len());
    let mut names = BTreeSet::new();
    for (index, planned) in plan.tables.iter().enumerate() {
        let name = format!("{TABLES}/{}", file_name(index, planned));
        let evidence: TableEvidence = strict::read(bundle, &name).map_err(|e| format!("{name}: {e}"))?;
        tables.push(evidence);
        names.insert(name);
    }
    let there = bundle.names()?;
    let stray = there.iter().filter(|p| p.starts_with(TABLES) && !names.contains(p.as_str()));
    let stray: Vec<String> = stray.map(|p| format!("{p} belongs to no table of the plan")).collect();
    if !stray.is_empty() {
        return Err(some_of(stray));
    }
    let detail = format!("evidence for each of the plan's {} tables", tables.len());
    Ok((tables, detail))
}

fn totals(manifest: &BundleManifest, tables: &[TableEvidence]) -> Found<()> {
    let is = (tables.len(), migrated(tables), lowest_proof(tables));
    if is != (manifest.tables, manifest.migrated, manifest.lowest_proof) {
        return Err("the manifest's totals are not those of the tables".into());
    }
    Ok(((), format!("{} of {} tables migrated, lowest proof {}", is.1, is.0, is.2.as_str())))
}

fn summaries(bundle: &mut Bundle, report: &Report<'_>) -> Found<()> {
    for (name, expected) in [(SUMMARY_MD, summary::markdown(report)), (SUMMARY_HTML, summary::html(report))] {
        if bundle.read(name).map_err(|e| format!("{name}: {e}"))? != expected.into_bytes() {
            return Err(format!("{name} differs from the evidence"));
        }
    }
    Ok(((), "the summaries agree with the evidence".into()))
}

fn environment(
    bundle: &mut Bundle,
    manifest: &BundleManifest,
    plan: Option<&Plan>,
    history: Option<&RunHistory>,
) -> Found<()> {
    let environment: Environment = strict::read(bundle, ENVIRONMENT)?;
    // Runs of earlier versions did not write their catalogs down.
    let started = history.and_then(|history| history.started.as_ref()).filter(|started| !started.catalogs.is_empty());
    if started.is_some_and(|started| started.catalogs != environment.catalogs) {
        return Err("it names other catalogs than the run".into());
    }
    if environment.product_version != manifest.product_version {
        return Err("it names another version of the program than the manifest".into());
    }
    if plan.is_some_and(|p| p.settings != environment.settings) {
        return Err("it names other settings than the plan".into());
    }
    Ok(((), format!("{} {}", environment.product, environment.product_version)))
}

//! Verifies a bundle: offline, and trusting nothing in it.

use super::evidence::{Environment, TableEvidence, file_name, lowest_proof, migrated};
use super::folder::{self, contents, inside};
use super::found::{Checks, Found, some_of};
use super::summary::{self, Report};
use super::{ENVIRONMENT, JOURNAL, MANIFEST, PLAN, SUMMARY_HTML, SUMMARY_MD, TABLES, journal_check, table_check};
use icebridge_model::audit::{AuditVerdict, BUNDLE_VERSION, BundleManifest};
use icebridge_model::plan::Plan;
use icebridge_model::{Code, Error, Result};
use std::collections::BTreeSet;
use std::path::Path;

/// Every check is made and reported, also after one failed. An error means that there is nothing to check: no bundle, or one of
/// a version that is not known.
pub async fn verify(path: &Path) -> Result<AuditVerdict> {
    let path = path.to_path_buf();
    tokio::task::spawn_blocking(move || verify_folder(&path))
        .await
        .map_err(|e| Error::internal("the verification panicked").with_cause(e))?
}

fn verify_folder(path: &Path) -> Result<AuditVerdict> {
    let no_bundle = |why: String| {
        Error::new(Code::BundleBroken, "this is no audit bundle")
            .about(path.display())
            .with_cause_text(why)
            .with_hint("Name the folder that holds manifest.json.")
    };
    let manifest: BundleManifest = folder::read_json(&path.join(MANIFEST)).map_err(no_bundle)?;
    if manifest.bundle_version != BUNDLE_VERSION {
        return Err(Error::new(Code::BundleBroken, format!("bundle version {} is not known", manifest.bundle_version))
            .about(path.display())
            .with_hint(format!("This IceBridge verifies bundle version {BUNDLE_VERSION}.")));
    }
    let mut checks = Checks::default();
    checks.add("files", files(path, &manifest));
    let plan = checks.add("plan", plan(path, &manifest));
    let journal = checks.add("journal", journal_check::follow(&path.join(JOURNAL), &manifest));
    let tables = plan.as_ref().and_then(|plan| checks.add("tables", tables(path, plan)));
    if let (Some(plan), Some(history), Some(tables)) = (&plan, &journal, &tables) {
        checks.add("run", journal_check::run(&manifest, plan, history));
        for (name, problem) in table_check::all(plan, history, tables) {
            checks.add(name, problem);
        }
        checks.add("totals", totals(&manifest, tables));
        let report = Report {
            run_id: &manifest.run_id,
            plan,
            history,
            tables,
            journal_entries: manifest.journal_entries,
            journal_head: &manifest.journal_head,
        };
        checks.add("summary", summaries(path, &report));
    }
    checks.add("environment", environment(path, &manifest, plan.as_ref()));

    // What is counted is what the evidence says, not what the manifest claims.
    let tables = tables.unwrap_or_default();
    Ok(AuditVerdict {
        path: path.display().to_string(),
        intact: checks.list.iter().all(|c| c.passed),
        tables: tables.len(),
        migrated: migrated(&tables),
        lowest_proof: lowest_proof(&tables),
        checks: checks.list,
    })
}

/// Every listed file is there and is what it was; nothing else is there.
fn files(path: &Path, manifest: &BundleManifest) -> Found<()> {
    let mut problems = Vec::new();
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for file in &manifest.files {
        if !listed.insert(&file.path) {
            problems.push(format!("{} is listed twice", file.path));
            continue;
        }
        match inside(path, &file.path).and_then(|p| folder::sum(&p).map_err(|e| format!("{}: {e}", file.path))) {
            Err(why) => problems.push(why),
            Ok((bytes, _)) if bytes != file.bytes => problems.push(format!("{} has another size", file.path)),
            Ok((_, sha256)) if sha256 != file.sha256 => problems.push(format!("{} was changed", file.path)),
            Ok(_) => {}
        }
    }
    for needed in [PLAN, JOURNAL, ENVIRONMENT, SUMMARY_MD, SUMMARY_HTML] {
        if !listed.contains(needed) {
            problems.push(format!("{needed} is not in the manifest"));
        }
    }
    let there = contents(path, TABLES).map_err(|e| format!("the folder cannot be listed: {e}"))?;
    let extra = there.iter().filter(|p| *p != MANIFEST && !listed.contains(p.as_str()));
    problems.extend(extra.map(|p| format!("{p} is not in the manifest")));
    if problems.is_empty() {
        Ok(((), format!("{} files have the SHA-256 of the manifest, and there are no others", manifest.files.len())))
    } else {
        Err(some_of(problems))
    }
}

fn plan(path: &Path, manifest: &BundleManifest) -> Found<Plan> {
    let text = String::from_utf8(folder::read(&path.join(PLAN))?).map_err(|e| e.to_string())?;
    let plan = Plan::from_text(&text).map_err(|e| e.to_string())?;
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
fn tables(path: &Path, plan: &Plan) -> Found<Vec<TableEvidence>> {
    let mut tables = Vec::with_capacity(plan.tables.len());
    let mut names = BTreeSet::new();
    for (index, planned) in plan.tables.iter().enumerate() {
        let name = file_name(index, planned);
        let evidence: TableEvidence =
            folder::read_json(&path.join(TABLES).join(&name)).map_err(|e| format!("{TABLES}/{name}: {e}"))?;
        tables.push(evidence);
        names.insert(format!("{TABLES}/{name}"));
    }
    let there = contents(path, TABLES).map_err(|e| format!("the folder cannot be listed: {e}"))?;
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

fn summaries(path: &Path, report: &Report<'_>) -> Found<()> {
    for (name, expected) in [(SUMMARY_MD, summary::markdown(report)), (SUMMARY_HTML, summary::html(report))] {
        if folder::read(&path.join(name)).map_err(|e| format!("{name}: {e}"))? != expected.into_bytes() {
            return Err(format!("{name} differs from the evidence"));
        }
    }
    Ok(((), "the summaries agree with the evidence".into()))
}

fn environment(path: &Path, manifest: &BundleManifest, plan: Option<&Plan>) -> Found<()> {
    let environment: Environment = folder::read_json(&path.join(ENVIRONMENT))?;
    if environment.product_version != manifest.product_version {
        return Err("it names another version of the program than the manifest".into());
    }
    if plan.is_some_and(|p| p.settings != environment.settings) {
        return Err("it names other settings than the plan".into());
    }
    Ok(((), format!("{} {}", environment.product, environment.product_version)))
}

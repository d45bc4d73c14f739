//! Writes the bundle of a run. It appears under its name when it is whole, never before.

use super::approvals;
use super::archive;
use super::evidence::{Environment, TableEvidence, file_name, lowest_proof, migrated};
use super::folder::{Summed, pretty, write, write_failure};
use super::report::Report;
use super::signature::{self, Signature};
use super::summary;
use super::{APPROVALS, ENVIRONMENT, JOURNAL, MANIFEST, PLAN, SIGNATURE, SUMMARY_HTML, SUMMARY_MD, TABLES};
use crate::LocalState;
use crate::ledger::{RunHistory, SumOfSums, plan_of};
use crate::migration;
use crate::signing::SigningKey;
use crate::state::now;
use icebridge_metrics::Stage;
use icebridge_model::audit::{AuditBundle, AuditKey, BUNDLE_VERSION, BundleManifest};
use icebridge_model::journal::{GENESIS, canonical};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{CopyOutcome, FileSum, RunState};
use icebridge_model::{Code, Error, Result};
use icebridge_store::{AUDIT_EXPORTED, RunRecord};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Exports a run (empty: the latest) to what must not be there yet: one file where the name ends with `.zip`, a folder
/// otherwise; none: a file in the state folder.
#[tracing::instrument(name = "export", skip_all, fields(run))]
pub async fn export(local: &LocalState, run_id: &str, path: Option<&Path>) -> Result<AuditBundle> {
    let _at_work = local.metrics.stage(Stage::Audit);
    local.store.check_journal().await?;
    let view = migration::view(local, run_id).await?;
    tracing::Span::current().record("run", view.run_id.as_str());
    if view.state == RunState::Running {
        return Err(Error::invalid("the run is still running, so that there is nothing final to export")
            .about(&view.run_id)
            .with_hint("Wait for its end, or cancel it."));
    }
    let record = local.store.run(&view.run_id).await?;
    let path = match path {
        Some(path) => path.to_path_buf(),
        None => free_place(&own_folder(local), &record.run_id),
    };
    if path.symlink_metadata().is_ok() {
        return Err(taken(&path));
    }
    let name =
        path.file_name().ok_or_else(|| Error::invalid("this is no name of a file or folder").about(path.display()))?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| write_failure(parent, e))?;
    let place = || parent.join(format!(".{}.{}{UNFINISHED}", name.to_string_lossy(), uuid::Uuid::new_v4().simple()));
    let (unfinished, one_file) = (place(), place());

    let made = write_bundle(local, &record, &unfinished).await.and_then(|bundle| {
        if is_one_file(&path) {
            pack(&unfinished, &bundle.manifest, &one_file)?;
            publish(&one_file, &path)?;
            // It is whole without what it was made of.
            let _ = std::fs::remove_dir_all(&unfinished);
        } else {
            std::fs::rename(&unfinished, &path).map_err(|e| write_failure(&path, e))?;
        }
        Ok(AuditBundle { path: path.display().to_string(), ..bundle })
    });
    match made {
        Ok(bundle) => {
            // Outside the run: its own entries, which later bundles hold too, must not change by being looked at.
            let note = json!({ "run_id": record.run_id, "manifest_sha256": bundle.sha256 });
            local.store.append("", "", AUDIT_EXPORTED, note).await?;
            Ok(bundle)
        }
        Err(error) => {
            // Best effort: the failure itself is what matters.
            let _ = std::fs::remove_dir_all(&unfinished);
            let _ = std::fs::remove_file(&one_file);
            Err(error)
        }
    }
}

fn taken(path: &Path) -> Error {
    Error::invalid("something is there already, and a bundle is never written over")
        .about(path.display())
        .with_hint("Choose another name, or move this one away.")
}

/// A rename would take the place of what another export has put there meanwhile; a second name is refused then. Some file
/// systems know no second names.
fn publish(one_file: &Path, path: &Path) -> Result<()> {
    match std::fs::hard_link(one_file, path) {
        Ok(()) => {
            // It has its own name.
            let _ = std::fs::remove_file(one_file);
            Ok(())
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(taken(path)),
        Err(_) => std::fs::rename(one_file, path).map_err(|e| write_failure(path, e)),
    }
}

fn is_one_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ONE_FILE))
}

/// What tells of the rest comes first.
fn pack(folder: &Path, manifest: &BundleManifest, path: &Path) -> Result<()> {
    let signature = manifest.public_key.as_ref().map(|_| SIGNATURE);
    let files = manifest.files.iter().map(|file| file.path.as_str());
    let names: Vec<&str> = std::iter::once(MANIFEST).chain(signature).chain(files).collect();
    archive::pack(folder, &names, path)
}

/// The public half of the key that signs this state's bundles; made now if there is none yet.
pub async fn public_key(local: &LocalState) -> Result<AuditKey> {
    Ok(AuditKey { public_key: SigningKey::of(&local.secrets).await?.public_key() })
}

/// Where bundles go that nobody gave a place.
pub(crate) fn own_folder(local: &LocalState) -> PathBuf {
    local.state_dir.join("audit")
}

const UNFINISHED: &str = ".unfinished";
const ONE_FILE: &str = "zip";

/// Whether what has this name is being written to the state folder, or was when its process ended.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let name = name.strip_prefix('.').and_then(|name| name.strip_suffix(UNFINISHED));
    name.and_then(|name| name.rsplit_once('.')).is_some_and(|(bundle, random)| {
        run_of_bundle(bundle).is_some() && random.len() == 32 && uuid::Uuid::parse_str(random).is_ok()
    })
}

/// Of a bundle in the state folder, by its name: the first one of a run has no number.
pub(crate) fn run_of_bundle(name: &str) -> Option<String> {
    // Longer than an id: a number follows.
    const ID: usize = 36;
    let name = name.strip_suffix(ONE_FILE).and_then(|name| name.strip_suffix('.')).unwrap_or(name);
    let (run, number) = name.split_at_checked(ID)?;
    uuid::Uuid::parse_str(run).ok()?;
    let is_number = |text: &str| text.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok());
    (number.is_empty() || is_number(number)).then(|| run.to_string())
}

fn free_place(folder: &Path, run_id: &str) -> PathBuf {
    let place = |name: String| folder.join(format!("{name}.{ONE_FILE}"));
    let first = place(run_id.to_string());
    if !first.exists() {
        return first;
    }
    // Exported before, and perhaps validated again since: both bundles stay.
    (2u32..).map(|n| place(format!("{run_id}-{n}"))).find(|p| !p.exists()).unwrap_or(first)
}

async fn write_bundle(local: &LocalState, record: &RunRecord, folder: &Path) -> Result<AuditBundle> {
    let failed = |e| write_failure(folder, e);
    std::fs::create_dir_all(folder.join(TABLES)).map_err(failed)?;
    let plan = plan_of(record)?;
    let mut files = vec![write(folder, PLAN, plan.to_text()?.as_bytes())?];

    let (history, journal) = write_journal(local, record, folder).await?;
    let (journal_entries, journal_head) = journal.end;
    files.push(journal.sum);

    if let Some(given) = approvals::file(&history) {
        files.push(write(folder, APPROVALS, pretty(&given)?.as_bytes())?);
    }

    let mut tables = Vec::with_capacity(plan.tables.len());
    for (index, planned) in plan.tables.iter().enumerate() {
        let kept = local.store.outcome(&record.run_id, &planned.source).await?;
        let evidence = evidence(planned, &history, kept)?;
        let text = pretty(&evidence)?;
        files.push(write(folder, &format!("{TABLES}/{}", file_name(index, planned)), text.as_bytes())?);
        // Checksums are many, and nothing below needs them.
        tables.push(TableEvidence { outcome: None, ..evidence });
    }
    let environment = environment(local, &plan, &history).await?;
    files.push(write(folder, ENVIRONMENT, pretty(&environment)?.as_bytes())?);

    let report = Report {
        bundle_version: BUNDLE_VERSION,
        run_id: &record.run_id,
        plan: &plan,
        history: &history,
        tables: &tables,
        journal_entries,
        journal_head: &journal_head,
    };
    files.push(write(folder, SUMMARY_MD, summary::markdown(&report).as_bytes())?);
    files.push(write(folder, SUMMARY_HTML, summary::html(&report).as_bytes())?);
    files.sort_by(|a, b| a.path.cmp(&b.path));

    let key = SigningKey::of(&local.secrets).await;
    let manifest = BundleManifest {
        public_key: key.as_ref().ok().map(SigningKey::public_key),
        bundle_version: BUNDLE_VERSION,
        product_version: env!("CARGO_PKG_VERSION").to_string(),
        run_id: record.run_id.clone(),
        plan_hash: plan.hash.clone(),
        exported_at: now(),
        journal_entries,
        journal_head,
        tables: tables.len(),
        migrated: migrated(&tables),
        lowest_proof: lowest_proof(&tables),
        files,
    };
    let sum = write(folder, MANIFEST, pretty(&manifest)?.as_bytes())?;
    let not_signed = match key {
        Ok(key) => signature::write(folder, &Signature::of(&key, &sum.sha256)).map(|()| None)?,
        Err(error) => Some(error.message),
    };
    Ok(AuditBundle { path: String::new(), manifest, sha256: sum.sha256, not_signed })
}

struct JournalFile {
    sum: FileSum,
    /// Sequence and hash of its last entry.
    end: (u64, String),
}

/// The chain from its beginning to the run's last entry. Entries of other runs are in it: without them it could not be
/// followed.
async fn write_journal(local: &LocalState, record: &RunRecord, folder: &Path) -> Result<(RunHistory, JournalFile)> {
    let failed = |e| write_failure(folder, e);
    let last = local.store.entries(&record.run_id).await?.last().map_or(0, |e| e.sequence);
    let mut history = RunHistory::default();
    let mut file = Summed::create(folder, JOURNAL).map_err(failed)?;
    let mut end = (0, GENESIS.to_string());
    'pages: loop {
        let page = local.store.entries_after(end.0).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            if entry.sequence > last {
                break 'pages;
            }
            history.take(&record.run_id, &entry)?;
            let line = serde_json::to_value(&entry)
                .map_err(|e| Error::internal("a journal entry cannot be written as JSON").with_cause(e))?;
            writeln!(file, "{}", canonical(&line)).map_err(failed)?;
            end = (entry.sequence, entry.hash);
        }
    }
    Ok((history, JournalFile { sum: file.finish().map_err(failed)?, end }))
}

/// What the journal of the bundle says of a table, and not the latest of the state: that may have gone on meanwhile, with
/// a table that is validated once more, say.
fn evidence(planned: &PlannedTable, history: &RunHistory, kept: Option<CopyOutcome>) -> Result<TableEvidence> {
    let table = history.tables.get(&planned.source.to_string()).cloned().unwrap_or_default();
    let outcome = match (table.outcome.clone(), &table.checksums) {
        (Some(outcome), None) => Some(outcome),
        (Some(outcome), Some(sums)) => {
            let checksums = kept.map(|k| k.checksums).unwrap_or_default();
            if SumOfSums::of(&checksums) != *sums {
                return Err(Error::new(
                    Code::StateBroken,
                    "the checksums kept for this table are not those of its copy",
                )
                .about(&planned.source)
                .with_hint("The state file was changed. Validate the run again, or migrate the table again."));
            }
            Some(CopyOutcome { checksums, ..outcome })
        }
        (None, _) => None,
    };
    let validation = table.validation.clone().map(serde_json::from_value).transpose().map_err(|e| {
        Error::new(Code::StateBroken, "the journal has a validation that cannot be understood")
            .about(&planned.source)
            .with_cause(e)
            .with_hint("A newer IceBridge may have made it: export with that one.")
    })?;
    Ok(TableEvidence {
        planned: planned.clone(),
        state: table.state(),
        error: table.error,
        outcome,
        validation,
        after: table.governance,
    })
}

/// The catalogs are those that the run began with; they may have been changed since.
async fn environment(local: &LocalState, plan: &Plan, history: &RunHistory) -> Result<Environment> {
    let mut catalogs = history.started.as_ref().map_or_else(Vec::new, |started| started.catalogs.clone());
    if catalogs.is_empty() {
        catalogs = local.store.catalogs().await?;
        catalogs.retain(|c| c.name == plan.source || c.name == plan.target);
    }
    Ok(Environment {
        product: "IceBridge".into(),
        product_version: env!("CARGO_PKG_VERSION").into(),
        operating_system: std::env::consts::OS.into(),
        architecture: std::env::consts::ARCH.into(),
        settings: plan.settings.clone(),
        catalogs,
    })
}

//! Audit bundles in the state folder. Those elsewhere are whoever's they were made for.

use super::folder::{folders_and_files, name_of, remove};
use super::found::{Found, Removal};
use crate::LocalState;
use crate::audit;
use icebridge_model::Result;
use icebridge_model::audit::BundleManifest;
use icebridge_model::tidy::LeftoverKind;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// No export takes longer between two of its files.
const AT_WORK: Duration = Duration::from_secs(3600);

pub(super) async fn tidy(local: &LocalState, found: &mut Found<'_>) -> Result<()> {
    let folder = audit::own_folder(local);
    let place = folder.display().to_string();
    let bundles = match folders_and_files(&folder) {
        Ok(bundles) => bundles,
        Err(error) => {
            found.unseen(&place, error);
            return Ok(());
        }
    };
    let mut by_run: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in bundles {
        let name = name_of(&path);
        if audit::is_unfinished(&name) {
            let of = (LeftoverKind::UnfinishedBundle, place.as_str());
            if was_changed_lately(&path) {
                found.stays(of, name, "an export may be writing it");
            } else {
                found.remove(of, name, "its export was ended in the middle", remove(&path)).await?;
            }
        } else if let Some(run) = audit::run_of_bundle(&name) {
            by_run.entry(run).or_default().push(path);
        }
    }
    for (run, bundles) in by_run {
        of_run(local, &place, &run, bundles, found).await?;
    }
    Ok(())
}

async fn of_run(
    local: &LocalState,
    place: &str,
    run: &str,
    bundles: Vec<PathBuf>,
    found: &mut Found<'_>,
) -> Result<()> {
    let of = (LeftoverKind::Bundle, place);
    let mut known = Vec::new();
    for path in bundles {
        match audit::manifest(&path) {
            Ok(manifest) => known.push((manifest, path)),
            Err(error) => found.stays(of, name_of(&path), format!("it says nothing of itself: {error}")),
        }
    }
    // The journal grows, and numbers that are free again are given anew.
    known.sort_by(|(a, _), (b, _)| (a.journal_entries, &a.exported_at).cmp(&(b.journal_entries, &b.exported_at)));
    let Some(last) = known.pop() else { return Ok(()) };
    for earlier in &known {
        let why = format!("{} is a later bundle of the run", name_of(&last.1));
        found.remove(of, name_of(&earlier.1), why, remove_earlier(local, run, earlier, &last)).await?;
    }
    Ok(())
}

/// Also where nobody can tell.
fn was_changed_lately(path: &Path) -> bool {
    let is_lately = |path: &Path| {
        let changed = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
        changed.map_or(true, |at| SystemTime::now().duration_since(at).map_or(true, |age| age < AT_WORK))
    };
    if !path.is_dir() {
        return is_lately(path);
    }
    let Ok(entries) = fs::read_dir(path) else { return true };
    is_lately(path)
        || entries.into_iter().any(|entry| {
            entry.map_or(true, |entry| {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder { was_changed_lately(&entry.path()) } else { is_lately(&entry.path()) }
            })
        })
}

type Bundle = (BundleManifest, PathBuf);

/// Both have to be this state's and intact: then the earlier one has no file but what an export wrote, and the later one has all of it.
async fn remove_earlier(local: &LocalState, run: &str, earlier: &Bundle, last: &Bundle) -> Result<Removal> {
    for ((manifest, path), which) in [(earlier, "it"), (last, "the later bundle")] {
        let verdict = audit::verify(path, &audit::Expected::default()).await?;
        if !verdict.intact {
            let failed: Vec<String> =
                verdict.checks.into_iter().filter(|check| !check.passed).map(|check| check.name).collect();
            return Ok(Removal::Stays(format!("{which} is not as it was written: {}", failed.join(", "))));
        }
        if *manifest.run_id != *run || !is_of_journal(local, manifest).await? {
            return Ok(Removal::Stays(format!("{which} is of another run, or of another state")));
        }
    }
    let signer = &earlier.0.public_key;
    if signer.is_some() && *signer != last.0.public_key {
        return Ok(Removal::Stays("the later bundle is not signed by the same key".into()));
    }
    remove(&earlier.1).await
}

/// A bundle has the journal from its beginning.
async fn is_of_journal(local: &LocalState, manifest: &BundleManifest) -> Result<bool> {
    let Some(before) = manifest.journal_entries.checked_sub(1) else { return Ok(false) };
    let entries = local.store.entries_after(before).await?;
    Ok(entries.first().is_some_and(|entry| entry.hash == manifest.journal_head))
}

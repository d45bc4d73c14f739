//! Audit bundles in the state folder. Those elsewhere are whoever's they were made for.

use super::folder::{folders, name_of, remove};
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
    let folders = match folders(&folder) {
        Ok(folders) => folders,
        Err(error) => {
            found.unseen(&place, error);
            return Ok(());
        }
    };
    let mut by_run: BTreeMap<String, BTreeMap<u32, PathBuf>> = BTreeMap::new();
    for path in folders {
        let name = name_of(&path);
        if audit::is_unfinished(&name) {
            let of = (LeftoverKind::UnfinishedBundle, place.as_str());
            if was_changed_lately(&path) {
                found.stays(of, name, "an export may be writing it");
            } else {
                found.remove(of, name, "its export was ended in the middle", remove(&path)).await?;
            }
        } else if let Some((run, number)) = audit::run_and_number(&name) {
            by_run.entry(run).or_default().insert(number, path);
        }
    }
    for (run, mut bundles) in by_run {
        let Some((_, last)) = bundles.pop_last() else { continue };
        for path in bundles.into_values() {
            let of = (LeftoverKind::Bundle, place.as_str());
            let why = format!("{} is a later bundle of the run", name_of(&last));
            found.remove(of, name_of(&path), why, remove_earlier(local, &run, &path, &last)).await?;
        }
    }
    Ok(())
}

/// Also where nobody can tell.
fn was_changed_lately(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.map_or(true, |at| SystemTime::now().duration_since(at).map_or(true, |age| age < AT_WORK))
}

/// Both have to be this state's and intact: then the earlier one has no file but what an export wrote, and the later one has all of it.
async fn remove_earlier(local: &LocalState, run: &str, path: &Path, last: &Path) -> Result<Removal> {
    let mut lengths = Vec::new();
    for (bundle, which) in [(path, "it"), (last, "the later bundle")] {
        let verdict = audit::verify(bundle, &audit::Expected::default()).await?;
        if !verdict.intact {
            let failed: Vec<String> =
                verdict.checks.into_iter().filter(|check| !check.passed).map(|check| check.name).collect();
            return Ok(Removal::Stays(format!("{which} is not as it was written: {}", failed.join(", "))));
        }
        let manifest = audit::manifest(bundle)?;
        if *manifest.run_id != *run || !is_of_journal(local, &manifest).await? {
            return Ok(Removal::Stays(format!("{which} is of another run, or of another state")));
        }
        lengths.push(manifest.journal_entries);
    }
    if !lengths.is_sorted() {
        return Ok(Removal::Stays("the later bundle does not hold all of it".into()));
    }
    remove(path).await
}

/// A bundle has the journal from its beginning.
async fn is_of_journal(local: &LocalState, manifest: &BundleManifest) -> Result<bool> {
    let Some(before) = manifest.journal_entries.checked_sub(1) else { return Ok(false) };
    let entries = local.store.entries_after(before).await?;
    Ok(entries.first().is_some_and(|entry| entry.hash == manifest.journal_head))
}

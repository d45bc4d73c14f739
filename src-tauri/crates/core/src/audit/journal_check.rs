//! The journal of a bundle: an unbroken chain from its beginning, and the history of one run in it.

use super::JOURNAL;
use super::bundle::Bundle;
use super::found::Found;
use crate::ledger::RunHistory;
use icebridge_model::audit::BundleManifest;
use icebridge_model::journal::{Entry, GENESIS, canonical, first_break};
use icebridge_model::plan::Plan;
use icebridge_model::run::{RunState, TableState};
use std::io::{BufRead, Read};

/// No entry of ours comes near it.
const LONGEST_LINE: u64 = 64 << 20;

/// Follows the chain one line at a time, however long it is.
pub(super) fn follow(bundle: &mut Bundle, manifest: &BundleManifest) -> Found<RunHistory> {
    let mut lines = bundle.reader(JOURNAL)?;
    let mut history = RunHistory::default();
    let (mut sequence, mut previous) = (0, GENESIS.to_string());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|e| e.to_string())?;
        if read == 0 {
            break;
        }
        if read as u64 == LONGEST_LINE {
            return Err(format!("line {} is too long", sequence + 1));
        }
        let entry: Entry =
            serde_json::from_slice(&line).map_err(|e| format!("line {} cannot be understood: {e}", sequence + 1))?;
        if written(&entry)? != line {
            return Err(format!("line {} is not written as the program writes it", sequence + 1));
        }
        if let Some((broken, why)) = first_break(previous, sequence, [&entry]) {
            return Err(format!("entry {broken}: {why}"));
        }
        history.take(&manifest.run_id, &entry).map_err(|e| e.to_string())?;
        (sequence, previous) = (entry.sequence, entry.hash);
    }
    if sequence != manifest.journal_entries || previous != manifest.journal_head {
        return Err("it does not end where the manifest says".into());
    }
    Ok((history, format!("{sequence} entries in one chain, the last with hash {previous}")))
}

/// An entry as it stands in the file.
fn written(entry: &Entry) -> Result<Vec<u8>, String> {
    let value = serde_json::to_value(entry).map_err(|e| e.to_string())?;
    Ok(format!("{}\n", canonical(&value)).into_bytes())
}

/// The run is the one of this plan, and its end says what its tables say.
pub(super) fn run(manifest: &BundleManifest, plan: &Plan, history: &RunHistory) -> Found<()> {
    let started = history.started.as_ref().ok_or("the journal does not know the run")?;
    if started.plan_hash != manifest.plan_hash || started.source != plan.source || started.target != plan.target {
        return Err("the run ran another plan".into());
    }
    if history.rehearsals.iter().any(|made| made.plan_hash != manifest.plan_hash) {
        return Err("the journal has a rehearsal of another plan".into());
    }
    let Some(ended) = &history.ended else {
        return Ok(((), "the run was interrupted and has not been resumed".into()));
    };
    // A validation made later may have changed the tables' states, so only the claim that matters is held against them.
    let migrated = plan
        .tables
        .iter()
        .filter(|t| history.tables.get(&t.source.to_string()).is_some_and(|s| s.state == Some(TableState::Migrated)));
    if ended.state == RunState::Succeeded && ended.migrated != plan.tables.len() {
        return Err("the run says that it succeeded, but not for all tables".into());
    }
    Ok(((), format!("{}, {} tables migrated", ended.state.as_str(), migrated.count())))
}

//! Copies that runs left in a target, neither published nor taken back.

use super::found::{Found, Removal};
use crate::LocalState;
use crate::migration::staged_copies::{self, StagedCopies, TakenBack};
use icebridge_model::Result;
use icebridge_model::tidy::LeftoverKind;

const KIND: LeftoverKind = LeftoverKind::StagedCopy;

pub(super) async fn tidy(local: &LocalState, is_at_work: bool, found: &mut Found<'_>) -> Result<()> {
    for staged in staged_copies::all(local).await? {
        match staged {
            Ok(staged) if is_at_work || !found.request.staged => list(&staged, is_at_work, found),
            Ok(staged) => of_run(local, staged, found).await,
            Err((run, error)) => found.unseen(&run, error),
        }
    }
    Ok(())
}

async fn of_run(local: &LocalState, staged: StagedCopies, found: &mut Found<'_>) {
    let (target, run) = (staged.target().to_owned(), staged.run_id().to_owned());
    let (of, why) = ((KIND, target.as_str()), format!("of the run {run}"));
    for copy in staged.tables.iter().filter(|copy| copy.is_published) {
        found.stays(of, copy.source.to_string(), published(&run));
    }
    let remove = found.request.remove;
    match staged_copies::discard(local, staged, remove).await {
        Ok(done) => {
            for (table, taken_back) in done {
                let table = table.to_string();
                match taken_back {
                    Ok(TakenBack::Stays(why)) => found.stays(of, table, why),
                    Ok(TakenBack::Removed) if remove => found.removed(of, table, why.as_str(), Ok(Removal::Done)),
                    Ok(TakenBack::Removed) => found.removable(of, table, why.as_str()),
                    Err(error) if remove => found.removed(of, table, why.as_str(), Err(error)),
                    Err(error) => found.unseen(&table, error),
                }
            }
        }
        Err(error) => found.unseen(&target, error),
    }
}

fn list(staged: &StagedCopies, is_at_work: bool, found: &mut Found<'_>) {
    let run = staged.run_id();
    for copy in &staged.tables {
        let why = match (is_at_work, copy.is_published) {
            (true, _) => "another IceBridge is at work in this state folder".to_owned(),
            (_, true) => published(run),
            _ => format!("`icebridge run --resume {run}` goes on from it; --staged removes it"),
        };
        found.stays((KIND, staged.target()), copy.source.to_string(), why);
    }
}

fn published(run: &str) -> String {
    format!("the target has, or may have, taken the table: `icebridge run --resume {run}` finds out")
}

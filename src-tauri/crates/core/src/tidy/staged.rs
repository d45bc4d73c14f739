//! Copies that runs left in a target, neither published nor taken back.

use super::found::{Found, Removal};
use crate::LocalState;
use crate::migration::staged_copies::{self, StagedCopies};
use icebridge_lakehouse::copy::Discarded;
use icebridge_model::Result;
use icebridge_model::tidy::LeftoverKind;

const KIND: LeftoverKind = LeftoverKind::StagedCopy;

pub(super) async fn tidy(local: &LocalState, is_at_work: bool, found: &mut Found<'_>) -> Result<()> {
    for staged in staged_copies::all(local).await? {
        let (target, run) = (staged.target().to_owned(), staged.run_id().to_owned());
        if is_at_work || !found.request.staged {
            list(&staged, is_at_work, found);
            continue;
        }
        let of = (KIND, target.as_str());
        let why = format!("of the run {run}");
        for copy in staged.tables.iter().filter(|copy| copy.is_under_way) {
            found.stays(of, copy.source.to_string(), under_way(&run));
        }
        if !found.request.remove {
            for copy in staged.tables.iter().filter(|copy| !copy.is_under_way) {
                found.removable(of, copy.source.to_string(), why.as_str());
            }
            continue;
        }
        match staged_copies::discard(local, staged).await {
            Ok(done) => {
                for (table, discarded) in done {
                    let ended = discarded.map(|discarded| match discarded {
                        Discarded::Removed => Removal::Done,
                        Discarded::Published => Removal::Stays("the target's table uses what was copied".into()),
                    });
                    found.removed(of, table.to_string(), why.as_str(), ended);
                }
            }
            Err(error) => found.unseen(&target, error),
        }
    }
    Ok(())
}

fn list(staged: &StagedCopies, is_at_work: bool, found: &mut Found<'_>) {
    let run = staged.run_id();
    for copy in &staged.tables {
        let why = match (is_at_work, copy.is_under_way) {
            (true, _) => "another IceBridge is at work in this state folder".to_owned(),
            (_, true) => under_way(run),
            _ => format!("`icebridge run --resume {run}` goes on from it; --staged removes it"),
        };
        found.stays((KIND, staged.target()), copy.source.to_string(), why);
    }
}

fn under_way(run: &str) -> String {
    format!("the target may have taken the table: `icebridge run --resume {run}` finds out")
}

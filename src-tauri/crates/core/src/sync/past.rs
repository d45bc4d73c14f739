//! The rounds of a table, as the journal has them.

use crate::LocalState;
use crate::ledger::{SyncStage, SyncStep, TABLE_SYNCED, find_run, read_body};
use icebridge_model::Result;
use icebridge_model::sync::{PastRound, RoundEnd, RoundsRequest};

/// A round has up to three. A loop of months has too many to look at.
const STEPS: u32 = 300;

/// The last ones, newest first.
pub async fn rounds_of(local: &LocalState, request: &RoundsRequest) -> Result<Vec<PastRound>> {
    let record = find_run(local, &request.run_id).await?;
    let mut rounds: Vec<PastRound> = Vec::new();
    for entry in local.store.last_entries_of(&record.run_id, &request.table, TABLE_SYNCED, STEPS).await? {
        take(&mut rounds, &entry.at, read_body(&entry)?);
    }
    rounds.reverse();
    Ok(rounds)
}

fn take(rounds: &mut Vec<PastRound>, at: &str, step: SyncStep) {
    let end = match step.stage {
        SyncStage::Begun | SyncStage::Compared => RoundEnd::Open,
        SyncStage::Committed => RoundEnd::Committed,
        SyncStage::Failed => RoundEnd::Failed,
        SyncStage::Stopped => RoundEnd::Stopped,
    };
    let is_begun = !matches!(end, RoundEnd::Failed | RoundEnd::Stopped);
    let number = is_begun.then_some(step.round);
    let round = PastRound { at: at.to_string(), round: number, end, made: step.made, error: step.error };
    match rounds.last_mut().filter(|last| last.end == RoundEnd::Open && step.stage != SyncStage::Begun) {
        Some(open) => *open = PastRound { round: open.round, made: round.made.or(open.made.take()), ..round },
        None => rounds.push(round),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icebridge_model::{Code, Error, TableIdent};

    #[test]
    fn the_steps_of_a_round_are_one_line() {
        let step = |stage, round| SyncStep {
            stage,
            target: TableIdent::new(["n"], "t"),
            round,
            source_metadata_location: String::new(),
            source_snapshot_id: None,
            made: None,
            error: (stage == SyncStage::Failed).then(|| Error::new(Code::FileMissing, "gone")),
            differs_at: None,
        };
        let mut rounds = Vec::new();
        for (stage, round) in [
            (SyncStage::Begun, 1),
            (SyncStage::Compared, 1),
            (SyncStage::Committed, 1),
            (SyncStage::Begun, 2),
            (SyncStage::Failed, 1),
            (SyncStage::Stopped, 1),
            (SyncStage::Begun, 2),
        ] {
            take(&mut rounds, "now", step(stage, round));
        }
        let told: Vec<_> = rounds.iter().map(|round| (round.round, round.end)).collect();
        assert_eq!(
            told,
            [
                (Some(1), RoundEnd::Committed),
                (Some(2), RoundEnd::Failed),
                (None, RoundEnd::Stopped),
                (Some(2), RoundEnd::Open)
            ]
        );
        assert!(rounds[1].error.is_some());
    }
}

//! Rounds of one command, again and again until it is asked to stop.

use crate::ended::Ended;
use crate::interrupt::asked_to_stop;
use crate::output::{Output, words};
use icebridge_model::error::Blame;
use icebridge_model::ids::RunId;
use icebridge_model::sync::rounds_apart;
use icebridge_model::{Code, Result};
use std::time::Duration;

/// What became of a round.
pub struct Round {
    pub run_id: RunId,
    /// The next round need not be further away.
    pub is_good: bool,
    pub ended: Ended,
}

/// Ends at Ctrl-C, as the last round ended. A round is given the run that the first one was about: the latest run now may be another
/// one later.
pub async fn until_interrupted(
    interval: Duration,
    output: &Output,
    mut round: impl AsyncFnMut(Option<RunId>) -> Result<Round>,
) -> Result<Ended> {
    let (mut failed, mut run_id, mut ended) = (0u32, None, Ended::Done);
    // One listener for all rounds: a signal at the end of a round, or between two, is not lost.
    let stop = async {
        if asked_to_stop().await.is_err() {
            // Where signals cannot be had, the rounds go on.
            std::future::pending::<()>().await;
        }
    };
    tokio::pin!(stop);
    loop {
        let (made, is_last) = {
            let work = round(run_id.clone());
            tokio::pin!(work);
            tokio::select! {
                biased;
                // The round hears it too, and ends as it does.
                () = &mut stop => (work.await, true),
                made = &mut work => (made, false),
            }
        };
        let is_good = match made {
            Ok(made) => {
                run_id = Some(made.run_id);
                ended = made.ended;
                made.is_good
            }
            Err(error) if error.code == Code::Cancelled => return Ok(ended),
            Err(error) if may_pass(error.code) || run_id.is_some() && may_be_mended(error.code) => {
                output.error(&error.or_usual_hint());
                ended = Ended::Short;
                false
            }
            Err(error) => return Err(error),
        };
        if is_last {
            return Ok(ended);
        }
        failed = if is_good { 0 } else { failed.saturating_add(1) };
        let wait = interval.saturating_mul(rounds_apart(failed));
        output.note(format!("next round in {}; Ctrl-C ends", words::seconds(wait.as_secs())));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = &mut stop => return Ok(ended),
        }
    }
}

/// What may be over by the next round, though no round has worked yet. Once one has, the rest is somebody's to mend while it goes on.
fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::StateLocked
            | Code::CatalogUnreachable
            | Code::StorageUnreachable
            | Code::RateLimited
            | Code::WorkspaceUnreachable
            | Code::WorkspaceFailed
    )
}

fn may_be_mended(code: Code) -> bool {
    code.blame() == Blame::User && !matches!(code, Code::StateBroken | Code::RunNotFound | Code::InvalidInput)
}

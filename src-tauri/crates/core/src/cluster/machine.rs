//! Takes one step from its state to its end.

use super::judge;
use super::record::{StepRecord, StepState};
use super::step::StepContext;
use super::{cleared, job_made, over, prepared, started};
use icebridge_model::photon::CopyEnd;
use icebridge_model::{Code, Error, Result};

/// As far as it goes. The step's failure is in its results; an error is of this machine or of this program.
#[tracing::instrument(name = "step", skip_all, fields(step = %record.step, attempt = record.attempt))]
pub(super) async fn carry(mut record: StepRecord, context: &StepContext<'_>) -> Result<StepRecord> {
    while record.is_open() {
        match next(&mut record, context).await {
            Ok(()) => {}
            Err(error) if is_ours(&error) => return Err(error),
            Err(error) => return give_up(record, error, context).await,
        }
    }
    cleared::clear(&mut record, context).await?;
    Ok(record)
}

/// The record in one state, out in the next.
async fn next(record: &mut StepRecord, context: &StepContext<'_>) -> Result<()> {
    match record.state {
        StepState::Intended => prepared::prepare(record, context).await,
        StepState::Prepared if record.needs_job() => job_made::make(record, context).await,
        StepState::Prepared | StepState::JobMade => started::start(record, context).await,
        StepState::Started => over::finish(record, context).await,
        StepState::Over | StepState::Cleared => Ok(()),
    }
}

/// A step that cannot go on now. With a run it stays open, since the run goes on; without one, and refused for good, it is
/// over. A cancel before the start leaves it open as well: a resume begins there.
async fn give_up(mut record: StepRecord, error: Error, context: &StepContext<'_>) -> Result<StepRecord> {
    let error = match record.not_offered.as_str() {
        "" => error,
        why => error.with_cause_text(format!("before, serverless compute was refused: {why}")),
    };
    if !stays_open(&mut record, &error, context).await {
        record.results = judge::all_of(&record, CopyEnd::Failed, &error);
        record.ended = "it was never started".into();
        context.reach(&mut record, StepState::Over).await?;
        cleared::clear(&mut record, context).await?;
        return Ok(record);
    }
    // Not written down: the record says what is true of the workspace, and that has not changed.
    let (end, error) = match (error.code, record.job_run_id) {
        (Code::Cancelled, None) => (CopyEnd::Cancelled, error),
        (_, None) => (CopyEnd::Unfinished, error),
        (_, Some(_)) => {
            let hint = "Resume the run: the cluster goes on meanwhile, and its run is found again.";
            (CopyEnd::Unfinished, error.with_hint(hint))
        }
    };
    record.results = judge::all_of(&record, end, &error);
    Ok(record)
}

async fn stays_open(record: &mut StepRecord, error: &Error, context: &StepContext<'_>) -> bool {
    let signed_out = matches!(error.code, Code::CredentialsRejected | Code::CredentialsMissing);
    if record.job_run_id.is_some() || error.code == Code::Cancelled || signed_out {
        return true;
    }
    // Once scripts and inputs are there, a run may exist whose id is not known here: only the workspace's answer that there
    // is none ends the step.
    record.state >= StepState::Prepared && !matches!(started::find(record, context).await, Ok(None))
}

/// Of this machine, or of this program: nothing that a table or the workspace could mend.
pub(super) fn is_ours(error: &Error) -> bool {
    use Code as C;
    matches!(
        error.code,
        C::StateLocked | C::StateBroken | C::StorageFull | C::StorageDenied | C::StorageFailed | C::Internal
    )
}

//! One table's way to the target: proved while its writers write, stopped, brought up to its last state, moved.

use super::cancelled;
use super::freeze;
use super::sides::{self, Sides, State, can_sync};
use super::told::told;
use super::unsynced::{check_source, is_later, moved_on};
use super::wave::Wave;
use crate::ledger::{CutoverStage, CutoverStep};
use crate::migration::guarded;
use crate::state::now;
use crate::sync::take_round;
use crate::validate;
use futures::FutureExt;
use icebridge_lakehouse::Table;
use icebridge_model::cutover::{CutoverTable, Moved};
use icebridge_model::hooks::{HookDone, HookStage};
use icebridge_model::plan::PlannedTable;
use icebridge_model::sync::{SyncRound, SyncState};
use icebridge_model::validation::ProofLevel;
use icebridge_model::{Code, Error, Result};
use std::time::{Duration, Instant};

/// Between two looks at a source that is to be quiet.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// What was compared of a state of the source.
pub(super) struct Proven {
    state: State,
    /// Of the target.
    shown: State,
    rows: u64,
    digest: String,
    proof: ProofLevel,
}

pub(super) fn step(wave: &Wave<'_>, planned: &PlannedTable, stage: CutoverStage, key: &str) -> CutoverStep {
    CutoverStep {
        stage,
        target: planned.target.clone(),
        key: key.to_string(),
        stopped: wave.last_step(planned).is_some_and(|last| last.stopped),
        moved: None,
        probation: None,
        recovery_ms: None,
        hooks: Vec::new(),
        error: None,
    }
}

/// Brings the target up to the source and compares every row, while writers still write. The inner error is the table that failed.
#[tracing::instrument(name = "table", skip_all, fields(table = %planned.source, target_table = %planned.target))]
pub(super) async fn prepare(
    wave: &Wave<'_>,
    planned: &PlannedTable,
    key: &str,
) -> Result<std::result::Result<Proven, Box<CutoverTable>>> {
    if wave.session.cancel.is_cancelled() {
        return Err(cancelled());
    }
    wave.record(planned, &step(wave, planned, CutoverStage::Begun, key)).await?;
    let proving = async {
        let session = &wave.session;
        let by_sync = can_sync(session, planned);
        if by_sync {
            bring_on(wave, planned).await?;
        }
        let both = sides::as_synced(session, planned).await?;
        if !by_sync {
            check_source(session, planned, &both.source.metadata).await?;
        }
        let proven = prove(wave, &both).await?;
        if !by_sync {
            // The comparison may have taken hours.
            check_source(session, planned, &both.source.metadata).await?;
        }
        Ok(proven)
    };
    match guarded(proving.boxed()).await {
        Ok(proven) => Ok(Ok(proven)),
        Err(error) => {
            let cancelled = error.code == Code::Cancelled && wave.session.cancel.is_cancelled();
            let table = failed(wave, planned, key, error.clone(), Vec::new()).await?;
            if cancelled { Err(error) } else { Ok(Err(Box::new(table))) }
        }
    }
}

/// A round of a sync; what it brought, if there was something to bring.
async fn bring_on(wave: &Wave<'_>, planned: &PlannedTable) -> Result<Option<SyncRound>> {
    let synced = take_round(&wave.session, planned, false).await?;
    match (synced.state, synced.error) {
        (SyncState::UpToDate | SyncState::Behind, _) => Ok(synced.made),
        (_, Some(error)) => Err(error),
        (_, None) => Err(Error::internal("a round failed without an error")),
    }
}

/// Compares every row of both sides, and has a judge read them where one is wanted.
async fn prove(wave: &Wave<'_>, both: &Sides) -> Result<Proven> {
    let session = &wave.session;
    let mut validation = both.compare(session).await?;
    if validation.passed
        && let Some(judge) = wave.judge.lock().await.as_mut()
    {
        let read = (&both.source, &both.target);
        judge.judge(read, session.target.as_ref(), &mut validation, session.cancel).await?;
    }
    if let Some(error) = validate::failure(&validation) {
        // The run's own proof stays until `validate` says otherwise.
        return Err(error);
    }
    session.local.save_validation(&session.plan, &session.run_id, &validation).await?;
    Ok(Proven {
        state: both.state(),
        shown: State::of(&both.target),
        rows: validation.rows,
        digest: validation.digest.clone(),
        proof: validation.proof,
    })
}

/// The source is stopped; what it got since is brought over, and readers and writers are moved. An error: the journal could not be
/// written.
#[tracing::instrument(name = "table", skip_all, fields(table = %planned.source, target_table = %planned.target))]
pub(super) async fn take(wave: &Wave<'_>, planned: &PlannedTable, key: &str, proven: &Proven) -> Result<CutoverTable> {
    let last = async {
        let moved = last_state(wave, planned, proven).await?;
        // The last delta may have taken hours, too.
        freeze::refuse(&wave.session.plan)?;
        // Until here an interrupt leaves the table where it is.
        if wave.session.cancel.is_cancelled() { Err(cancelled()) } else { Ok(moved) }
    };
    match guarded(last.boxed()).await {
        Ok(moved) => {
            wave.record(planned, &step(wave, planned, CutoverStage::Quiet, key)).await?;
            finish_move(wave, planned, key, moved).await
        }
        Err(error) => failed(wave, planned, key, error, Vec::new()).await,
    }
}

/// A move that was begun and not confirmed: its hooks are called once more, with the same key.
#[tracing::instrument(name = "table", skip_all, fields(table = %planned.source, target_table = %planned.target))]
pub(super) async fn resume<'a>(wave: &Wave<'_>, planned: &'a PlannedTable) -> Result<(&'a PlannedTable, CutoverTable)> {
    let begun = wave.last_step(planned).and_then(|step| Some((step.key.clone(), step.moved.clone()?, step)));
    let Some((key, moved, step)) = begun else {
        return Err(Error::internal("a move was begun and nothing says of what").about(&planned.source));
    };
    let may_move = async {
        let frozen = |e: Error| e.with_cause_text("a move was begun: readers and writers may be at either side");
        freeze::refuse(&wave.session.plan).map_err(frozen)?;
        // Nobody is sent to a table that is not there.
        sides::is_there(&wave.session, planned, &moved).await
    };
    if let Err(error) = may_move.await {
        let stuck =
            CutoverStep { hooks: Vec::new(), error: Some(error.about(&planned.source).or_usual_hint()), ..step };
        wave.record(planned, &stuck).await?;
        return Ok((planned, told(planned, &stuck, now())));
    }
    Ok((planned, finish_move(wave, planned, &key, moved).await?))
}

/// Waits until the source is quiet, and brings its last state over. Again and again while somebody writes, for the time that is given.
async fn last_state(wave: &Wave<'_>, planned: &PlannedTable, proven: &Proven) -> Result<Moved> {
    let deadline = Instant::now() + wave.within;
    loop {
        let (source, since) = quiet(wave, planned, deadline).await?;
        let closed = |_| Error::internal("the turns of tables have ended");
        let _turn = wave.turns.acquire().await.map_err(closed)?;
        let by_sync = can_sync(&wave.session, planned);
        let round = if by_sync { bring_on(wave, planned).await? } else { None };
        let both = sides::as_synced(&wave.session, planned).await?;
        if both.state() == State::of(&source) {
            return moved(wave, &both, proven, round, (&source, since)).await;
        }
        if !by_sync {
            if is_later(&both.source.metadata, &source.metadata) {
                return Err(moved_on(planned));
            }
            // Only its metadata was written again.
            return moved(wave, &both, proven, None, (&source, since)).await;
        }
        if Instant::now() >= deadline {
            return Err(not_quiet(wave, planned));
        }
    }
}

async fn moved(
    wave: &Wave<'_>,
    both: &Sides,
    proven: &Proven,
    round: Option<SyncRound>,
    // As it was when it was quiet, and since when.
    (source, since): (&Table, String),
) -> Result<Moved> {
    let state = both.state();
    let of_round = |round: SyncRound| Proven {
        state: state.clone(),
        shown: State::of(&both.target),
        rows: round.rows,
        // Of the rows that changed; all others were compared before.
        digest: round.digest,
        proof: ProofLevel::Digest,
    };
    let made = round.filter(|round| round.source_metadata_location == state.metadata_location).map(of_round);
    let last = match made {
        _ if proven.state == state && proven.shown == State::of(&both.target) => None,
        // A judge reads what is moved, and nothing else.
        Some(made) if wave.judge.lock().await.is_none() => Some(made),
        _ => Some(prove(wave, both).await?),
    };
    let last = last.as_ref().unwrap_or(proven);
    Ok(Moved {
        source_metadata_location: state.metadata_location,
        source_snapshot_id: state.snapshot_id,
        source_sequence_number: source.metadata.last_sequence_number,
        source_schema_id: source.metadata.current_schema_id,
        target_sequence_number: both.target.metadata.last_sequence_number,
        target_metadata_location: both.target.metadata_location.clone(),
        target_snapshot_id: both.target.metadata.current_snapshot_id,
        target_uuid: both.target.identity().unwrap_or_default().to_string(),
        rows: last.rows,
        digest: last.digest.clone(),
        proof: last.proof,
        moved_by: wave.hooks.names(HookStage::Move),
        // With a hook nobody could write since it ended.
        quiet_since: wave.stopped_at.get().cloned().unwrap_or(since),
        downtime_ms: 0,
    })
}

/// A state that the source has had for the quiet time, and when it was seen first.
async fn quiet(wave: &Wave<'_>, planned: &PlannedTable, deadline: Instant) -> Result<(Table, String)> {
    let mut seen: Option<(State, String, Instant)> = None;
    loop {
        let before = Instant::now();
        // One may have begun while writers were waited for.
        freeze::refuse(&wave.session.plan)?;
        let source = wave.session.source.load(&planned.source).await.map_err(|e| e.about(&planned.source))?;
        let state = State::of(&source);
        match seen.take() {
            Some((same, at, since)) if same == state => {
                if since.elapsed() >= wave.quiet {
                    return Ok((source, at));
                }
                seen = Some((same, at, since));
            }
            _ if wave.quiet.is_zero() => return Ok((source, now())),
            _ => seen = Some((state, now(), before)),
        }
        let waited = seen.as_ref().map(|(_, _, since)| since.elapsed()).unwrap_or_default();
        if before >= deadline && waited < wave.quiet {
            return Err(not_quiet(wave, planned));
        }
        let pause = (wave.quiet / 10).clamp(LOOK_EVERY.0, LOOK_EVERY.1).min(wave.quiet.saturating_sub(waited));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = wave.session.cancel.cancelled() => return Err(cancelled()),
        }
    }
}

fn not_quiet(wave: &Wave<'_>, planned: &PlannedTable) -> Error {
    let (quiet, within) = (wave.quiet.as_secs(), wave.within.as_secs());
    Error::new(Code::SourceNotQuiet, format!("the source was not quiet for {quiet} s within {within} s"))
        .about(&planned.source)
        .with_hint("Somebody still writes to it. Stop its writers, and try again; nothing was moved.")
}

/// From here on nothing is cancelled: a table is moved, or it is moved back.
async fn finish_move(wave: &Wave<'_>, planned: &PlannedTable, key: &str, mut moved: Moved) -> Result<CutoverTable> {
    let moving = CutoverStep { moved: Some(moved.clone()), ..step(wave, planned, CutoverStage::Moving, key) };
    wave.record(planned, &moving).await?;
    let mut hooks = Vec::new();
    if let Err(error) = wave.call(HookStage::Move, key, [planned], &mut hooks).await {
        return undo(wave, planned, &moving, hooks, error).await;
    }
    let found = wave.session.source.load(&planned.source).await;
    let late = match found {
        Ok(source) if !has_moved_on(&source, &moved) => None,
        Ok(_) => Some(
            Error::new(Code::SourceNotQuiet, "somebody wrote to the source while readers and writers were moved")
                .about(&planned.source),
        ),
        Err(error) => Some(error.about(&planned.source)),
    };
    if let Some(error) = late {
        return undo(wave, planned, &moving, hooks, error).await;
    }
    moved.downtime_ms = downtime(&moved.quiet_since);
    let done = CutoverStep { moved: Some(moved), hooks, ..step(wave, planned, CutoverStage::Moved, key) };
    wave.record(planned, &done).await?;
    tracing::info!(table = %planned.source, "the table is cut over");
    Ok(told(planned, &done, now()))
}

/// Rows on any branch, or other columns.
fn has_moved_on(source: &Table, moved: &Moved) -> bool {
    let now = &source.metadata;
    now.current_snapshot_id != moved.source_snapshot_id
        || now.last_sequence_number > moved.source_sequence_number
        || now.current_schema_id != moved.source_schema_id
}

fn downtime(since: &str) -> u64 {
    let since = since.parse::<jiff::Timestamp>().unwrap_or_else(|_| jiff::Timestamp::now());
    u64::try_from(jiff::Timestamp::now().as_millisecond() - since.as_millisecond()).unwrap_or(0)
}

/// Whatever of the move was done is taken back. Where that fails the table stays `moving`, for a person and the next attempt.
async fn undo(
    wave: &Wave<'_>,
    planned: &PlannedTable,
    moving: &CutoverStep,
    mut hooks: Vec<HookDone>,
    error: Error,
) -> Result<CutoverTable> {
    let moved = moving.moved.as_ref();
    // Rows that the target has got meanwhile are not left behind without a word.
    let own = match moved {
        Some(moved) => sides::has_own_rows(&wave.session, planned, moved).await.unwrap_or(true),
        None => false,
    };
    let stuck = if own {
        let error = error.with_hint(
            "The target may have got rows of its own meanwhile, so nothing was taken back. `icebridge cutover back --leave-rows` takes it \
             back and leaves them there.",
        );
        CutoverStep { hooks, error: Some(error), ..moving.clone() }
    } else {
        let back = match moved.is_some_and(|moved| !moved.moved_by.is_empty()) {
            true => wave.call(HookStage::MoveBack, &moving.key, [planned], &mut hooks).await,
            false => Ok(()),
        };
        let error = match back {
            Ok(()) => {
                let error = match error.code {
                    Code::SourceNotQuiet => error
                        .with_hint("They were moved back, and nothing is lost. Stop all writers, and try again."),
                    _ => error,
                };
                return failed(wave, planned, &moving.key, error, hooks).await;
            }
            Err(of_back) => of_back
                .with_hint(
                    "It is not known where readers and writers are. Mend the hook, and call `icebridge cutover move` or `back` again.",
                )
                .with_cause_text(format!("it was moved back since {}", error.message)),
        };
        // What was perhaps undone must be done again: under another key.
        CutoverStep { key: uuid::Uuid::new_v4().to_string(), hooks, error: Some(error), ..moving.clone() }
    };
    wave.record(planned, &stuck).await?;
    Ok(told(planned, &stuck, now()))
}

/// Nothing is moved.
pub(super) async fn failed(
    wave: &Wave<'_>,
    planned: &PlannedTable,
    key: &str,
    error: Error,
    hooks: Vec<HookDone>,
) -> Result<CutoverTable> {
    let error = error.about(&planned.source).or_usual_hint();
    tracing::warn!(table = %planned.source, code = %error.code, %error, "the table is not cut over");
    let step = CutoverStep { error: Some(error), hooks, ..step(wave, planned, CutoverStage::Failed, key) };
    wave.record(planned, &step).await?;
    Ok(told(planned, &step, now()))
}

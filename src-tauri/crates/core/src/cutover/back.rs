//! The way back: readers and writers are moved to the source again.

use super::at_work::AtWork;
use super::attempt;
use super::look::as_it_stands;
use super::probation;
use super::sides::source_now;
use super::told::told;
use super::wave::{Wave, refused};
use crate::LocalState;
use crate::ledger::{CutoverStage, CutoverStep};
use crate::migration::guarded;
use crate::state::now;
use futures::FutureExt;
use icebridge_model::cutover::{CutoverState, CutoverTable, CutoverTables, CutoverView, Moved, Probation};
use icebridge_model::hooks::{HookDone, HookStage};
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Error, Result};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Moves back the tables that are asked for, or all that are moved, and gives up attempts that were cut off. A table whose target has rows that the source lacks is refused, unless
/// they are left behind.
#[tracing::instrument(name = "cutover", skip_all, fields(run, command = "back"))]
pub async fn back(local: &LocalState, request: &CutoverTables, cancel: &CancellationToken) -> Result<CutoverView> {
    let asked_at = Instant::now();
    let at_work = AtWork::begin(local, cancel).await?;
    let wave = at_work.wave(request, &request.hooks).await?;
    let asked = wave.asked(&request.tables)?;
    for (planned, _) in asked.iter().filter(|_| !request.tables.is_empty()) {
        refuse(&wave, planned)?;
    }
    if let Some((planned, _)) = asked.iter().find(|(planned, _)| needs_hooks(&wave, planned)) {
        return Err(Error::invalid("the table was moved by a hook, and no hook is given that moves it back")
            .about(&planned.source)
            .with_hint("Name the hooks file, by --hooks."));
    }
    let work = asked
        .iter()
        .map(|(planned, migrated)| async {
            match wave.state(planned) {
                CutoverState::Begun => give_up(&wave, planned).await,
                state if can_return(state) => move_back(&wave, planned, asked_at, request.anyway).await,
                _ => Ok(as_it_stands(&wave, planned, *migrated)),
            }
        })
        .collect();
    let tables = wave.each(work).await?;
    let mut hooks = Vec::new();
    wave.release(asked.iter().map(|(planned, _)| *planned), &mut hooks).await?;
    Ok(wave.end(tables, hooks).await)
}

fn can_return(state: CutoverState) -> bool {
    matches!(state, CutoverState::OnProbation | CutoverState::Moving | CutoverState::Returning)
}

fn needs_hooks(wave: &Wave<'_>, planned: &PlannedTable) -> bool {
    let moved = wave.last_step(planned).filter(|step| can_return(step.stage.state())).and_then(|step| step.moved);
    moved.is_some_and(|moved| !moved.moved_by.is_empty()) && !wave.hooks.has(HookStage::MoveBack)
}

/// A table that is asked for by its name.
fn refuse(wave: &Wave<'_>, planned: &PlannedTable) -> Result<()> {
    match wave.state(planned) {
        state if can_return(state) || state == CutoverState::Begun => Ok(()),
        CutoverState::Finished => Err(Error::new(Code::CutOver, "the cut-over is finished")
            .about(&planned.source)
            .with_hint("There is no way back by IceBridge any more. The source is as it was when it was moved.")),
        _ if wave.last_step(planned).is_some_and(|step| step.stopped) => Ok(()),
        _ => Err(refused(
            planned,
            "the table is not cut over",
            "There is nothing to move back; `icebridge cutover look` says how each table stands.",
        )),
    }
}

/// An attempt that was cut off before anything was moved is over. The next one has another key: its hooks are called anew.
#[tracing::instrument(name = "table", skip_all, fields(table = %planned.source, target_table = %planned.target))]
async fn give_up(wave: &Wave<'_>, planned: &PlannedTable) -> Result<CutoverTable> {
    let key = wave.last_step(planned).map(|step| step.key).unwrap_or_default();
    let error = Error::new(Code::Cancelled, "the attempt was cut off, and was given up by `icebridge cutover back`")
        .with_hint(
            "Readers and writers are at the source. Tell those who were told to stop that they may write again, unless the hook \
             cutover.release has told them. The next `icebridge cutover move` begins a new attempt.",
        );
    attempt::failed(wave, planned, &key, error, Vec::new()).await
}

#[tracing::instrument(name = "table", skip_all, fields(table = %planned.source, target_table = %planned.target))]
async fn move_back(wave: &Wave<'_>, planned: &PlannedTable, asked_at: Instant, anyway: bool) -> Result<CutoverTable> {
    let begun = wave.last_step(planned).and_then(|step| Some((step.moved.clone()?, step)));
    let Some((moved, last)) = begun else {
        return Err(Error::internal("a move was begun and nothing says of what").about(&planned.source));
    };
    let seen = match guarded(look_before(wave, planned, &moved, anyway).boxed()).await {
        Ok(seen) => seen,
        Err(error) => {
            let mut table = told(planned, &last, now());
            table.error = Some(error.about(&planned.source).or_usual_hint());
            wave.show(&table).await?;
            return Ok(table);
        }
    };
    let returning =
        CutoverStep { stage: CutoverStage::Returning, probation: seen, hooks: Vec::new(), error: None, ..last.clone() };
    wave.record(planned, &returning).await?;
    let mut hooks: Vec<HookDone> = Vec::new();
    let called = wave.call(HookStage::MoveBack, &returning.key, [planned], &mut hooks).await;
    let done = match called {
        Ok(()) => {
            let recovery_ms = u64::try_from(asked_at.elapsed().as_millis()).ok();
            CutoverStep { stage: CutoverStage::Returned, recovery_ms, hooks, ..returning }
        }
        Err(error) => {
            let error = error
                .about(&planned.source)
                .with_hint("It is not known where readers and writers are. Mend the hook, and call `icebridge cutover back` again.");
            CutoverStep { hooks, error: Some(error), ..returning }
        }
    };
    wave.record(planned, &done).await?;
    Ok(told(planned, &done, now()))
}

/// What the way back would lose, which is refused unless it is wanted.
async fn look_before(
    wave: &Wave<'_>,
    planned: &PlannedTable,
    moved: &Moved,
    anyway: bool,
) -> Result<Option<Probation>> {
    // Nobody is sent to a source that is not there, or is another table.
    source_now(&wave.session, planned).await?;
    let seen = probation::seen(wave, planned, moved, false).await;
    let probation = match seen {
        Ok((probation, _)) => probation,
        // The way back must not hang on a target that is lost.
        Err(error) if anyway => {
            tracing::warn!(%error, table = %planned.source, "what was written to the target since is not known");
            return Ok(None);
        }
        Err(error) => {
            return Err(Error::new(error.code, "it is not known whether the way back loses rows")
                .with_hint("With --leave-rows it is taken all the same.")
                .with_cause(error));
        }
    };
    if probation.target_snapshots == 0 || anyway {
        return Ok(Some(probation));
    }
    let rows = match probation.target_rows {
        Some(rows) => format!("{rows:+} rows"),
        None => "nobody can tell how many rows".to_string(),
    };
    Err(Error::new(
        Code::TargetChanged,
        format!(
            "the target has {} snapshots of its own since it was moved ({rows}), which the source lacks",
            probation.target_snapshots
        ),
    )
    .with_hint(format!(
        "Bring them to the source by your own engine first: they came after snapshot {} of the target. Or leave them behind, with \
         --leave-rows; they stay in the target. The source is as it was at snapshot {}.",
        text(moved.target_snapshot_id),
        text(moved.source_snapshot_id)
    )))
}

fn text(id: Option<i64>) -> String {
    id.map_or_else(|| "none".to_string(), |id| id.to_string())
}

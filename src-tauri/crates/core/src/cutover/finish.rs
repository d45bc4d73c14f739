//! The end of the probation: from then on there is no way back.

use super::at_work::AtWork;
use super::look::as_it_stands;
use super::probation;
use super::told::told;
use super::wave::{Wave, refused};
use crate::LocalState;
use crate::ledger::{CutoverStage, CutoverStep};
use crate::migration::guarded;
use crate::state::now;
use futures::FutureExt;
use icebridge_model::cutover::{CutoverState, CutoverTable, CutoverTables, CutoverView};
use icebridge_model::hooks::HookStage;
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Error, Result};
use tokio_util::sync::CancellationToken;

/// Finishes the tables that are asked for, or all that are on probation. A source that was written to since keeps its table on probation,
/// unless that is wanted. Nothing is dropped: the source stays where it is.
#[tracing::instrument(name = "cutover", skip_all, fields(run, command = "finish"))]
pub async fn finish(local: &LocalState, request: &CutoverTables, cancel: &CancellationToken) -> Result<CutoverView> {
    let at_work = AtWork::begin(local, cancel).await?;
    let wave = at_work.wave(request, &request.hooks).await?;
    let asked = wave.asked(&request.tables)?;
    let is_wrong = |planned| !matches!(wave.state(planned), CutoverState::OnProbation | CutoverState::Finished);
    if let Some((planned, _)) = asked.iter().find(|(planned, _)| !request.tables.is_empty() && is_wrong(planned)) {
        return Err(refused(
            planned,
            "the table is not on probation",
            "`icebridge cutover look` says how each table stands.",
        ));
    }
    let on_probation: Vec<&PlannedTable> = asked
        .iter()
        .map(|(planned, _)| *planned)
        .filter(|planned| wave.state(planned) == CutoverState::OnProbation)
        .collect();
    let work = asked
        .iter()
        .map(|(planned, migrated)| async {
            match wave.state(planned) {
                CutoverState::OnProbation => finish_table(&wave, planned, request).await,
                _ => Ok(as_it_stands(&wave, planned, *migrated)),
            }
        })
        .collect();
    let tables = wave.each(work).await?;
    let mut hooks = Vec::new();
    let finished = on_probation.into_iter().filter(|planned| wave.state(planned) == CutoverState::Finished);
    let key = uuid::Uuid::new_v4().to_string();
    // It tells of what is done: what failed of it is told.
    let _ = wave.call(HookStage::Finish, &key, finished, &mut hooks).await;
    Ok(wave.end(tables, hooks).await)
}

#[tracing::instrument(name = "table", skip_all, fields(table = %planned.source, target_table = %planned.target))]
async fn finish_table(wave: &Wave<'_>, planned: &PlannedTable, request: &CutoverTables) -> Result<CutoverTable> {
    let moved = wave.last_step(planned).and_then(|step| Some((step.moved.clone()?, step)));
    let Some((moved, last)) = moved else {
        return Err(Error::internal("a table is on probation and nothing says of what").about(&planned.source));
    };
    let seen = guarded(probation::seen(wave, planned, &moved, request.compare).boxed()).await;
    let (probation, error) = match seen {
        Ok((probation, error)) => (Some(probation), error),
        Err(error) if error.code == Code::Cancelled && wave.session.cancel.is_cancelled() => return Err(error),
        Err(error) => (None, Some(error)),
    };
    if let Some(error) = error.filter(|_| !request.anyway) {
        let mut table = told(planned, &last, now());
        (table.probation, table.error) = (probation, Some(error.about(&planned.source).or_usual_hint()));
        wave.show(&table).await?;
        return Ok(table);
    }
    let done = CutoverStep { stage: CutoverStage::Finished, probation, hooks: Vec::new(), error: None, ..last.clone() };
    wave.record(planned, &done).await?;
    Ok(told(planned, &done, now()))
}

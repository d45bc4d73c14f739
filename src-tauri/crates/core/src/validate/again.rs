//! Validates the tables of a finished run once more: weeks later, or after something was mended.

use super::cluster;
use super::{Pair, failure, pair};
use crate::LocalState;
use crate::run::entry::{TABLE_STATE, TableStep};
use crate::run::{self, Ground, Lakehouse};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{RunState, RunView, TableState};
use icebridge_model::{Error, Result};
use tokio_util::sync::CancellationToken;

/// Compares every table that the run brought into the target, at the source's pinned snapshot. A table that no longer holds
/// is no longer migrated. An empty run is the latest.
pub async fn again(local: &LocalState, run_id: &str, cancel: &CancellationToken) -> Result<RunView> {
    again_on(local, run_id, cancel, &Lakehouse).await
}

pub(crate) async fn again_on(
    local: &LocalState,
    run_id: &str,
    cancel: &CancellationToken,
    ground: &dyn Ground,
) -> Result<RunView> {
    let _lock = local.store.lock().await?;
    let record = run::find_run(local, run_id).await?;
    let plan = Plan::from_text(&record.plan_text).map_err(|e| e.about(&record.run_id))?;
    let progress = run::progress_of(local, &record.run_id, &plan).await?;
    let source = ground.source(local, &plan.source).await?;
    let target = ground.target(local, &plan.target).await?;
    let validations = local.store.validations(&record.run_id).await?;
    let comments_carried = plan.settings.governance.as_ref().is_some_and(|wanted| wanted.comments);
    let mut migrated = 0;
    for (planned, progress) in plan.tables.iter().zip(&progress) {
        // A table that never landed has nothing to compare; one that landed and then failed has.
        if !progress.landed {
            continue;
        }
        let outcome = local.store.outcome(&record.run_id, &planned.source).await?.unwrap_or_default();
        let compared = async {
            let from = run::pinned(source.as_ref(), planned).await?;
            let to = target.load(&planned.target).await?;
            let sides =
                Pair { planned, source: &from, target: &to, outcome: &outcome, measured: None, comments_carried };
            let mut validation = pair(ground, &sides, cancel).await?;
            // What a cluster had said of the copy is not asked again, and still counts.
            let before = validations.iter().find(|one| one.source == planned.source);
            let told = outcome.cluster.as_ref().and_then(|cluster| cluster.validation.as_ref());
            cluster::as_before(&mut validation, before, told);
            Ok(validation)
        };
        let (validation, error) = match compared.await {
            Ok(validation) => {
                let error = failure(&validation);
                (Some(validation), error)
            }
            Err(error) if cancel.is_cancelled() => return Err(error),
            Err(error) => (None, Some(error.about(&planned.source).or_usual_hint())),
        };
        let holds = error.is_none();
        migrated += usize::from(holds);
        // In this order, so that a death in between leaves no table migrated whose last validation failed.
        if !holds {
            record_state(local, &record.run_id, planned, progress.state, error).await?;
        }
        if let Some(validation) = validation {
            local.store.save_validation(&record.run_id, &validation).await?;
        }
        if holds {
            record_state(local, &record.run_id, planned, progress.state, None).await?;
        }
    }
    let state = match record.state {
        RunState::Succeeded | RunState::Incomplete if migrated == plan.tables.len() => RunState::Succeeded,
        RunState::Succeeded => RunState::Incomplete,
        other => other,
    };
    if state != record.state {
        local.store.set_run_state(&record.run_id, state, record.ended_at.as_deref()).await?;
    }
    run::view(local, &record.run_id).await
}

/// Only what changed: an entry for every look would bury the ones that matter.
async fn record_state(
    local: &LocalState,
    run_id: &str,
    planned: &PlannedTable,
    before: TableState,
    error: Option<Error>,
) -> Result<()> {
    let now = if error.is_none() { TableState::Migrated } else { TableState::Failed };
    if now == TableState::Migrated && before == now {
        return Ok(());
    }
    let mut step = TableStep::new(now, &planned.target).note("validated again");
    step.error = error;
    local.store.append(run_id, &planned.source.to_string(), TABLE_STATE, step.to_body()?).await.map(drop)
}

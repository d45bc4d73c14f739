//! Validates the tables of a finished job once more: weeks later, or after something was mended.

use super::cluster;
use super::{Pair, failure, pair};
use crate::Workspace;
use crate::run::entry::{TABLE_STATE, TableStep};
use crate::run::{self, Ground, Lakehouse};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{JobState, JobView, TableState};
use icebridge_model::{Error, Result};
use tokio_util::sync::CancellationToken;

/// Compares every table that the job brought into the target, at the source's pinned snapshot. A table that no longer holds
/// is no longer migrated. An empty job is the latest.
pub async fn again(workspace: &Workspace, job: &str, cancel: &CancellationToken) -> Result<JobView> {
    again_on(workspace, job, cancel, &Lakehouse).await
}

pub(crate) async fn again_on(
    workspace: &Workspace,
    job: &str,
    cancel: &CancellationToken,
    ground: &dyn Ground,
) -> Result<JobView> {
    let _lock = workspace.store.lock().await?;
    let record = run::find_job(workspace, job).await?;
    let plan = Plan::from_text(&record.plan_text).map_err(|e| e.about(&record.job))?;
    let progress = run::progress_of(workspace, &record.job, &plan).await?;
    let source = ground.source(workspace, &plan.source).await?;
    let target = ground.target(workspace, &plan.target).await?;
    let validations = workspace.store.validations(&record.job).await?;
    let comments_carried = plan.settings.after.as_ref().is_some_and(|after| after.comments);
    let mut migrated = 0;
    for (planned, progress) in plan.tables.iter().zip(&progress) {
        // A table that never landed has nothing to compare; one that landed and then failed has.
        if !progress.landed {
            continue;
        }
        let outcome = workspace.store.outcome(&record.job, &planned.source).await?.unwrap_or_default();
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
            record_state(workspace, &record.job, planned, progress.state, error).await?;
        }
        if let Some(validation) = validation {
            workspace.store.save_validation(&record.job, &validation).await?;
        }
        if holds {
            record_state(workspace, &record.job, planned, progress.state, None).await?;
        }
    }
    let state = match record.state {
        JobState::Succeeded | JobState::Incomplete if migrated == plan.tables.len() => JobState::Succeeded,
        JobState::Succeeded => JobState::Incomplete,
        other => other,
    };
    if state != record.state {
        workspace.store.set_job_state(&record.job, state, record.ended_at.as_deref()).await?;
    }
    run::view(workspace, &record.job).await
}

/// Only what changed: an entry for every look would bury the ones that matter.
async fn record_state(
    workspace: &Workspace,
    job: &str,
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
    workspace.store.append(job, &planned.source.to_string(), TABLE_STATE, step.to_body()?).await.map(drop)
}

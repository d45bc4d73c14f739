//! Prepared: scripts and inputs are in the workspace.
//!
//! Whether it already happened: each file is looked for before it is written ([`upload`]). There is no undo: the scripts
//! belong to all steps, and the inputs are evidence.

use super::patience::cancelled;
use super::record::{StepRecord, StepState};
use super::step::StepContext;
use super::upload;
use icebridge_model::Result;

pub(super) async fn prepare(record: &mut StepRecord, context: &StepContext<'_>) -> Result<()> {
    let StepContext { client, scripts, settings, uploading, patience, cancel, .. } = context;
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    context.may_spend()?;
    let turn = uploading.lock().await;
    record.scripts = upload::scripts(client, scripts, settings, patience, cancel).await?;
    drop(turn);
    upload::inputs(client, record, settings, patience, cancel).await?;
    context.reach(record, StepState::Prepared).await
}

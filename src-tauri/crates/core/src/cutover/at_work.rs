//! What every command that acts on a cut-over begins with.

use super::wave::Wave;
use crate::LocalState;
use crate::sync::begin_cancellable;
use icebridge_metrics::{AtWork as Timed, Stage};
use icebridge_model::Result;
use icebridge_model::cutover::CutoverTables;
use icebridge_store::StateLock;
use tokio_util::sync::CancellationToken;

/// Alone on the state folder, able to be stopped, and timed, until it is dropped.
pub(super) struct AtWork<'a> {
    local: &'a LocalState,
    pub cancel: CancellationToken,
    _lock: StateLock,
    _timed: Timed,
}

impl<'a> AtWork<'a> {
    pub async fn begin(local: &'a LocalState, cancel: &CancellationToken) -> Result<Self> {
        let lock = local.store.lock().await?;
        let cancel = begin_cancellable(local, cancel);
        local.store.check_journal().await?;
        Ok(Self { local, cancel, _lock: lock, _timed: local.metrics.stage(Stage::Cutover) })
    }

    /// The run that is asked for, or the one whose tables were cut over last. `hooks`: the path of the file, or nothing.
    pub async fn wave(&self, request: &CutoverTables, hooks: &str) -> Result<Wave<'_>> {
        Wave::of_moved(self.local, (&request.run_id, &request.tables), hooks, &self.cancel).await
    }
}

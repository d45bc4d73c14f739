//! What a run writes into the journal, and how a run's entries are read back: below everything that runs, validates or audits.

mod cutover_step;
mod entry;
mod history;
mod records;
mod step;
mod sync_step;

pub use cutover_step::{CutoverStage, CutoverStep};
pub(crate) use cutover_step::{last_cutover_steps, moved_states};
pub use entry::{
    CUTOVER_APPROVED, CutoverApproved, METRICS_SENT, OLD_RUN_ENDED, OLD_RUN_RESUMED, OLD_RUN_STARTED,
    OLD_TABLE_GOVERNANCE, PLAN_REHEARSED, RUN_ENDED, RUN_RESUMED, RUN_STARTED, RunEnded, RunStarted, TABLE_CUTOVER,
    TABLE_GOVERNANCE, TABLE_NOT_VALIDATED, TABLE_STATE, TABLE_SYNCED, TABLE_VALIDATED,
};
pub(crate) use entry::{body, read as read_body, same};
pub(crate) use history::{RunHistory, TableHistory};
pub(crate) use records::{
    find_run, may_be_published, plan_of, rehearsals_of, run_started, table_histories, table_history,
};
pub use step::{Published, PublishedBy, SumOfSums, TableStep};
pub use sync_step::{SyncStage, SyncStep};
pub(crate) use sync_step::{last_committed, last_sync_steps, step_that_brought};

//! A step as it is told.

use crate::ledger::CutoverStep;
use icebridge_model::cutover::CutoverTable;
use icebridge_model::plan::PlannedTable;

pub(super) fn told(planned: &PlannedTable, step: &CutoverStep, at: String) -> CutoverTable {
    CutoverTable {
        source: planned.source.clone(),
        target: planned.target.clone(),
        state: step.stage.state(),
        at,
        writers_stopped: step.writers_stopped(),
        moved: step.moved.clone(),
        probation: step.probation.clone(),
        recovery_ms: step.recovery_ms,
        error: step.error.clone(),
    }
}

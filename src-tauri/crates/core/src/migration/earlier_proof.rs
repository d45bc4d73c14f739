//! A proof once made is history. Where source and target cannot be compared any more, because the source is gone or out of
//! reach, what an earlier run of the plan proved of the same target still holds.

use super::context::Migration;
use super::proving::CommittedTable;
use super::synced;
use crate::ledger::{TableStep, table_history};
use icebridge_lakehouse::Table;
use icebridge_model::plan::PlannedTable;
use icebridge_model::run::TableState;
use icebridge_model::validation::Validation;
use icebridge_model::{Error, Result};
use std::borrow::Cow;

impl Migration {
    /// As it would have been planned with the source's state that the target has.
    pub async fn as_it_stands(&self, target: &Table) -> Result<Cow<'_, PlannedTable>> {
        let local = (&self.run.local, self.run.plan.hash.as_str());
        synced::as_it_stands(local, self.planned(), (self.run.target.as_ref(), target)).await
    }

    /// Writes down the round that the target has, where this run does not know of it.
    pub async fn record_round(&self, target: &Table) -> Result<()> {
        let local = (&self.run.local, self.run.plan.hash.as_str());
        let Some(standing) = synced::round(local, self.planned(), (self.run.target.as_ref(), target)).await? else {
            return Ok(());
        };
        let (run_id, source) = (&self.run.live.run_id, &self.planned().source);
        let history = table_history(&self.run.local, run_id, source).await?;
        synced::record_found(&self.run.local, run_id, &history, self.planned(), standing).await
    }

    /// The last word on this table in any run of the plan, if it is a proof of the very snapshots that it is about now.
    pub async fn earlier_proof(&self, found: &Table) -> Result<Option<Validation>> {
        let planned = self.as_it_stands(found).await?;
        let last = self.run.local.store.validation_of_plan(&self.run.plan.hash, &planned.source).await?;
        let holds = |proof: &Validation| {
            proof.passed
                && proof.target == planned.target
                && proof.source_snapshot_id == planned.snapshot_id
                && proof.target_snapshot_id == found.metadata.current_snapshot_id
        };
        Ok(last.filter(holds))
    }

    /// Lets the proof stand in this run too, and says why nothing new was compared. False: there is none, and the table is
    /// as unproved as the error leaves it.
    pub async fn stands_proved(&self, committed: &CommittedTable, error: &Error) -> Result<bool> {
        if self.run.is_cancelled(error) {
            return Ok(false);
        }
        let Some(proof) = self.earlier_proof(&committed.table).await? else { return Ok(false) };
        self.run.local.store.save_validation(&self.run.live.run_id, &proof).await?;
        let target = &self.planned().target;
        let note = format!(
            "not compared again ({}: {}); the proof of {} stands",
            error.code, error.message, proof.validated_at
        );
        self.live().change(|table| {
            table.validation = Some(proof);
            table.not_validated = Some(error.clone().or_usual_hint());
        });
        self.record(TableStep::new(TableState::Migrated, target).note(note)).await?;
        Ok(true)
    }
}

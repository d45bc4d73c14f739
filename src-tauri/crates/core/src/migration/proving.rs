//! A table that is in the target is compared with its source, and the result decides.

use super::context::Migration;
use super::guard::guarded;
use super::synced;
use crate::ledger::TableStep;
use crate::validate::{self, Measured, Sides};
use futures::FutureExt;
use icebridge_lakehouse::Table;
use icebridge_model::Result;
use icebridge_model::run::{CopyOutcome, TableState};
use icebridge_model::validation::Validation;
use std::borrow::Cow;

/// A table that is in the target.
pub(super) struct CommittedTable {
    pub table: Table,
    pub outcome: CopyOutcome,
    /// Its source as it was read before the commit; none if it was not read here, or the commit is an earlier run's.
    pub measured: Option<Measured>,
}

impl Migration {
    pub async fn record_committed(&self, committed: &CommittedTable, note: &str) -> Result<()> {
        let mut step = TableStep::new(TableState::Committed, &self.planned().target).note(note);
        step.target_snapshot_id = committed.table.metadata.current_snapshot_id;
        let mut outcome = committed.outcome.clone();
        outcome.target_uuid = committed.table.identity().unwrap_or_default().to_string();
        self.record_made(step, &outcome).await
    }

    pub async fn prove(&self, source: &Table, committed: CommittedTable) -> Result<()> {
        let adopted = committed.outcome.adopted;
        let validation = self.compare(source, committed).await?;
        self.conclude(validation, adopted).await
    }

    pub async fn compare(&self, source: &Table, committed: CommittedTable) -> Result<Validation> {
        self.run.not_cancelled()?;
        self.enter(TableState::Validating).await?;
        let CommittedTable { table: target, outcome, measured } = &committed;
        let planned = self.as_it_stands(target).await?;
        let since = matches!(planned, Cow::Owned(_)).then(|| synced::outcome_since(outcome));
        let sides = Sides {
            planned: &planned,
            source,
            target,
            outcome: since.as_ref().unwrap_or(outcome),
            measured: measured.as_ref(),
            comments_carried: self.run.plan.settings.governance.as_ref().is_some_and(|wanted| wanted.comments),
        };
        let reader = self.run.environment.as_ref();
        let compared = guarded(validate::compare(reader, &sides, &self.run.live.cancel).boxed()).await?;
        // Whatever the reason, what was not compared to its end is not migrated yet.
        Ok(compared.validation)
    }

    /// Writes a validation down and lets it decide. What another engine found in any run of the plan still counts for a table
    /// that was there already; a new copy has the same ids and other files.
    pub async fn conclude(&self, mut validation: Validation, adopted: bool) -> Result<()> {
        if adopted {
            let before = self.run.local.store.validation_of_plan(&self.run.plan.hash, &self.planned().source).await?;
            validate::keep_read_back(&mut validation, before.as_ref());
        }
        self.run.plan.hide_values(&mut validation.checks);
        self.run.local.save_validation(&self.run.plan, &self.run.live.run_id, &validation).await?;
        self.live().change(|table| table.validation = Some(validation.clone()));
        match validate::failure(&validation) {
            None => self.enter(TableState::Migrated).await,
            Some(error) => Err(error),
        }
    }
}

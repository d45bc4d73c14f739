//! The governance of a table once it is migrated: where it stands in the run and in the journal.

use super::adoption;
use super::entry::{TABLE_GOVERNANCE, body};
use super::journey::{Run, guarded};
use crate::governance::MigratedTable;
use futures::FutureExt;
use icebridge_model::governance::{GovernanceReport, GovernanceSettings, NotDone};
use icebridge_model::plan::PlannedTable;
use icebridge_model::{Code, Error, Result};

impl Run {
    /// An error means that the journal cannot be written.
    pub(super) async fn follow_up(&self, index: usize, planned: &PlannedTable) -> Result<()> {
        let (Some(settings), Some(client)) = (&self.plan.settings.governance, &self.client) else { return Ok(()) };
        let migration = self.live.tables.get(index).map(|table| table.snapshot());
        // What an earlier process did stays in the report.
        let before = migration.as_ref().and_then(|migration| migration.governance.clone());
        let mut report = GovernanceReport { done: before.unwrap_or_default().done, not_done: Vec::new() };
        let table = MigratedTable {
            local: &self.local,
            client,
            run_id: &self.live.run_id,
            plan: &self.plan,
            planned,
            migration,
            once: &self.governance,
            cancel: &self.live.cancel,
        };
        if let Err(error) = guarded(self.govern(&table, settings, &mut report).boxed()).await {
            if table.is_cancelled(&error) {
                // Left for a resume, which sees that there is no report.
                return Ok(());
            }
            let statement = format!("-- governance of {}", planned.target);
            report.not_done.push(NotDone { statement, error: error.or_usual_hint() });
        }
        let source = planned.source.to_string();
        self.local.store.append(&self.live.run_id, &source, TABLE_GOVERNANCE, body(&report)?).await?;
        if let Some(table) = self.live.tables.get(index) {
            table.change(|run| run.governance = Some(report));
        }
        self.live.emit_table(&self.local, index);
        Ok(())
    }

    async fn govern(
        &self,
        table: &MigratedTable<'_>,
        settings: &GovernanceSettings,
        report: &mut GovernanceReport,
    ) -> Result<()> {
        // The name may be another table's by now.
        if adoption::find(self.target.as_ref(), table.planned, &self.plan.hash).await?.is_none() {
            return Err(
                Error::new(Code::TableNotFound, "the target no longer has the table").about(&table.planned.target)
            );
        }
        table.govern(settings, report).await
    }
}

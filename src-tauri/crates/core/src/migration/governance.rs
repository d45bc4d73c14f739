//! The governance of a table once it is migrated: where it stands in the run and in the journal.

use super::adoption;
use super::context::Migration;
use super::guard::guarded;
use crate::governance::MigratedTable;
use crate::ledger::{TABLE_GOVERNANCE, body};
use futures::FutureExt;
use icebridge_model::governance::{GovernanceReport, GovernanceSettings, NotDone};
use icebridge_model::{Code, Error, Result};

impl Migration {
    /// An error means that the journal cannot be written.
    #[tracing::instrument(name = "governance", skip_all)]
    pub(super) async fn follow_up(&self) -> Result<()> {
        let (run, planned) = (&self.run, self.planned());
        let (Some(settings), Some(client)) = (&run.plan.settings.governance, &run.client) else { return Ok(()) };
        let migration = self.live().snapshot();
        // What an earlier process did stays in the report.
        let before = migration.governance.clone();
        let mut report = GovernanceReport { done: before.unwrap_or_default().done, not_done: Vec::new() };
        let table = MigratedTable {
            local: &run.local,
            client,
            run_id: &run.live.run_id,
            plan: &run.plan,
            planned,
            migration,
            once: &run.governance,
            cancel: &run.live.cancel,
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
        run.local.store.append(&run.live.run_id, &source, TABLE_GOVERNANCE, body(&report)?).await?;
        self.live().change(|table| table.governance = Some(report));
        self.emit();
        Ok(())
    }

    async fn govern(
        &self,
        table: &MigratedTable<'_>,
        settings: &GovernanceSettings,
        report: &mut GovernanceReport,
    ) -> Result<()> {
        // The name may be another table's by now.
        if adoption::find(self.run.target.as_ref(), table.planned, &self.run.plan.hash).await?.is_none() {
            return Err(
                Error::new(Code::TableNotFound, "the target no longer has the table").about(&table.planned.target)
            );
        }
        table.govern(settings, report).await
    }
}

//! The governance of a table once it is migrated: where it stands in the run and in the journal.

use super::adoption;
use super::context::Migration;
use super::guard::guarded;
use crate::governance::{MigratedTable, clustering_by_hand};
use crate::ledger::{TABLE_GOVERNANCE, body};
use futures::FutureExt;
use icebridge_databricks::Client;
use icebridge_model::conversion::PartitionWay;
use icebridge_model::governance::{GovernanceReport, GovernanceSettings, NotDone};
use icebridge_model::run::{TableMigration, TableState};
use icebridge_model::{Code, Error, Result};

impl Migration {
    /// An error means that the journal cannot be written.
    #[tracing::instrument(name = "governance", skip_all)]
    pub(super) async fn follow_up(&self) -> Result<()> {
        let (run, planned) = (&self.run, self.planned());
        let migration = self.live().snapshot();
        let columns = clustered_by(&migration);
        let settings = run.plan.settings.governance.as_ref().filter(|_| run.client.is_some());
        if migration.state != TableState::Migrated || settings.is_none() && columns.is_none() {
            return Ok(());
        }
        // What an earlier process did stays in the report.
        let before = migration.governance.clone();
        let mut report = GovernanceReport { done: before.unwrap_or_default().done, ..GovernanceReport::default() };
        let Some(client) = &run.client else {
            clustering_by_hand(&planned.target, &columns.unwrap_or_default(), &mut report);
            return self.report(report).await;
        };
        if settings.is_some_and(|wanted| wanted.read_back)
            && !self.read_back_if_copied_here(client, &mut report).await?
        {
            return Ok(());
        }
        let migration = self.live().snapshot();
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
        if let Err(error) = guarded(self.govern(&table, settings, columns.as_deref(), &mut report).boxed()).await {
            if table.is_cancelled(&error) {
                // Left for a resume, which sees that there is no report.
                return Ok(());
            }
            let statement = format!("-- governance of {}", planned.target);
            report.not_done.push(NotDone { statement, error: error.or_usual_hint() });
        }
        self.report(report).await
    }

    /// What clusters read needs no other reader of the workspace.
    async fn read_back_if_copied_here(&self, client: &Client, report: &mut GovernanceReport) -> Result<bool> {
        let (run, planned) = (&self.run, self.planned());
        let Some(validation) = self.live().snapshot().validation.filter(|_| planned.cluster.is_none()) else {
            return Ok(true);
        };
        // Another table of the name is told by what follows.
        let Ok(Some(target)) = adoption::find(run.target.as_ref(), planned, &run.plan.hash).await else {
            return Ok(true);
        };
        self.read_back(client, &target, &validation, report).await
    }

    async fn report(&self, report: GovernanceReport) -> Result<()> {
        let (run, source) = (&self.run, self.planned().source.to_string());
        run.local.store.append(&run.live.run_id, &source, TABLE_GOVERNANCE, body(&report)?).await?;
        self.live().change(|table| table.governance = Some(report));
        self.emit();
        Ok(())
    }

    async fn govern(
        &self,
        table: &MigratedTable<'_>,
        settings: Option<&GovernanceSettings>,
        columns: Option<&[String]>,
        report: &mut GovernanceReport,
    ) -> Result<()> {
        // The name may be another table's by now.
        if adoption::find(self.run.target.as_ref(), table.planned, &self.run.plan.hash).await?.is_none() {
            return Err(
                Error::new(Code::TableNotFound, "the target no longer has the table").about(&table.planned.target)
            );
        }
        // Before the owner may be another.
        if let Some(columns) = columns {
            table.cluster(columns, report).await?;
        }
        match settings {
            Some(settings) => table.govern(settings, report).await,
            None => Ok(()),
        }
    }
}

/// The columns that the target shall cluster the table by, where it did not take its partitions.
fn clustered_by(migration: &TableMigration) -> Option<Vec<String>> {
    match migration.outcome.as_ref()?.partitioning.as_ref()? {
        PartitionWay::Cluster { columns } => Some(columns.clone()),
        PartitionWay::AsIs | PartitionWay::LeftOut => None,
    }
}

//! A migrated table read once more by a SQL warehouse of its workspace, where the plan wants it.

use super::context::Migration;
use crate::judge::Judge;
use crate::ledger::TableStep;
use crate::validate;
use icebridge_databricks::Client;
use icebridge_lakehouse::Table;
use icebridge_model::check::CheckKind;
use icebridge_model::governance::{GovernanceReport, NotDone};
use icebridge_model::judge::JudgeKind;
use icebridge_model::run::TableState;
use icebridge_model::validation::Validation;
use icebridge_model::{Error, Result};

/// In the report, where others have a statement.
const STEP: &str = "-- the row digest of the target, by a SQL warehouse";

impl Migration {
    /// False: the warehouse found other rows, and the table is not migrated. An error means that the journal cannot be written.
    pub(super) async fn read_back(
        &self,
        client: &Client,
        target: &Table,
        validation: &Validation,
        report: &mut GovernanceReport,
    ) -> Result<bool> {
        if validation.checks.iter().any(|check| check.name == CheckKind::TargetReadBack) {
            return Ok(validation.passed);
        }
        let mut judged = validation.clone();
        if let Err(error) = self.ask_warehouse(client, target, &mut judged).await {
            report.not_done.push(NotDone { statement: STEP.into(), error: error.or_usual_hint() });
            return Ok(true);
        }
        let run = &self.run;
        match validate::failure(&judged) {
            None => report.done.push(STEP.into()),
            // In this order, so that a death in between leaves no table migrated whose last validation failed.
            Some(error) => {
                let step = TableStep::new(TableState::Failed, &self.planned().target);
                self.record(step.error(error.about(&self.planned().source).or_usual_hint())).await?;
            }
        }
        run.local.save_validation(&run.plan, &run.live.run_id, &judged).await?;
        let passed = judged.passed;
        self.live().change(|table| table.validation = Some(judged));
        Ok(passed)
    }

    async fn ask_warehouse(&self, client: &Client, target: &Table, validation: &mut Validation) -> Result<(), Error> {
        let (plan, spec, cancel) = (&self.run.plan, self.run.target.spec(), &self.run.live.cancel);
        let mut judge = Judge::start(JudgeKind::Warehouse, plan, spec, Some(client.clone()), cancel).await?;
        judge.judge((target, target), self.run.target.as_ref(), validation, cancel).await
    }
}

//! What follows a table's migration in Unity Catalog, as the plan's settings want it: governance, upkeep, metrics.
//!
//! The table is migrated already, and stays so: what could not be done is told with its statement, and tried again by a
//! resume. Each part may be repeated without harm, so that a kill in the middle costs nothing.

use super::adoption;
use super::entry::{TABLE_AFTER, body};
use super::journey::{Run, guarded};
use crate::photon::after::{self, Action, Governance};
use crate::photon::metrics;
use futures::FutureExt;
use icebridge_databricks::Client;
use icebridge_databricks::optimization::{self, Level};
use icebridge_databricks::unity::PredictiveOptimization;
use icebridge_model::after::{AfterReport, AfterSettings, NotDone, OptimizationLevel, OptimizationSetting};
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::plan::PlannedTable;
use icebridge_model::run::TableState;
use icebridge_model::{Code, Error, Result, TableIdent};

impl Run {
    /// An error means that the journal cannot be written.
    pub(super) async fn follow_up(&self, index: usize, planned: &PlannedTable) -> Result<()> {
        let (Some(settings), Some(client)) = (&self.plan.settings.after, &self.client) else { return Ok(()) };
        // What an earlier process had done stays told.
        let before = self.live.tables.get(index).and_then(|table| table.snapshot().after);
        let mut report =
            AfterReport { done: before.map(|before| before.done).unwrap_or_default(), not_done: Vec::new() };
        let all = guarded(self.after(index, planned, settings, client, &mut report).boxed()).await;
        if let Err(error) = all {
            if self.is_cancelled(&error) {
                // Left for a resume, which sees that there is no report.
                return Ok(());
            }
            let statement = format!("-- what follows the migration of {}", planned.target);
            report.not_done.push(NotDone { statement, error: error.or_usual_hint() });
        }
        let source = planned.source.to_string();
        self.local.store.append(&self.live.run_id, &source, TABLE_AFTER, body(&report)?).await?;
        if let Some(table) = self.live.tables.get(index) {
            table.change(|run| run.after = Some(report));
        }
        self.live.emit_table(&self.local, index);
        Ok(())
    }

    async fn after(
        &self,
        index: usize,
        planned: &PlannedTable,
        settings: &AfterSettings,
        client: &Client,
        report: &mut AfterReport,
    ) -> Result<()> {
        // It may be somebody else's by now.
        if adoption::find(self.target.as_ref(), planned, &self.plan.hash).await?.is_none() {
            return Err(Error::new(Code::TableNotFound, "the target no longer has the table").about(&planned.target));
        }
        let spec = self.local.store.catalog(&self.plan.target).await?;
        let target = within(&spec.warehouse, &planned.target);
        // Metrics before the owner is changed: afterwards the catalog may be closed to us.
        if settings.metrics {
            let table = metrics::table_of(settings.metrics_table.as_deref(), &spec.warehouse)?;
            let done = self.metrics(index, planned, settings, client, &table).await;
            self.put(report, format!("-- one row in {table}"), done)?;
        }
        if let Some(choice) = &settings.predictive_optimization {
            self.optimize(choice.level, choice.setting, settings, client, &target, report).await?;
        }
        if settings.carries()
            && let Some(source) = self.in_unity_catalog(planned, &spec).await?
        {
            let warehouse = settings.warehouse.as_deref();
            let own = after::read(client, &source, settings.tags).await?;
            let there = after::read(client, &target, settings.tags).await?;
            let mut actions = after::difference(&wanted(own, settings), &there, &settings.principals);
            // Who gives a table away can mend nothing any more.
            if !report.not_done.is_empty() {
                for action in actions.extract_if(.., |action| matches!(action, Action::Owner(_))) {
                    let words = "the owner stays as it is, because something before it could not be done";
                    let error = Error::new(Code::WorkspaceRefused, words).about(&target);
                    let error = error.with_hint("Resume the run once the rest can be done.");
                    report.not_done.push(NotDone { statement: action.statement(&target), error });
                }
            }
            let not_done = after::apply(client, warehouse, &target, &actions, &self.live.cancel).await?;
            let failed = |statement: &String| not_done.iter().any(|one| one.statement == *statement);
            for statement in actions.iter().map(|action| action.statement(&target)).filter(|one| !failed(one)) {
                told(report, statement);
            }
            report.not_done.extend(not_done.into_iter().map(|one| NotDone { error: one.error.or_usual_hint(), ..one }));
        }
        Ok(())
    }

    fn is_cancelled(&self, error: &Error) -> bool {
        error.code == Code::Cancelled && self.live.cancel.is_cancelled()
    }

    fn put(&self, report: &mut AfterReport, statement: String, done: Result<()>) -> Result<()> {
        match done {
            Ok(()) => told(report, statement),
            Err(error) if self.is_cancelled(&error) => return Err(error),
            Err(error) => report.not_done.push(NotDone { statement, error: Error::or_usual_hint(error) }),
        }
        Ok(())
    }

    /// The source's table as Unity Catalog has it, if it does.
    async fn in_unity_catalog(&self, planned: &PlannedTable, target: &CatalogSpec) -> Result<Option<TableIdent>> {
        if let Some(cluster) = &planned.cluster {
            return Ok(Some(cluster.source.clone()));
        }
        let source = self.local.store.catalog(&self.plan.source).await?;
        let same = source.kind == CatalogKind::Unity && source.uri == target.uri;
        let told = self.plan.settings.photon.as_ref().and_then(|photon| photon.source_catalog.as_ref());
        Ok(told.or(same.then_some(&source.warehouse)).map(|catalog| within(catalog, &planned.source)))
    }

    async fn optimize(
        &self,
        level: OptimizationLevel,
        setting: OptimizationSetting,
        settings: &AfterSettings,
        client: &Client,
        target: &TableIdent,
        report: &mut AfterReport,
    ) -> Result<()> {
        let [catalog, schema] = target.namespace.as_slice() else { return Ok(()) };
        let (catalog, schema) = (catalog.clone(), schema.clone());
        let level = match level {
            OptimizationLevel::Catalog => Level::Catalog(catalog),
            OptimizationLevel::Schema => Level::Schema { catalog, schema },
            OptimizationLevel::Table => Level::Table { catalog, schema, table: target.name.clone() },
        };
        let wanted = match setting {
            OptimizationSetting::Enable => PredictiveOptimization::Enable,
            OptimizationSetting::Disable => PredictiveOptimization::Disable,
            OptimizationSetting::Inherit => PredictiveOptimization::Inherit,
        };
        let statement = optimization::statement(&level, &wanted)?;
        // Of a catalog or a schema, once a run is enough.
        let mut optimized = self.optimized.lock().await;
        if optimized.contains(&statement) {
            return Ok(());
        }
        let done = after::optimize(client, settings.warehouse.as_deref(), &level, &wanted, &self.live.cancel).await;
        if done.is_ok() {
            optimized.insert(statement.clone());
        }
        self.put(report, statement, done)
    }

    async fn metrics(
        &self,
        index: usize,
        planned: &PlannedTable,
        settings: &AfterSettings,
        client: &Client,
        table: &TableIdent,
    ) -> Result<()> {
        let known = self.live.tables.get(index).map(|table| table.snapshot());
        let outcome = known.as_ref().and_then(|run| run.outcome.as_ref());
        let cluster = outcome.and_then(|outcome| outcome.cluster.as_deref());
        let row = metrics::Row {
            source: &planned.source,
            target: &planned.target,
            method: cluster.map_or(planned.mode.as_str(), |cluster| cluster.method.as_str()),
            state: TableState::Migrated.as_str(),
            rows: known.as_ref().and_then(|run| run.validation.as_ref()).map(|validation| validation.rows),
            milliseconds: cluster.and_then(|cluster| cluster.milliseconds),
            job_run_id: cluster.and_then(|cluster| cluster.job_run_id),
        };
        let of = (self.plan.hash.as_str(), self.live.run_id.as_str());
        // One at a time: each looks whether the schema and the table are there.
        let _turn = self.metrics_turn.lock().await;
        metrics::record(client, settings.warehouse.as_deref(), table, of, &row, &self.live.cancel).await
    }
}

fn within(catalog: &str, table: &TableIdent) -> TableIdent {
    TableIdent::new(std::iter::once(catalog.to_string()).chain(table.namespace.iter().cloned()), table.name.clone())
}

fn wanted(own: Governance, settings: &AfterSettings) -> Governance {
    let mut wanted = Governance::default();
    if settings.comments {
        (wanted.comment, wanted.column_comments) = (own.comment, own.column_comments);
    }
    if settings.tags {
        (wanted.tags, wanted.column_tags) = (own.tags, own.column_tags);
    }
    if settings.grants {
        wanted.grants = own.grants;
    }
    if settings.owner {
        wanted.owner = own.owner;
    }
    wanted
}

fn told(report: &mut AfterReport, statement: String) {
    if !report.done.contains(&statement) {
        report.done.push(statement);
    }
}

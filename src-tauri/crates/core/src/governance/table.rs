//! The governance of one migrated table, as the plan's settings want it.

use super::apply::{self, Applied, owner_stays};
use super::clustering;
use super::difference::{Action, Governance, difference};
use super::metrics::{self, MetricsTable};
use super::read::{self, Found, Wanted};
use super::tags::TagReader;
use super::warehouse;
use crate::LocalState;
use crate::ledger::METRICS_SENT;
use icebridge_databricks::Client;
use icebridge_databricks::identity::Me;
use icebridge_databricks::optimization::{self, Level};
use icebridge_databricks::unity::{PredictiveOptimization, quoted};
use icebridge_model::catalog::{CatalogKind, CatalogSpec};
use icebridge_model::governance::{
    GovernanceReport, GovernanceSettings, NotDone, OptimizationChoice, OptimizationLevel, OptimizationSetting,
};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::run::{TableMigration, TableState};
use icebridge_model::{Code, Error, Result, TableIdent};
use serde_json::json;
use std::collections::HashSet;
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

/// What the tables of one run share.
#[derive(Debug, Default)]
pub(crate) struct OncePerRun {
    /// Statements about more than one table that are done.
    optimized: Mutex<HashSet<String>>,
    metrics_turn: Mutex<()>,
    /// Who is signed in to the workspace.
    me: OnceCell<Me>,
}

impl OncePerRun {
    pub async fn me(&self, client: &Client) -> Result<&Me> {
        self.me.get_or_try_init(|| client.me()).await
    }
}

/// A migrated table of a run.
pub(crate) struct MigratedTable<'a> {
    pub local: &'a LocalState,
    pub client: &'a Client,
    pub run_id: &'a str,
    pub plan: &'a Plan,
    pub planned: &'a PlannedTable,
    /// With its outcome and its validation.
    pub migration: TableMigration,
    pub once: &'a OncePerRun,
    pub cancel: &'a CancellationToken,
}

impl MigratedTable<'_> {
    /// What is done, and what is not, is added to the report. An error: the rest could not be tried.
    pub async fn govern(&self, settings: &GovernanceSettings, report: &mut GovernanceReport) -> Result<()> {
        let spec = self.local.store.catalog(&self.plan.target).await?;
        let target = within(&spec.warehouse, &self.planned.target);
        // Metrics before the owner is changed: afterwards the catalog may be closed to this principal.
        if settings.metrics {
            let table = metrics::table_of(settings.metrics_table.as_deref(), &spec.warehouse)?;
            let done = self.record_metrics(settings, &table).await;
            self.add(report, format!("-- one row in {table}"), done)?;
        }
        if let Some(choice) = settings.predictive_optimization {
            self.optimize(choice, settings, &target, report).await?;
        }
        if settings.carries()
            && let Some(source) = self.source_in_unity_catalog(&spec).await?
        {
            self.carry(settings, &source, &target, report).await?;
        }
        Ok(())
    }

    /// Clusters a table whose partitions the target did not take, and reports the statements.
    pub async fn cluster(&self, columns: &[String], report: &mut GovernanceReport) -> Result<()> {
        let spec = self.local.store.catalog(&self.plan.target).await?;
        let target = within(&spec.warehouse, &self.planned.target);
        let settings = self.plan.settings.governance.as_ref();
        let warehouse = settings.and_then(|settings| settings.warehouse.as_deref());
        clustering::cluster(self.client, warehouse, &target, columns, report, self.cancel).await
    }

    /// A cancel of the run, and not one that the workspace reports.
    pub fn is_cancelled(&self, error: &Error) -> bool {
        error.code == Code::Cancelled && self.cancel.is_cancelled()
    }

    fn add(&self, report: &mut GovernanceReport, statement: String, done: Result<()>) -> Result<()> {
        match done {
            Ok(()) => add_done(report, statement),
            Err(error) if self.is_cancelled(&error) => return Err(error),
            Err(error) => report.not_done.push(NotDone { statement, error: error.or_usual_hint() }),
        }
        Ok(())
    }

    async fn carry(
        &self,
        settings: &GovernanceSettings,
        source: &TableIdent,
        target: &TableIdent,
        report: &mut GovernanceReport,
    ) -> Result<()> {
        let mut unread = Vec::new();
        // Only what is hidden from somebody needs to know whom.
        let me = match self.once.me(self.client).await {
            Ok(me) => Some(me),
            Err(error) if self.is_cancelled(&error) => return Err(error),
            Err(error) => {
                unread.push(("row filters, masks and policies", error));
                None
            }
        };
        // Without a list of warehouses tags are read by the API, and statements are not done.
        let warehouse = match settings.tags {
            true => warehouse::choose(self.client, settings.warehouse.as_deref()).await.unwrap_or_default(),
            false => None,
        };
        let tags = settings.tags.then_some(TagReader { warehouse: warehouse.as_deref(), cancel: self.cancel });
        let wanted_of = |restrictions_for| Wanted { tags, grants: settings.grants, restrictions_for };
        let own = read::read(self.client, source, wanted_of(me), self.cancel).await?;
        // What the copy has already and does not show is done once more, which changes nothing.
        let there = read::read(self.client, target, wanted_of(None), self.cancel).await?.governance;
        report.left_behind = left_behind(&own, settings, target);
        unread.extend(own.unread);
        report.not_done.extend(unread.into_iter().map(|(what, error)| NotDone {
            statement: format!("-- {what} of {source}"),
            error: error.about(source).or_usual_hint(),
        }));
        let mut actions = difference(&wanted(own.governance, settings), &there, &settings.principals);
        if report.not_done.iter().any(apply::may_be_done_later) {
            for action in actions.extract_if(.., |action| matches!(action, Action::Owner(_))) {
                let error = owner_stays().about(target).with_hint("Resume the run once the rest can be done.");
                report.not_done.push(NotDone { statement: action.statement(target), error });
            }
        }
        let mut applied = Applied::default();
        let named = warehouse.as_deref().or(settings.warehouse.as_deref());
        let ended = apply::apply(self.client, named, target, &actions, &mut applied, self.cancel).await;
        for statement in applied.done {
            add_done(report, statement);
        }
        report.not_done.extend(applied.not_done);
        ended
    }

    /// The source's table as Unity Catalog has it, if it does.
    async fn source_in_unity_catalog(&self, target: &CatalogSpec) -> Result<Option<TableIdent>> {
        if let Some(cluster) = &self.planned.cluster {
            return Ok(Some(cluster.source.clone()));
        }
        let source = self.local.store.catalog(&self.plan.source).await?;
        let same = source.kind == CatalogKind::Unity && source.uri == target.uri;
        let named = self.plan.settings.photon.as_ref().and_then(|photon| photon.source_catalog.as_ref());
        Ok(named.or(same.then_some(&source.warehouse)).map(|catalog| within(catalog, &self.planned.source)))
    }

    async fn optimize(
        &self,
        choice: OptimizationChoice,
        settings: &GovernanceSettings,
        target: &TableIdent,
        report: &mut GovernanceReport,
    ) -> Result<()> {
        let [catalog, schema] = target.namespace.as_slice() else { return Ok(()) };
        let (catalog, schema) = (catalog.clone(), schema.clone());
        let level = match choice.level {
            OptimizationLevel::Catalog => Level::Catalog(catalog),
            OptimizationLevel::Schema => Level::Schema { catalog, schema },
            OptimizationLevel::Table => Level::Table { catalog, schema, table: target.name.clone() },
        };
        let wanted = match choice.setting {
            OptimizationSetting::Enable => PredictiveOptimization::Enable,
            OptimizationSetting::Disable => PredictiveOptimization::Disable,
            OptimizationSetting::Inherit => PredictiveOptimization::Inherit,
        };
        let statement = optimization::statement(&level, &wanted)?;
        // Of a catalog or a schema, once a run is enough.
        let mut optimized = self.once.optimized.lock().await;
        if optimized.contains(&statement) {
            return Ok(());
        }
        let warehouse = settings.warehouse.as_deref();
        let done = apply::optimize(self.client, warehouse, &level, &wanted, self.cancel).await;
        if done.is_ok() {
            optimized.insert(statement.clone());
        }
        self.add(report, statement, done)
    }

    async fn record_metrics(&self, settings: &GovernanceSettings, table: &TableIdent) -> Result<()> {
        let outcome = self.migration.outcome.as_ref();
        let validation = self.migration.validation.as_ref();
        let cluster = outcome.and_then(|outcome| outcome.cluster.as_deref());
        let row = metrics::Row {
            plan_hash: &self.plan.hash,
            run_id: self.run_id,
            source: &self.planned.source,
            target: &self.planned.target,
            method: cluster.map_or(self.planned.mode.as_str(), |cluster| cluster.method.as_str()),
            state: TableState::Migrated.as_str(),
            rows: validation.map(|validation| validation.rows),
            milliseconds: cluster.and_then(|cluster| cluster.milliseconds),
            job_run_id: cluster.and_then(|cluster| cluster.job_run_id),
        };
        // One at a time: each looks whether the schema and the table are there.
        let _turn = self.once.metrics_turn.lock().await;
        let metrics = MetricsTable::open(self.client, settings.warehouse.as_deref(), table, self.cancel).await?;
        match metrics.record(&row).await {
            // It may be written to and not be read: then only what is kept here says whether it was.
            Err(denied) if denied.code == Code::AccessDenied => self.insert_unseen(&metrics, &row, denied).await,
            done => done,
        }
    }

    /// At most once, also where the answer is lost or the process dies.
    async fn insert_unseen(&self, metrics: &MetricsTable<'_>, row: &metrics::Row<'_>, denied: Error) -> Result<()> {
        let (store, source) = (&self.local.store, &self.planned.source);
        let entries = store.entries_of(self.run_id, source).await?;
        if entries.iter().any(|entry| entry.kind == METRICS_SENT) {
            return Err(denied.with_hint(
                "The row was sent before, and who is signed in may not look whether it arrived: grant SELECT on the table of \
                 metrics.",
            ));
        }
        store.append(self.run_id, &source.to_string(), METRICS_SENT, json!({})).await?;
        metrics.insert(row).await
    }
}

/// The statements for a target that no workspace is known of.
pub(crate) fn clustering_by_hand(table: &TableIdent, columns: &[String], report: &mut GovernanceReport) {
    clustering::not_done(&clustering::statements(table, columns), &clustering::no_warehouse(), report);
}

fn within(catalog: &str, table: &TableIdent) -> TableIdent {
    TableIdent::new(std::iter::once(catalog.to_string()).chain(table.namespace.iter().cloned()), table.name.clone())
}

fn wanted(own: Governance, settings: &GovernanceSettings) -> Governance {
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

/// In sentences, with the statement that mends it where there is one.
fn left_behind(found: &Found, settings: &GovernanceSettings, target: &TableIdent) -> Vec<String> {
    let own = &found.governance;
    let policies = found.policies_unknown.as_ref().map(|error| {
        let why = error.causes.first().unwrap_or(&error.message);
        format!("which policies apply to the source's table is not known ({why}): what one hides would not be in the copy of a cluster")
    });
    let name = quoted(target.namespace.iter().map(String::as_str).chain([target.name.as_str()]));
    let restricted = own.restrictions.iter().map(|one| match one.statement(&name) {
        Some(statement) => format!("{} is not carried; the same for the copy: {statement}", one.text()),
        None => format!("{} is not carried; see whether one on the copy's catalog or schema says the same", one.text()),
    });
    let tags = own.tags_unknown.then(|| {
        "the tags are not known: the workspace shows them neither by its API nor to a SQL warehouse".to_string()
    });
    let of_deleted = own.grants_of_deleted.iter().filter(|_| settings.grants);
    restricted
        .chain(policies)
        .chain(tags)
        .chain(of_deleted.map(|grant| format!("{grant}: who is deleted cannot be granted anything")))
        .collect()
}

fn add_done(report: &mut GovernanceReport, statement: String) {
    if !report.done.contains(&statement) {
        report.done.push(statement);
    }
}

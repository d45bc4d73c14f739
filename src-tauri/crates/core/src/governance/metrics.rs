//! A row for each migrated table in a table of the workspace, for reports on migrations.

use super::warehouse;
use crate::cluster::{FollowPace, Patience, Unobserved, cancelled};
use futures::FutureExt;
use futures::future::BoxFuture;
use icebridge_databricks::Client;
use icebridge_databricks::unity::quoted;
use icebridge_model::ident::split_parts;
use icebridge_model::{Code, Error, Result, TableIdent};
use icebridge_store::now;
use tokio_util::sync::CancellationToken;

/// `<target catalog>.icebridge.migration_iceberg_jobs`, if the settings name no other.
pub fn table_of(named: Option<&str>, target_catalog: &str) -> Result<TableIdent> {
    let Some(named) = named else {
        return Ok(TableIdent::new([target_catalog, "icebridge"], "migration_iceberg_jobs"));
    };
    let parts = split_parts(named)?;
    match parts.as_slice() {
        [catalog, schema, table] => Ok(TableIdent::new([catalog.clone(), schema.clone()], table.clone())),
        _ => Err(Error::invalid("the table of metrics is named catalog.schema.table").about(named)),
    }
}

/// The row of a table.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    pub source: &'a TableIdent,
    pub target: &'a TableIdent,
    /// Of a cluster the statement, of the embedded engine the copy mode.
    pub method: &'a str,
    pub state: &'a str,
    pub rows: Option<u64>,
    pub milliseconds: Option<u64>,
    pub job_run_id: Option<i64>,
}

const COLUMNS: &str = "plan_hash STRING, run_id STRING, source STRING, target STRING, method STRING, state STRING, \
    row_count BIGINT, milliseconds BIGINT, job_run_id STRING, recorded_at STRING";

/// One row for (plan, table): a second call finds the first. A lost answer is looked after before the row is written again.
pub fn record<'a>(
    client: &'a Client,
    named_warehouse: Option<&'a str>,
    table: &'a TableIdent,
    of: (&'a str, &'a str),
    row: &'a Row<'a>,
    cancel: &'a CancellationToken,
) -> BoxFuture<'a, Result<()>> {
    // Boxed here, where the compiler can see that it may be sent to another thread.
    write(client, named_warehouse, table, of, row, cancel).boxed()
}

async fn write(
    client: &Client,
    named_warehouse: Option<&str>,
    table: &TableIdent,
    (plan_hash, run_id): (&str, &str),
    row: &Row<'_>,
    cancel: &CancellationToken,
) -> Result<()> {
    let Some(warehouse) = warehouse::choose(client, named_warehouse).await? else {
        return Err(Error::new(Code::Unsupported, "there is no SQL warehouse to write the metrics with")
            .about(table)
            .with_hint("Name one in the settings. The same facts are in the journal."));
    };
    let schema = quoted(table.namespace.iter().map(String::as_str));
    let name = format!("{schema}.{}", quoted([table.name.as_str()]));
    for sql in
        [format!("CREATE SCHEMA IF NOT EXISTS {schema}"), format!("CREATE TABLE IF NOT EXISTS {name} ({COLUMNS})")]
    {
        warehouse::change(client, &warehouse, &sql, &[], true, cancel).await?;
    }
    let (source, target) = (row.source.to_string(), row.target.to_string());
    let job_run = row.job_run_id.map(|id| id.to_string()).unwrap_or_default();
    let at = now();
    let values = [
        ("plan", plan_hash),
        ("run_id", run_id),
        ("source", source.as_str()),
        ("target", target.as_str()),
        ("method", row.method),
        ("state", row.state),
        ("job_run", job_run.as_str()),
        ("at", at.as_str()),
    ];
    let number = |value: Option<u64>| value.map_or_else(|| "NULL".to_owned(), |number| number.to_string());
    let insert = format!(
        "INSERT INTO {name} VALUES (:plan, :run_id, :source, :target, :method, :state, {}, {}, :job_run, :at)",
        number(row.rows),
        number(row.milliseconds)
    );
    let there = format!("SELECT COUNT(*) AS n FROM {name} WHERE plan_hash = :plan AND target = :target");
    let pace = FollowPace::default();
    let patience = Patience { observer: &Unobserved, step: "metrics", pace: &pace };
    let write = || async {
        let rows =
            warehouse::rows(client, &warehouse, &there, &[("plan", plan_hash), ("target", &target)], cancel).await?;
        let count = rows.first().and_then(|row| row.first()).cloned().flatten();
        if count.as_deref().is_some_and(|count| count != "0") {
            return Ok(());
        }
        warehouse::change(client, &warehouse, &insert, &values, false, cancel).await
    };
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    patience.ask(Some(cancel), write).await
}

//! Rows for each migrated table in a table of the workspace, for reports on migrations: one for the copy, and one for each
//! later step.

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
    pub plan_hash: &'a str,
    pub run_id: &'a str,
    pub source: &'a TableIdent,
    pub target: &'a TableIdent,
    /// Of a cluster the statement, of the embedded engine the copy mode.
    pub method: &'a str,
    pub state: &'a str,
    pub rows: Option<u64>,
    pub milliseconds: Option<u64>,
    pub job_run_id: Option<i64>,
}

const COLUMNS: &[(&str, &str)] = &[
    ("plan_hash", "STRING"),
    ("run_id", "STRING"),
    ("source", "STRING"),
    ("target", "STRING"),
    ("method", "STRING"),
    ("state", "STRING"),
    ("row_count", "BIGINT"),
    ("milliseconds", "BIGINT"),
    ("job_run_id", "STRING"),
    ("recorded_at", "STRING"),
];

/// The table of metrics, open to be written to.
pub struct MetricsTable<'a> {
    client: &'a Client,
    warehouse: String,
    name: String,
    /// Those of ours that it has. A table that somebody else made may lack some, and an older one names them otherwise.
    columns: Vec<String>,
    cancel: &'a CancellationToken,
}

impl<'a> MetricsTable<'a> {
    /// Makes schema and table only where they are not there: `IF NOT EXISTS` too wants the right to make them.
    pub fn open(
        client: &'a Client,
        named_warehouse: Option<&'a str>,
        table: &'a TableIdent,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Self>> {
        Self::opened(client, named_warehouse, table, cancel).boxed()
    }

    async fn opened(
        client: &'a Client,
        named_warehouse: Option<&str>,
        table: &TableIdent,
        cancel: &'a CancellationToken,
    ) -> Result<Self> {
        let Some(warehouse) = warehouse::choose(client, named_warehouse).await? else {
            return Err(Error::new(Code::Unsupported, "there is no SQL warehouse to write the metrics with")
                .about(table)
                .with_hint("Name one in the settings. The same facts are in the journal."));
        };
        let [catalog, schema] = table.namespace.as_slice() else {
            return Err(Error::invalid("the table of metrics is named catalog.schema.table").about(table));
        };
        let schema_sql = quoted([catalog.as_str(), schema]);
        let name = format!("{schema_sql}.{}", quoted([table.name.as_str()]));
        let found = match client.table(&format!("{catalog}.{schema}.{}", table.name)).await {
            Ok(found) => found,
            // Which it may be written to all the same; if it is not there, the statement says so.
            Err(error) if error.code == Code::AccessDenied => None,
            Err(error) => return Err(error),
        };
        let mut columns: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
        if let Some(found) = found {
            let there: Vec<String> = found.columns.into_iter().map(|column| column.name).collect();
            if !there.is_empty() {
                columns = there;
            }
        } else {
            if client.schema(catalog, schema).await?.is_none() {
                let sql = format!("CREATE SCHEMA IF NOT EXISTS {schema_sql}");
                warehouse::change(client, &warehouse, &sql, &[], true, cancel).await?;
            }
            let columns: Vec<String> = COLUMNS.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
            let sql = format!("CREATE TABLE IF NOT EXISTS {name} ({})", columns.join(", "));
            warehouse::change(client, &warehouse, &sql, &[], true, cancel).await?;
        }
        Ok(Self { client, warehouse, name, columns, cancel })
    }

    /// Whether the row is there. It takes a right of its own to see.
    pub async fn has(&self, row: &Row<'_>) -> Result<bool> {
        let sql = format!(
            "SELECT COUNT(*) AS n FROM {} WHERE plan_hash = :plan AND target = :target AND state = :state",
            self.name
        );
        let target = row.target.to_string();
        let values = [("plan", row.plan_hash), ("target", target.as_str()), ("state", row.state)];
        let rows = warehouse::rows(self.client, &self.warehouse, &sql, &values, self.cancel).await?;
        Ok(rows.first().and_then(|row| row.first()).cloned().flatten().is_some_and(|count| count != "0"))
    }

    /// One row for (plan, table, state): a second call finds the first. A lost answer is looked after before the row is written again.
    pub fn record<'r>(&'r self, row: &'r Row<'r>) -> BoxFuture<'r, Result<()>> {
        // Boxed here, where the compiler can see that it may be sent to another thread.
        self.look_and_write(row).boxed()
    }

    async fn look_and_write(&self, row: &Row<'_>) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let pace = FollowPace::default();
        let patience = Patience { observer: &Unobserved, step: "metrics", pace: &pace };
        let write = || async {
            if self.has(row).await? {
                return Ok(());
            }
            match self.insert(row).await {
                // What was done is done, whatever was said of it.
                Err(error) if error.code == Code::AnswerNotUnderstood && self.has(row).await.unwrap_or(false) => Ok(()),
                done => done,
            }
        };
        patience.ask(Some(self.cancel), write).await
    }

    /// Whatever is there: for who may write and not look, and then only once.
    pub async fn insert(&self, row: &Row<'_>) -> Result<()> {
        let number = |value: Option<u64>| value.map(|number| number.to_string());
        let at = now();
        let older = self.columns.iter().any(|name| name.eq_ignore_ascii_case("job"));
        let (mut names, mut marks, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for column in &self.columns {
            let name = column.to_ascii_lowercase();
            let value = match (name.as_str(), older) {
                ("plan_hash", _) => Some(row.plan_hash.to_owned()),
                // Up to version 0.1 runs were called jobs, and the runs of jobs runs.
                ("job", true) | ("run_id", false) => Some(row.run_id.to_owned()),
                ("run_id", true) | ("job_run_id", _) => row.job_run_id.map(|id| id.to_string()),
                ("source", _) => Some(row.source.to_string()),
                ("target", _) => Some(row.target.to_string()),
                ("method", _) => Some(row.method.to_owned()),
                ("state", _) => Some(row.state.to_owned()),
                ("row_count", _) => number(row.rows),
                ("milliseconds", _) => number(row.milliseconds),
                ("recorded_at", _) => Some(at.clone()),
                _ => continue,
            };
            names.push(quoted([column.as_str()]));
            match (value, name.as_str()) {
                // Digits, which need no quotes; the column is a number.
                (Some(digits), "row_count" | "milliseconds") => marks.push(digits),
                (Some(text), _) => {
                    marks.push(format!(":{name}"));
                    values.push((name, text));
                }
                (None, _) => marks.push("NULL".to_owned()),
            }
        }
        if names.is_empty() {
            return Err(Error::invalid("the table of metrics has none of the columns that are written to it")
                .about(&self.name)
                .with_hint("Name another one in the settings, or drop it: it is made anew."));
        }
        let sql = format!("INSERT INTO {} ({}) VALUES ({})", self.name, names.join(", "), marks.join(", "));
        let values: Vec<(&str, &str)> = values.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        warehouse::change(self.client, &self.warehouse, &sql, &values, false, self.cancel).await
    }
}

//! Short statements on a SQL warehouse, where there is one.

use futures::TryStreamExt;
use icebridge_databricks::Client;
use icebridge_databricks::sql::{Parameter, SqlRow, Statement, Warehouse, WarehouseState};
use icebridge_model::Result;
use tokio_util::sync::CancellationToken;

/// The one that is named, or one that runs already, or any. None: the workspace has none for us.
pub(super) async fn choose(client: &Client, named: Option<&str>) -> Result<Option<String>> {
    if let Some(id) = named {
        return Ok(Some(id.to_owned()));
    }
    let all = client.warehouses().await?;
    let rank = |warehouse: &&Warehouse| match warehouse.state {
        Some(WarehouseState::Running) => 0,
        Some(WarehouseState::Starting) => 1,
        _ => 2,
    };
    Ok(all.iter().min_by_key(rank).map(|warehouse| warehouse.id.clone()))
}

pub(super) async fn rows(
    client: &Client,
    warehouse: &str,
    sql: &str,
    values: &[(&str, &str)],
    cancel: &CancellationToken,
) -> Result<Vec<SqlRow>> {
    let status = client.run_statement(&statement(warehouse, sql, values).repeatable(), cancel).await?;
    client.rows(status).try_concat().await
}

/// One that changes something. `repeatable`: done twice it is the same as once.
pub(super) async fn change(
    client: &Client,
    warehouse: &str,
    sql: &str,
    values: &[(&str, &str)],
    repeatable: bool,
    cancel: &CancellationToken,
) -> Result<()> {
    let mut statement = statement(warehouse, sql, values);
    statement.repeatable = repeatable;
    client.run_statement(&statement, cancel).await.map(drop)
}

fn statement(warehouse: &str, sql: &str, values: &[(&str, &str)]) -> Statement {
    let one = |(name, value): &(&str, &str)| Parameter {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
        sql_type: None,
    };
    Statement { parameters: values.iter().map(one).collect(), ..Statement::new(warehouse, sql) }
}

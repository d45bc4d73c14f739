//! Short statements on a SQL warehouse, where there is one.

use futures::TryStreamExt;
use icebridge_databricks::Client;
use icebridge_databricks::sql::{Parameter, SqlRow, Statement, Warehouse, WarehouseState};
use icebridge_model::{Code, Result};
use tokio_util::sync::CancellationToken;

/// The one that is named, or one that runs already, or the one that costs least to start. None: the workspace has none for us.
pub(crate) async fn choose(client: &Client, named: Option<&str>) -> Result<Option<String>> {
    if let Some(id) = named {
        return Ok(Some(id.to_owned()));
    }
    match client.warehouses().await {
        Ok(all) => Ok(cheapest(&all).map(|warehouse| warehouse.id.clone())),
        Err(error) if error.code == Code::AccessDenied => Ok(None),
        Err(error) => Err(error),
    }
}

/// From the smallest on; each is about twice the one before.
const SIZES: [&str; 10] =
    ["2X-Small", "X-Small", "Small", "Medium", "Large", "X-Large", "2X-Large", "3X-Large", "4X-Large", "5X-Large"];

fn cheapest(all: &[Warehouse]) -> Option<&Warehouse> {
    let usable = |warehouse: &&Warehouse| {
        let gone = matches!(warehouse.state, Some(WarehouseState::Deleting | WarehouseState::Deleted));
        !gone && !warehouse.id.is_empty()
    };
    let rank = |warehouse: &&Warehouse| {
        let state = match warehouse.state {
            Some(WarehouseState::Running) => 0,
            Some(WarehouseState::Starting) => 1,
            _ => 2,
        };
        let size = warehouse.cluster_size.as_deref().unwrap_or_default();
        let size = SIZES.iter().position(|one| one.eq_ignore_ascii_case(size)).unwrap_or(SIZES.len());
        // A serverless one starts in seconds and stops soon after.
        (state, !warehouse.enable_serverless_compute, size, warehouse.id.clone())
    };
    all.iter().filter(usable).min_by_key(rank)
}

pub(crate) async fn rows(
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
pub(crate) async fn change(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_large_warehouse_is_started_where_a_small_one_will_do() {
        let all: Vec<Warehouse> = serde_json::from_value(serde_json::json!([
            {"id": "large", "state": "STOPPED", "cluster_size": "4X-Large"},
            {"id": "small", "state": "STOPPED", "cluster_size": "X-Small"},
            {"id": "serverless", "state": "STOPPED", "cluster_size": "Medium", "enable_serverless_compute": true},
            {"id": "gone", "state": "DELETED", "cluster_size": "2X-Small"},
            {"id": "works", "state": "RUNNING", "cluster_size": "Large"},
        ]))
        .unwrap();
        let without = |names: &[&str]| {
            let left: Vec<Warehouse> = all.iter().filter(|one| !names.contains(&one.id.as_str())).cloned().collect();
            cheapest(&left).map(|one| one.id.clone())
        };
        assert_eq!(without(&[]).as_deref(), Some("works"));
        assert_eq!(without(&["works"]).as_deref(), Some("serverless"));
        assert_eq!(without(&["works", "serverless"]).as_deref(), Some("small"));
        assert_eq!(without(&["works", "serverless", "small", "large"]), None);
    }
}

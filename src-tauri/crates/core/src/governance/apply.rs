//! Carries actions out in the workspace.

use super::difference::Action;
use super::names::full_name;
use super::warehouse;
use crate::cluster::cancelled;
use icebridge_databricks::Client;
use icebridge_databricks::optimization::{self, Level};
use icebridge_databricks::unity::{Assignment, PredictiveOptimization, Securable};
use icebridge_model::governance::NotDone;
use icebridge_model::{Code, Error, Result, TableIdent};
use tokio_util::sync::CancellationToken;

/// Why an owner is not changed where something else was not done: a former owner could not do the rest any more.
pub(super) fn owner_stays() -> Error {
    Error::new(Code::WorkspaceRefused, "the owner was not changed, because an earlier statement was not done")
}

/// Does what it can, in order, and returns what it could not do. A failure stops only the change of the owner.
pub async fn apply(
    client: &Client,
    named_warehouse: Option<&str>,
    table: &TableIdent,
    actions: &[Action],
    cancel: &CancellationToken,
) -> Result<Vec<NotDone>> {
    let mut not_done = Vec::new();
    let needs_sql = actions.iter().any(|action| !matches!(action, Action::Grant { .. } | Action::Owner(_)));
    let warehouse = if needs_sql { warehouse::choose(client, named_warehouse).await? } else { None };
    let full_name = full_name(table);
    for action in actions {
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let done = match (action, &warehouse) {
            // These need no warehouse.
            (Action::Grant { principal, privileges }, _) => {
                let add = [Assignment { principal: principal.clone(), privileges: privileges.clone() }];
                client.change_permissions(Securable::Table, &full_name, &add, &[]).await
            }
            (Action::Owner(_), _) if !not_done.is_empty() => {
                Err(owner_stays().with_hint("Run the other statements, and then this one."))
            }
            (Action::Owner(owner), _) => client.set_owner(Securable::Table, &full_name, owner).await,
            (other, Some(warehouse)) => {
                warehouse::change(client, warehouse, &other.statement(table), &[], true, cancel).await
            }
            (_, None) => Err(Error::new(Code::Unsupported, "the workspace has no SQL warehouse to do this with")
                .with_hint("Run the statement yourself, or name a warehouse in the settings.")),
        };
        match done {
            Ok(()) => {}
            Err(error) if error.code == Code::Cancelled => return Err(error),
            Err(error) => not_done.push(NotDone { statement: action.statement(table), error: error.about(table) }),
        }
    }
    Ok(not_done)
}

/// Catalogs and schemas without a warehouse, tables by a statement.
pub async fn optimize(
    client: &Client,
    named_warehouse: Option<&str>,
    level: &Level,
    wanted: &PredictiveOptimization,
    cancel: &CancellationToken,
) -> Result<()> {
    if !matches!(level, Level::Table { .. }) {
        return client.set_predictive_optimization(level, wanted).await;
    }
    let statement = optimization::statement(level, wanted)?;
    match warehouse::choose(client, named_warehouse).await? {
        Some(warehouse) => warehouse::change(client, &warehouse, &statement, &[], true, cancel).await,
        None => Err(Error::new(
            Code::Unsupported,
            "a table's predictive optimization is set by a statement, and there is no SQL warehouse",
        )
        .with_hint(format!("Run it yourself: {statement}"))),
    }
}

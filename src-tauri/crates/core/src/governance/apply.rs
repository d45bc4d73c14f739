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

/// What became of the actions on one table.
#[derive(Debug, Default)]
pub struct Applied {
    /// As statements.
    pub done: Vec<String>,
    pub not_done: Vec<NotDone>,
}

/// Why an owner is not changed where something else was not done: a former owner could not do the rest any more.
pub(super) fn owner_stays() -> Error {
    Error::new(Code::WorkspaceRefused, "the owner was not changed, because an earlier statement was not done")
}

/// Whether trying again may do it. A principal who has left does not come back, and must not keep the owner from changing.
pub(super) fn may_be_done_later(not_done: &NotDone) -> bool {
    not_done.error.code != Code::PrincipalNotFound
}

/// Does what it can, in order. What fails as one statement is tried again in its parts, so that each failure is named alone.
/// A failure stops only the change of the owner. `applied` has what was done also where an error ends it: the run was
/// cancelled.
pub async fn apply(
    client: &Client,
    named_warehouse: Option<&str>,
    table: &TableIdent,
    actions: &[Action],
    applied: &mut Applied,
    cancel: &CancellationToken,
) -> Result<()> {
    let needs_sql = actions.iter().any(|action| !matches!(action, Action::Grant { .. } | Action::Owner(_)));
    // Grants need none: without a list of warehouses the statements alone are not done.
    let warehouse = match needs_sql {
        true => warehouse::choose(client, named_warehouse).await,
        false => Ok(None),
    };
    let at_work = AtWork { client, warehouse, table, full_name: full_name(table), cancel };
    let granted = at_work.grant_together(actions).await?;
    for action in actions {
        if granted && matches!(action, Action::Grant { .. }) {
            applied.done.push(action.statement(table));
            continue;
        }
        if matches!(action, Action::Owner(_)) && applied.not_done.iter().any(may_be_done_later) {
            let error = owner_stays().with_hint("Run the other statements, and then this one.").about(table);
            applied.not_done.push(NotDone { statement: action.statement(table), error });
            continue;
        }
        match at_work.carry_out(action).await {
            Ok(()) => applied.done.push(action.statement(table)),
            Err(error) if at_work.is_cancelled(&error) => return Err(error),
            Err(error) => match action.parts().filter(|_| is_about_the_request(&error)) {
                Some(parts) => at_work.one_by_one(&parts, applied).await?,
                None => applied.not_done.push(at_work.not_done(action, error)),
            },
        }
    }
    Ok(())
}

/// Another request may be taken. A workspace out of reach refuses them all.
fn is_about_the_request(error: &Error) -> bool {
    !matches!(error.code, Code::WorkspaceUnreachable | Code::RateLimited | Code::CredentialsRejected)
}

struct AtWork<'a> {
    client: &'a Client,
    /// Or why there is none.
    warehouse: Result<Option<String>>,
    table: &'a TableIdent,
    full_name: String,
    cancel: &'a CancellationToken,
}

impl AtWork<'_> {
    /// A cancel of the run, and not one that the workspace reports.
    fn is_cancelled(&self, error: &Error) -> bool {
        error.code == Code::Cancelled && self.cancel.is_cancelled()
    }

    async fn carry_out(&self, action: &Action) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(cancelled());
        }
        match (action, &self.warehouse) {
            // These need no warehouse.
            (Action::Grant { principal, privileges }, _) => {
                let (principal, privileges) = (principal.clone(), privileges.clone());
                let add = [Assignment { principal, privileges, ..Assignment::default() }];
                self.client.change_permissions(Securable::Table, &self.full_name, &add, &[]).await
            }
            (Action::Owner(owner), _) => self.client.set_owner(Securable::Table, &self.full_name, owner).await,
            (other, Ok(Some(warehouse))) => {
                warehouse::change(self.client, warehouse, &other.statement(self.table), &[], true, self.cancel).await
            }
            (_, Err(error)) => Err(error.clone()),
            (_, Ok(None)) => Err(Error::new(Code::Unsupported, "the workspace has no SQL warehouse to do this with")
                .with_hint("Run the statement yourself, or name a warehouse in the settings.")),
        }
    }

    /// All grants in one request. False: it was refused, for one of them perhaps, and each has to be asked for alone.
    async fn grant_together(&self, actions: &[Action]) -> Result<bool> {
        let grant = |action: &Action| match action {
            Action::Grant { principal, privileges } => {
                let (principal, privileges) = (principal.clone(), privileges.clone());
                Some(Assignment { principal, privileges, ..Assignment::default() })
            }
            _ => None,
        };
        let add: Vec<Assignment> = actions.iter().filter_map(grant).collect();
        if add.len() < 2 {
            return Ok(false);
        }
        if self.cancel.is_cancelled() {
            return Err(cancelled());
        }
        match self.client.change_permissions(Securable::Table, &self.full_name, &add, &[]).await {
            Ok(()) => Ok(true),
            Err(error) if self.is_cancelled(&error) => Err(error),
            Err(_) => Ok(false),
        }
    }

    async fn one_by_one(&self, parts: &[Action], applied: &mut Applied) -> Result<()> {
        for part in parts {
            match self.carry_out(part).await {
                Ok(()) => applied.done.push(part.statement(self.table)),
                Err(error) if self.is_cancelled(&error) => return Err(error),
                Err(error) => applied.not_done.push(self.not_done(part, error)),
            }
        }
        Ok(())
    }

    fn not_done(&self, action: &Action, error: Error) -> NotDone {
        NotDone { statement: action.statement(self.table), error: error.about(self.table).or_usual_hint() }
    }
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

//! Views: one page of the tables of a source, a mapping, a pre-flight, a plan or a run, and one table in full.

mod content;
mod mapping;
mod run;

pub use run::{overview, overview_unchecked};

use crate::LocalState;
use content::read;
use icebridge_model::facts::InventoryRow;
use icebridge_model::mapping::MappingRow;
use icebridge_model::ops::{DetailRequest, TableDetail};
use icebridge_model::plan::Plan;
use icebridge_model::view::{Scope, ViewPage, ViewRequest, memory};
use icebridge_model::{Code, Error, Result};

pub async fn page(local: &LocalState, request: &ViewRequest) -> Result<ViewPage> {
    let query = request.checked()?;
    match &request.scope {
        Scope::Inventory { source } => {
            local.store.catalog(source).await?;
            local.store.view(&request.scope, &query).await
        }
        Scope::Mapping { route, mapping } => {
            let rows = mapping::rows(local, route, mapping.as_ref()).await?;
            Ok(memory::answer(&rows, &query))
        }
        Scope::Run { run_id } => run::page(local, run_id, &query).await,
        Scope::Preflight { .. } | Scope::Plan { .. } => local.store.view(&request.scope, &query).await,
    }
}

/// Everything known of one row.
pub async fn detail(local: &LocalState, request: &DetailRequest) -> Result<TableDetail> {
    let DetailRequest { scope, table } = request;
    let missing = || {
        Error::new(Code::TableNotFound, "the view has no such table")
            .about(table)
            .with_hint("List what it has with `icebridge tables`.")
    };
    let content = local.store.view_content(scope, table).await?;
    match scope {
        Scope::Inventory { source } => {
            let row: InventoryRow = local.store.inventory_row(source, table).await?;
            Ok(TableDetail::Inventory(Box::new(row)))
        }
        Scope::Mapping { route, mapping } => {
            let rows = mapping::rows(local, route, mapping.as_ref()).await?;
            let row: &MappingRow = rows.iter().find(|row| row.source == *table).ok_or_else(missing)?;
            Ok(TableDetail::Mapping(row.clone()))
        }
        Scope::Preflight { .. } => Ok(TableDetail::Preflight(read(content.ok_or_else(missing)?)?)),
        Scope::Plan { .. } => {
            let content = content.ok_or_else(missing)?;
            // What a plan leaves out has no target.
            match content.get("target") {
                Some(_) => Ok(TableDetail::Plan(Box::new(read(content)?))),
                None => Ok(TableDetail::LeftOut(read(content)?)),
            }
        }
        Scope::Run { run_id } => Ok(TableDetail::Run(Box::new(run::migration(local, run_id, table).await?))),
    }
}

/// A plan that was read from a file is listed as one that was made here.
pub async fn keep_plan(local: &LocalState, plan: &Plan) -> Result<()> {
    local.store.save_plan_view(plan).await
}

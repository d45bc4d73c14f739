//! A run's view: what its journal says, and of tables at work in this process what they have come to since.

use super::content::read;
use crate::LocalState;
use crate::ledger::find_run;
use crate::migration;
use icebridge_model::plan::PlannedTable;
use icebridge_model::run::{RunOverview, TableMigration};
use icebridge_model::view::{Query, Scope, ViewPage, ViewRow, rows};
use icebridge_model::{Code, Error, Result, TableIdent};

pub async fn page(local: &LocalState, run_id: &str, query: &Query) -> Result<ViewPage> {
    let run_id = find_run(local, run_id).await?.run_id;
    let mut page = local.store.view(&Scope::Run { run_id: run_id.clone() }, query).await?;
    for row in &mut page.rows {
        overlay(local, &run_id, row);
    }
    Ok(page)
}

/// Only columns that were asked for; the name is what the table is known by.
fn overlay(local: &LocalState, run_id: &str, row: &mut ViewRow) {
    let Ok(name) = TableIdent::parse(row.text("name")) else { return };
    let Some(live) = migration::at_work(local, run_id, &name) else { return };
    for (column, value) in rows::of_migration(&live).0 {
        // What a cluster is doing is kept nowhere else.
        if row.0.contains_key(&column) || column == "stage" || column == "stage_message" {
            row.0.insert(column, value);
        }
    }
}

/// One table's migration in full.
pub async fn migration(local: &LocalState, run_id: &str, table: &TableIdent) -> Result<TableMigration> {
    let record = find_run(local, run_id).await?;
    if let Some(live) = migration::at_work(local, &record.run_id, table) {
        return Ok(live);
    }
    let plan = Scope::Plan { plan_hash: record.plan_hash.clone() };
    let planned: PlannedTable = match local.store.view_content(&plan, table).await? {
        Some(content) => read(content)?,
        None => {
            return Err(Error::new(Code::TableNotFound, "the run has no such table")
                .about(table)
                .with_hint("`icebridge status` lists what it has."));
        }
    };
    migration::recorded_migration(local, &record.run_id, &planned).await
}

/// The run as a whole, whatever its number of tables. A journal that was changed is refused.
pub async fn overview(local: &LocalState, run_id: &str) -> Result<RunOverview> {
    local.store.check_journal().await?;
    overview_unchecked(local, run_id).await
}

/// Whatever became of its journal: for who has just cancelled it.
pub async fn overview_unchecked(local: &LocalState, run_id: &str) -> Result<RunOverview> {
    let record = find_run(local, run_id).await?;
    let record = migration::as_of_now(local, record).await?;
    let counters = match migration::counted(local, &record.run_id) {
        Some(counters) => counters,
        None => local.store.run_counts(Some(&record.run_id)).await?.remove(record.run_id.as_str()).unwrap_or_default(),
    };
    let exported_at = local.store.exported_at(&record.run_id).await?;
    Ok(RunOverview {
        run_id: record.run_id,
        plan_hash: record.plan_hash,
        source: record.source,
        target: record.target,
        state: record.state,
        started_at: record.started_at,
        ended_at: record.ended_at,
        exported_at,
        counters,
    })
}

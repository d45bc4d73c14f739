//! Rows of the inventory, of pre-flights and of plans, written with what they are made from.

use super::pending::Pages;
use super::write::{forget, put, view_id};
use super::{Kind, Owner, route_key};
use crate::{Store, Write, failure};
use icebridge_model::facts::InventoryRow;
use icebridge_model::finding::TableFindings;
use icebridge_model::ops::Route;
use icebridge_model::plan::Plan;
use icebridge_model::view::rows;
use icebridge_model::{Result, TableIdent};

fn inventory(source: &str) -> Owner<'_> {
    Owner { kind: Kind::Inventory, key: source }
}

pub(crate) async fn put_inventory(write: &mut Write<'_>, source: &str, row: &InventoryRow) -> Result<()> {
    let view = view_id(write, inventory(source)).await?;
    put(write, Kind::Inventory, view, std::iter::once(rows::of_inventory(row))).await
}

/// Takes the tables away that the inventory no longer has; `keep` is a JSON list of names.
pub(crate) async fn keep_listed(write: &mut Write<'_>, source: &str, keep: &str) -> Result<()> {
    let view = view_id(write, inventory(source)).await?;
    sqlx::query("DELETE FROM view_inventory WHERE view = ? AND name NOT IN (SELECT value FROM json_each(?))")
        .bind(view)
        .bind(keep)
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "tidy the inventory").about(source))?;
    Ok(())
}

pub(crate) async fn forget_source(write: &mut Write<'_>, source: &str) -> Result<()> {
    forget(write, inventory(source)).await
}

impl Store {
    /// Other numbers than before whenever the inventory of a source has changed.
    pub async fn inventory_changes(&self, source: &str) -> Result<(i64, i64)> {
        sqlx::query_as(
            "SELECT coalesce(max(id), 0), count(*) FROM view_inventory
             WHERE view = (SELECT view FROM views WHERE scope = 'inventory' AND owner = ?)",
        )
        .bind(source)
        .fetch_one(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the inventory").about(source))
    }

    /// The names of a source's tables, sorted.
    pub async fn inventory_names(&self, source: &str) -> Result<Vec<TableIdent>> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM view_inventory
             WHERE view = (SELECT view FROM views WHERE scope = 'inventory' AND owner = ?) ORDER BY sort_key",
        )
        .bind(source)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the inventory").about(source))?;
        let parsed = names.iter().map(|name| TableIdent::parse(name));
        parsed.map(|name| name.map_err(|e| failure::unreadable("a table's name").with_cause(e))).collect()
    }

    /// Replaces the view of a route's pre-flight.
    pub async fn save_preflight_view(&self, route: &Route, tables: &[TableFindings]) -> Result<()> {
        let pages = Pages::of_findings(&route.source, tables)?;
        let mut write = self.write_lightly().await?;
        pages.put(&mut write, Owner { kind: Kind::Preflight, key: &route_key(route) }).await?;
        write.commit().await
    }

    /// The view of a plan; one that is there already is the same, for its hash is.
    pub async fn save_plan_view(&self, plan: &Plan) -> Result<()> {
        let mut write = self.write_lightly().await?;
        put_plan(&mut write, plan).await?;
        write.commit().await
    }
}

pub(crate) async fn put_plan(write: &mut Write<'_>, plan: &Plan) -> Result<()> {
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM views WHERE scope = 'plan' AND owner = ?")
        .bind(plan.hash.as_str())
        .fetch_one(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "read a view"))?;
    if known > 0 {
        return Ok(());
    }
    let pages = Pages::of_plan(&plan.source, &plan.tables, &plan.left_out)?;
    pages.put(write, Owner { kind: Kind::Plan, key: &plan.hash }).await
}

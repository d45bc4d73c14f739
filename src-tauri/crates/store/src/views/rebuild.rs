//! Building views anew: of a state that an earlier version wrote, or by rules that have changed since.

use super::write::{put, view_id};
use super::{Kind, Owner, begin_run, follow};
use crate::run_record::RunRecord;
use crate::{Store, failure};
use icebridge_model::Result;
use icebridge_model::view::rows;

/// By which rules rows are made. Raised whenever a column or its meaning changes.
const VERSION: i64 = 2;

/// Runs once for a state, under the lock of whoever opens it. What needs a catalog to be asked, a pre-flight, is left for
/// the next one to write.
pub(crate) async fn bring_up_to_date(store: &Store) -> Result<()> {
    let doing = |e| failure::of(e, "build the views of the local state");
    let version: Option<i64> =
        sqlx::query_scalar("SELECT version FROM view_version").fetch_optional(&store.pool).await.map_err(doing)?;
    if version == Some(VERSION) {
        return Ok(());
    }
    let mut write = store.write_lightly().await?;
    for statement in ["DELETE FROM views", "DELETE FROM view_version"] {
        sqlx::query(statement).execute(&mut *write.transaction).await.map_err(doing)?;
    }
    write.commit().await?;
    for source in store.catalogs().await? {
        build_inventory(store, &source.name).await?;
    }
    for run in store.runs().await?.iter().rev() {
        build_run(store, run).await?;
    }
    let mut write = store.write_lightly().await?;
    sqlx::query("INSERT INTO view_version (version) VALUES (?)")
        .bind(VERSION)
        .execute(&mut *write.transaction)
        .await
        .map_err(doing)?;
    write.commit().await
}

/// A page of the inventory at a time: its rows in full are large.
async fn build_inventory(store: &Store, source: &str) -> Result<()> {
    let mut after = None;
    while let Some(page) = store.inventory_page(source, after.as_deref()).await? {
        let mut write = store.write_lightly().await?;
        let view = view_id(&mut write, Owner { kind: Kind::Inventory, key: source }).await?;
        put(&mut write, Kind::Inventory, view, page.rows()?.iter().map(rows::of_inventory)).await?;
        write.commit().await?;
        after = Some(page.last);
    }
    Ok(())
}

async fn build_run(store: &Store, run: &RunRecord) -> Result<()> {
    let entries = store.entries(&run.run_id).await?;
    let mut write = store.write_lightly().await?;
    begin_run(&mut write, run).await?;
    for entry in &entries {
        follow(&mut write, &entry.run_id, &entry.table, &entry.kind, &entry.body).await?;
    }
    write.commit().await
}

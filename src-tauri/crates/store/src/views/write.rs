//! Writing rows of a view. Columns are those of the model's list, so that a view's table and its meaning stay together.

use super::{Kind, Owner};
use crate::{Write, failure, to_json};
use icebridge_model::view::memory::{search_text, sort_key};
use icebridge_model::view::{Column, ViewRow, columns};
use icebridge_model::{Result, TableIdent};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::sync::Arc;

/// Rows written by one statement: enough that the statement costs nothing beside them.
const BATCH: usize = 500;

/// The view's number; it is made if it is not there.
pub(super) async fn view_id(write: &mut Write<'_>, owner: Owner<'_>) -> Result<i64> {
    let doing = |e| failure::of(e, "write a view");
    sqlx::query("INSERT INTO views (scope, owner) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(owner.kind.name())
        .bind(owner.key)
        .execute(&mut *write.transaction)
        .await
        .map_err(doing)?;
    sqlx::query_scalar("SELECT view FROM views WHERE scope = ? AND owner = ?")
        .bind(owner.kind.name())
        .bind(owner.key)
        .fetch_one(&mut *write.transaction)
        .await
        .map_err(doing)
}

/// The view and all its rows go.
pub(super) async fn forget(write: &mut Write<'_>, owner: Owner<'_>) -> Result<()> {
    sqlx::query("DELETE FROM views WHERE scope = ? AND owner = ?")
        .bind(owner.kind.name())
        .bind(owner.key)
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "clear a view"))?;
    Ok(())
}

/// Adds rows, or replaces those of the same name.
pub(super) async fn put(
    write: &mut Write<'_>,
    kind: Kind,
    view: i64,
    rows: impl Iterator<Item = ViewRow>,
) -> Result<()> {
    let statement: Arc<str> = insert(kind).into();
    let mut rows = rows.map(|row| stored(kind, row)).peekable();
    while rows.peek().is_some() {
        let batch: Vec<Value> = rows.by_ref().take(BATCH).collect();
        sqlx::query(AssertSqlSafe(Arc::clone(&statement)))
            .bind(view)
            .bind(to_json(&batch)?)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "write a view"))?;
    }
    Ok(())
}

pub(super) async fn put_contents(
    write: &mut Write<'_>,
    view: i64,
    contents: impl Iterator<Item = Result<(String, String)>>,
) -> Result<()> {
    for content in contents {
        let (name, content) = content?;
        sqlx::query("INSERT OR REPLACE INTO view_contents (view, name, content) VALUES (?, ?, ?)")
            .bind(view)
            .bind(name)
            .bind(content)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "write a view"))?;
    }
    Ok(())
}

/// Changes columns of the rows of these tables; JSON's null takes a value away. A table that the view does not have is left
/// alone.
pub(super) async fn patch(
    write: &mut Write<'_>,
    kind: Kind,
    view: i64,
    names: &[&str],
    changes: &ViewRow,
) -> Result<()> {
    let mut changes = changes.clone();
    if let Some(rank) = state_rank(kind, &changes) {
        changes.set("state_rank", rank);
    }
    let known = columns::of(kind.scope()).iter().map(|column| column.name).chain(["state_rank"]);
    let set: Vec<String> = known
        .filter(|column| changes.0.contains_key(*column))
        .map(|column| format!("\"{column}\" = ?1 ->> '$.{column}'"))
        .collect();
    if set.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "UPDATE {} SET {} WHERE view = ?2 AND name IN (SELECT value FROM json_each(?3))",
        kind.table(),
        set.join(", ")
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(to_json(&changes)?)
        .bind(view)
        .bind(to_json(&names)?)
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "write a view"))?;
    Ok(())
}

fn state_rank(kind: Kind, row: &ViewRow) -> Option<usize> {
    let state: &Column = columns::of(kind.scope()).iter().find(|column| column.name == "state")?;
    columns::rank(state, row.text("state"))
}

/// With what the database orders by and searches in.
fn stored(kind: Kind, mut row: ViewRow) -> Value {
    let key = TableIdent::parse(row.text("name")).map(|name| sort_key(&name));
    let key = key.unwrap_or_else(|_| row.text("name").to_string());
    let (search, rank) = (search_text(&row), state_rank(kind, &row));
    row.set("sort_key", key);
    row.set("search", search);
    row.set("state_rank", json!(rank));
    Value::Object(row.0)
}

fn insert(kind: Kind) -> String {
    let own = columns::of(kind.scope()).iter().map(|column| column.name);
    let columns: Vec<&str> = own.chain(["sort_key", "search", "state_rank"]).collect();
    let names: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let values: Vec<String> = columns.iter().map(|column| format!("value ->> '$.{column}'")).collect();
    format!(
        "INSERT OR REPLACE INTO {} (view, {}) SELECT ?1, {} FROM json_each(?2)",
        kind.table(),
        names.join(", "),
        values.join(", ")
    )
}

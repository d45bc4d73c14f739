//! Writing rows of a view. Columns are those of the model's list, so that a view's table and its meaning stay together.

use super::{Kind, Owner};
use crate::{Write, failure, to_json};
use icebridge_model::view::memory::{search_text, sort_key};
use icebridge_model::view::{Column, ViewRow, columns};
use icebridge_model::{Result, TableIdent};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use std::sync::Arc;

/// Rows written by one statement: enough that the way to SQLite's thread and back costs nothing beside them, and few enough
/// for the 32,766 values that a statement may have.
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
    let columns: Vec<&str> = stored_columns(kind).collect();
    let into = format!("{} (view, {})", kind.table(), quoted(&columns));
    let mut statements = Statements::new(into, columns.len() + 1);
    let mut rows = rows.map(|row| stored(kind, row)).peekable();
    while rows.peek().is_some() {
        let batch: Vec<ViewRow> = rows.by_ref().take(BATCH).collect();
        let mut statement = sqlx::query(AssertSqlSafe(statements.of(batch.len())));
        for mut row in batch {
            statement = statement.bind(view);
            for column in &columns {
                statement = bind(statement, row.0.remove(*column));
            }
        }
        statement.execute(&mut *write.transaction).await.map_err(|e| failure::of(e, "write a view"))?;
    }
    Ok(())
}

pub(super) async fn put_contents<T: Serialize>(
    write: &mut Write<'_>,
    view: i64,
    tables: &[T],
    name: fn(&T) -> &TableIdent,
) -> Result<()> {
    let mut statements = Statements::new("view_contents (view, name, content)".into(), 3);
    for batch in tables.chunks(BATCH) {
        let mut statement = sqlx::query(AssertSqlSafe(statements.of(batch.len())));
        for table in batch {
            statement = statement.bind(view).bind(name(table).to_string()).bind(to_json(table)?);
        }
        statement.execute(&mut *write.transaction).await.map_err(|e| failure::of(e, "write a view"))?;
    }
    Ok(())
}

type Statement = Query<'static, Sqlite, SqliteArguments>;

/// Statements that write rows, by how many they write. All but the last of a view are of one length, so that SQLite
/// compiles two.
struct Statements {
    into: String,
    row: String,
    last: (usize, Arc<str>),
}

impl Statements {
    fn new(into: String, columns: usize) -> Self {
        Self { into, row: format!("({})", vec!["?"; columns].join(", ")), last: (0, "".into()) }
    }

    fn of(&mut self, rows: usize) -> Arc<str> {
        if self.last.0 != rows {
            let values = vec![self.row.as_str(); rows].join(", ");
            self.last = (rows, format!("INSERT OR REPLACE INTO {} VALUES {values}", self.into).into());
        }
        Arc::clone(&self.last.1)
    }
}

fn bind(statement: Statement, value: Option<Value>) -> Statement {
    match value {
        Some(Value::String(text)) => statement.bind(text),
        Some(Value::Number(number)) => statement.bind(number.as_i64()),
        _ => statement.bind(None::<i64>),
    }
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

/// A plan and a pre-flight do not repeat what the inventory knows; their views do, as it is now.
pub(super) async fn measure_by_inventory(write: &mut Write<'_>, kind: Kind, view: i64, source: &str) -> Result<()> {
    // By the columns that both have and that are no statement of the view's own.
    let columns: &[&str] = match kind {
        Kind::Preflight => &["format", "rows", "bytes", "files"],
        Kind::Plan | Kind::Run => &["bytes"],
        Kind::Inventory => return Ok(()),
    };
    let set: Vec<String> = columns.iter().map(|column| format!("\"{column}\" = known.\"{column}\"")).collect();
    let statement = format!(
        "UPDATE {0} SET {1} FROM view_inventory AS known
         WHERE {0}.view = ? AND known.name = {0}.name
           AND known.view = (SELECT view FROM views WHERE scope = 'inventory' AND owner = ?)",
        kind.table(),
        set.join(", ")
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(view)
        .bind(source)
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
fn stored(kind: Kind, mut row: ViewRow) -> ViewRow {
    let key = TableIdent::parse(row.text("name")).map(|name| sort_key(&name));
    let key = key.unwrap_or_else(|_| row.text("name").to_string());
    let (search, rank) = (search_text(&row), state_rank(kind, &row));
    row.set("sort_key", key);
    row.set("search", search);
    row.set("state_rank", json!(rank));
    row
}

fn stored_columns(kind: Kind) -> impl Iterator<Item = &'static str> {
    columns::of(kind.scope()).iter().map(|column| column.name).chain(["sort_key", "search", "state_rank"])
}

fn quoted(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
}

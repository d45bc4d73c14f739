//! What the state holds, without what is in it: for a report about it.

use crate::{STATE_FILE, Store, failure};
use icebridge_model::{Result, TableIdent};
use serde::Serialize;
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// The last step of the schema that was taken.
    pub schema_version: i64,
    /// Rows by table of the database.
    pub rows: BTreeMap<String, i64>,
    /// Of the database's file, without its write-ahead log.
    pub bytes: u64,
}

impl Store {
    pub async fn overview(&self) -> Result<Overview> {
        let look = |e| failure::of(e, "count the rows of the local state");
        let schema_version = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success")
            .fetch_one(&self.pool)
            .await
            .map_err(look)?;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(look)?;
        let mut rows = BTreeMap::new();
        for table in tables {
            // A name of the schema, quoted as SQL quotes names.
            let count = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&self.pool).await.map_err(look)?;
            rows.insert(table, count);
        }
        let bytes = std::fs::metadata(self.state_dir.join(STATE_FILE)).map_or(0, |file| file.len());
        Ok(Overview { schema_version, rows, bytes })
    }

    /// The names of all tables that the state speaks of. One that cannot be read is left out.
    pub async fn known_tables(&self) -> Result<Vec<TableIdent>> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT ident FROM tables UNION SELECT ident FROM journal WHERE ident <> '' UNION SELECT full_name FROM unity_tables",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "list the names of tables"))?;
        Ok(names.iter().filter_map(|name| TableIdent::parse(name).ok()).collect())
    }
}

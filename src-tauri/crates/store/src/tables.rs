//! The inventory: what each source holds.

use crate::{Store, failure, from_json, to_json, views};
use icebridge_model::facts::InventoryRow;
use icebridge_model::{Code, Error, Result, TableIdent};

/// Tables in a page: a table's facts take a few KB.
const PAGE: i64 = 1000;

/// Some tables of the inventory, as they are stored.
#[derive(Debug)]
pub struct InventoryPage {
    /// After which the next page begins.
    pub last: String,
    rows: Vec<String>,
}

impl InventoryPage {
    /// Takes most of the time that reading an inventory does.
    pub fn rows(&self) -> Result<Vec<InventoryRow>> {
        self.rows.iter().map(|row| from_json(row, "the inventory")).collect()
    }
}

impl Store {
    pub async fn save_inventory_row(&self, source: &str, row: &InventoryRow) -> Result<()> {
        let text = to_json(row)?;
        let mut write = self.write_lightly().await?;
        let saved = sqlx::query(
            "INSERT INTO tables (source, ident, captured_at, inventory) VALUES (?, ?, ?, ?)
             ON CONFLICT (source, ident) DO UPDATE SET captured_at = excluded.captured_at, inventory = excluded.inventory",
        )
        .bind(source)
        .bind(row.ident.to_string())
        .bind(&row.captured_at)
        .bind(text)
        .execute(&mut *write.transaction)
        .await;
        match saved {
            Ok(_) => {
                views::put_inventory(&mut write, source, row).await?;
                write.commit().await
            }
            Err(error) if failure::is_foreign_key(&error) => {
                drop(write);
                Err(self.no_catalog(source).await)
            }
            Err(error) => Err(failure::of(error, "save the inventory").about(&row.ident)),
        }
    }

    /// Sorted by name.
    pub async fn inventory(&self, source: &str) -> Result<Vec<InventoryRow>> {
        let mut rows = Vec::new();
        let mut after = None;
        while let Some(page) = self.inventory_page(source, after.as_deref()).await? {
            rows.append(&mut page.rows()?);
            after = Some(page.last);
        }
        rows.sort_by(|a: &InventoryRow, b| a.ident.cmp(&b.ident));
        Ok(rows)
    }

    /// The tables whose names, as text, follow this one's; none if there are no more.
    pub async fn inventory_page(&self, source: &str, after: Option<&str>) -> Result<Option<InventoryPage>> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT ident, inventory FROM tables WHERE source = ? AND ident > ? ORDER BY ident LIMIT ?")
                .bind(source)
                .bind(after.unwrap_or_default())
                .bind(PAGE)
                .fetch_all(&self.pool)
                .await
                .map_err(|e| failure::of(e, "read the inventory").about(source))?;
        let last = rows.last().map(|(last, _)| last.clone());
        Ok(last.map(|last| InventoryPage { last, rows: rows.into_iter().map(|(_, row)| row).collect() }))
    }

    pub async fn inventory_row(&self, source: &str, table: &TableIdent) -> Result<InventoryRow> {
        let row: Option<String> = sqlx::query_scalar("SELECT inventory FROM tables WHERE source = ? AND ident = ?")
            .bind(source)
            .bind(table.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the inventory").about(table))?;
        match row {
            Some(row) => from_json(&row, "the inventory"),
            None => Err(Error::new(Code::TableNotFound, format!("the inventory of {source} has no such table"))
                .about(table)
                .with_hint(format!("Take the inventory again with `icebridge inventory {source}`."))),
        }
    }

    /// Forgets the tables that the source no longer has.
    pub async fn retain_inventory(&self, source: &str, tables: &[TableIdent]) -> Result<()> {
        let keep: Vec<String> = tables.iter().map(ToString::to_string).collect();
        let keep = to_json(&keep)?;
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM tables WHERE source = ? AND ident NOT IN (SELECT value FROM json_each(?))")
            .bind(source)
            .bind(&keep)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "tidy the inventory").about(source))?;
        views::keep_listed(&mut write, source, &keep).await?;
        write.commit().await
    }
}

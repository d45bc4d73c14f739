//! The tables of Unity Catalog, and how far the walk over them has come. Rows and the place they reach are written
//! together, so that a walk that is killed goes on where its rows end.

use crate::{Store, failure, from_json, now, to_json};
use icebridge_model::Result;
use icebridge_model::databricks::{TableKind, UnityListRequest, UnityPage, UnityRow};
use std::collections::{BTreeSet, HashMap};

/// A walk: a new one, or one that was interrupted and is taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnityWalk {
    pub workspace: String,
    pub refresh: i64,
    pub resumed: bool,
    pub incremental: bool,
    pub places: Vec<UnityPlace>,
}

/// Where the listing of one schema stands, as the walk describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnityPlace {
    pub catalog: String,
    pub schema: String,
    pub progress: String,
    /// All tables of the schema were listed from its beginning: those that did not come are gone.
    pub complete: bool,
}

/// What is written at once.
#[derive(Clone, Debug, Default)]
pub struct UnityBatch {
    pub rows: Vec<(SchemaOf, UnityRow)>,
    /// Full names of tables that are still there as they were.
    pub seen: Vec<String>,
    pub place: Option<UnityPlace>,
}

/// Catalog and schema of a row.
pub type SchemaOf = (String, String);

/// The largest page.
const PAGE: usize = 1000;

impl Store {
    /// Takes up the unfinished walk of this scope, or begins one. What was read from another host is forgotten.
    /// `incremental` is asked for; the answer says whether an earlier walk of the whole scope was finished.
    pub async fn unity_begin(&self, workspace: &str, host: &str, scope: &str, incremental: bool) -> Result<UnityWalk> {
        let doing = |e| failure::of(e, "begin the inventory of Unity Catalog").about(workspace);
        let mut write = self.write().await?;
        let last: Option<(i64, String, String, i64, Option<String>)> = sqlx::query_as(
            "SELECT refresh, host, scope, incremental, ended_at FROM unity_refreshes WHERE workspace = ?",
        )
        .bind(workspace)
        .fetch_optional(&mut *write.transaction)
        .await
        .map_err(doing)?;
        let same = last.as_ref().filter(|(_, old_host, old_scope, ..)| old_host == host && old_scope == scope);
        if let Some((refresh, _, _, incremental, None)) = same {
            let places: Vec<(String, String, String)> = sqlx::query_as(
                "SELECT catalog_name, schema_name, progress FROM unity_cursor WHERE workspace = ? ORDER BY 1, 2",
            )
            .bind(workspace)
            .fetch_all(&mut *write.transaction)
            .await
            .map_err(doing)?;
            let (refresh, incremental, resumed) = (*refresh, *incremental != 0, !places.is_empty());
            let places = places
                .into_iter()
                .map(|(catalog, schema, progress)| UnityPlace { catalog, schema, progress, complete: false })
                .collect();
            write.commit().await?;
            return Ok(UnityWalk { workspace: workspace.into(), refresh, resumed, incremental, places });
        }
        if last.as_ref().is_some_and(|(_, old_host, ..)| old_host != host) {
            sqlx::query("DELETE FROM unity_tables WHERE workspace = ?")
                .bind(workspace)
                .execute(&mut *write.transaction)
                .await
                .map_err(doing)?;
        }
        sqlx::query("DELETE FROM unity_cursor WHERE workspace = ?")
            .bind(workspace)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing)?;
        let refresh = last.as_ref().map_or(0, |last| last.0) + 1;
        let incremental = incremental && same.is_some();
        sqlx::query(
            "INSERT INTO unity_refreshes (workspace, refresh, host, scope, incremental, started_at) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (workspace) DO UPDATE SET refresh = excluded.refresh, host = excluded.host, scope = excluded.scope,
                 incremental = excluded.incremental, started_at = excluded.started_at, ended_at = NULL",
        )
        .bind(workspace)
        .bind(refresh)
        .bind(host)
        .bind(scope)
        .bind(i64::from(incremental))
        .bind(now())
        .execute(&mut *write.transaction)
        .await
        .map_err(doing)?;
        write.commit().await?;
        Ok(UnityWalk { workspace: workspace.into(), refresh, resumed: false, incremental, places: Vec::new() })
    }

    /// `updated_at` by full name, of all tables that have one.
    pub async fn unity_known(&self, workspace: &str) -> Result<HashMap<String, i64>> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT full_name, updated_at FROM unity_tables WHERE workspace = ? AND updated_at IS NOT NULL",
        )
        .bind(workspace)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the inventory of Unity Catalog").about(workspace))?;
        Ok(rows.into_iter().collect())
    }

    /// Returns how many tables were found gone.
    pub async fn unity_save(&self, walk: &UnityWalk, batch: UnityBatch) -> Result<usize> {
        let workspace = walk.workspace.as_str();
        let doing = |e| failure::of(e, "save the inventory of Unity Catalog").about(workspace);
        let mut write = self.write_lightly().await?;
        for ((catalog, schema), row) in &batch.rows {
            sqlx::query(
                "INSERT INTO unity_tables
                     (workspace, full_name, catalog_name, schema_name, kind, updated_at, words, content, refresh)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (workspace, full_name) DO UPDATE SET catalog_name = excluded.catalog_name,
                     schema_name = excluded.schema_name, kind = excluded.kind, updated_at = excluded.updated_at,
                     words = excluded.words, content = excluded.content, refresh = excluded.refresh",
            )
            .bind(workspace)
            .bind(&row.full_name)
            .bind(catalog)
            .bind(schema)
            .bind(row.kind.as_str())
            .bind(row.updated_at)
            .bind(search_text(row))
            .bind(to_json(row)?)
            .bind(walk.refresh)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing)?;
        }
        if !batch.seen.is_empty() {
            sqlx::query(
                "UPDATE unity_tables SET refresh = ? WHERE workspace = ? AND full_name IN (SELECT value FROM json_each(?))",
            )
            .bind(walk.refresh)
            .bind(workspace)
            .bind(to_json(&batch.seen)?)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing)?;
        }
        let mut removed = 0;
        if let Some(place) = &batch.place {
            sqlx::query(
                "INSERT INTO unity_cursor (workspace, catalog_name, schema_name, progress) VALUES (?, ?, ?, ?)
                 ON CONFLICT (workspace, catalog_name, schema_name) DO UPDATE SET progress = excluded.progress",
            )
            .bind(workspace)
            .bind(&place.catalog)
            .bind(&place.schema)
            .bind(&place.progress)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing)?;
            if place.complete {
                removed = sqlx::query(
                    "DELETE FROM unity_tables
                     WHERE workspace = ? AND catalog_name = ? AND schema_name = ? AND refresh <> ?",
                )
                .bind(workspace)
                .bind(&place.catalog)
                .bind(&place.schema)
                .bind(walk.refresh)
                .execute(&mut *write.transaction)
                .await
                .map_err(doing)?
                .rows_affected();
            }
        }
        write.commit().await?;
        Ok(removed as usize)
    }

    /// Every schema of which rows are kept.
    pub async fn unity_schemas(&self, workspace: &str) -> Result<Vec<SchemaOf>> {
        sqlx::query_as("SELECT DISTINCT catalog_name, schema_name FROM unity_tables WHERE workspace = ? ORDER BY 1, 2")
            .bind(workspace)
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the inventory of Unity Catalog").about(workspace))
    }

    /// The walk has come to its end; `gone` are schemas that are no longer there. Returns how many tables went with them.
    pub async fn unity_end(&self, walk: &UnityWalk, gone: &[SchemaOf]) -> Result<usize> {
        let workspace = walk.workspace.as_str();
        let doing = |e| failure::of(e, "end the inventory of Unity Catalog").about(workspace);
        let mut write = self.write().await?;
        let mut removed = 0;
        for (catalog, schema) in gone {
            removed += sqlx::query(
                "DELETE FROM unity_tables WHERE workspace = ? AND catalog_name = ? AND schema_name = ? AND refresh <> ?",
            )
            .bind(workspace)
            .bind(catalog)
            .bind(schema)
            .bind(walk.refresh)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing)?
            .rows_affected();
        }
        sqlx::query("DELETE FROM unity_cursor WHERE workspace = ?")
            .bind(workspace)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing)?;
        sqlx::query("UPDATE unity_refreshes SET ended_at = ? WHERE workspace = ? AND refresh = ?")
            .bind(now())
            .bind(workspace)
            .bind(walk.refresh)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing)?;
        write.commit().await?;
        Ok(removed as usize)
    }

    /// Tables by schema and kind.
    pub async fn unity_counts(&self, workspace: &str) -> Result<Vec<(SchemaOf, TableKind, usize)>> {
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT catalog_name, schema_name, kind, count(*) FROM unity_tables WHERE workspace = ?
             GROUP BY catalog_name, schema_name, kind",
        )
        .bind(workspace)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "count the inventory of Unity Catalog").about(workspace))?;
        Ok(rows
            .into_iter()
            .map(|(catalog, schema, kind, count)| {
                let kind = TableKind::parse(&kind).unwrap_or(TableKind::Other);
                ((catalog, schema), kind, usize::try_from(count).unwrap_or_default())
            })
            .collect())
    }

    /// In the order of full names.
    pub async fn unity_page(&self, request: &UnityListRequest) -> Result<UnityPage> {
        let doing = |e| failure::of(e, "read the inventory of Unity Catalog").about(&request.workspace);
        let kind = request.kind.map(TableKind::as_str);
        let search = request.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let pattern = search.map(|text| format!("%{}%", escaped(&text.to_lowercase())));
        let limit = if request.limit == 0 { PAGE } else { request.limit.min(PAGE) };
        let total: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM unity_tables
             WHERE workspace = ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR words LIKE ?3 ESCAPE '\\')",
        )
        .bind(&request.workspace)
        .bind(kind)
        .bind(&pattern)
        .fetch_one(&self.pool)
        .await
        .map_err(doing)?;
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT content FROM unity_tables
             WHERE workspace = ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR words LIKE ?3 ESCAPE '\\')
             ORDER BY full_name LIMIT ?4 OFFSET ?5",
        )
        .bind(&request.workspace)
        .bind(kind)
        .bind(&pattern)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(i64::try_from(request.offset).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(doing)?;
        let refreshed_at: Option<Option<String>> =
            sqlx::query_scalar("SELECT ended_at FROM unity_refreshes WHERE workspace = ?")
                .bind(&request.workspace)
                .fetch_optional(&self.pool)
                .await
                .map_err(doing)?;
        Ok(UnityPage {
            total: usize::try_from(total).unwrap_or_default(),
            rows: rows.iter().map(|row| from_json(row, "the inventory of Unity Catalog")).collect::<Result<_>>()?,
            refreshed_at: refreshed_at.flatten(),
        })
    }
}

fn search_text(row: &UnityRow) -> String {
    let parts: BTreeSet<&str> =
        [Some(row.full_name.as_str()), row.comment.as_deref(), row.owner.as_deref()].into_iter().flatten().collect();
    parts.into_iter().collect::<Vec<_>>().join("\n").to_lowercase()
}

/// What LIKE would take for a pattern is meant as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

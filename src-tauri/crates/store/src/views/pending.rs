//! Rows that nobody has looked at yet. A view has a row in real columns and seven indexes for each table, which takes far
//! longer to write than 100,000 tables take to judge; who works in a terminal never looks at it. So a pre-flight and a plan
//! are put away as compressed pages, and the first who asks for their view has it made.

use super::write::{measure_by_inventory, put, put_contents, view_id};
use super::{Kind, Owner};
use crate::{Store, Write, failure, from_json, to_json};
use icebridge_model::finding::TableFindings;
use icebridge_model::plan::{LeftOut, PlannedTable};
use icebridge_model::view::{ViewRow, rows};
use icebridge_model::{Result, TableIdent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;

/// Tables in a page.
const PAGE: usize = 1000;
/// The fastest: it takes as long as writing the JSON, and leaves a tenth of it.
const LEVEL: i32 = 1;
/// What a page may come to. Rows are a few KB each.
const LIMIT: u64 = 1 << 30;

/// What rows are in full.
trait Shape: Serialize + DeserializeOwned {
    const NAME: &'static str;
    const KIND: Kind;
    fn table(&self) -> &TableIdent;
    fn row(&self) -> ViewRow;
}

impl Shape for TableFindings {
    const NAME: &'static str = "findings";
    const KIND: Kind = Kind::Preflight;
    fn table(&self) -> &TableIdent {
        &self.source
    }
    fn row(&self) -> ViewRow {
        rows::of_preflight(self)
    }
}

impl Shape for PlannedTable {
    const NAME: &'static str = "planned";
    const KIND: Kind = Kind::Plan;
    fn table(&self) -> &TableIdent {
        &self.source
    }
    fn row(&self) -> ViewRow {
        rows::of_plan(self)
    }
}

impl Shape for LeftOut {
    const NAME: &'static str = "left_out";
    const KIND: Kind = Kind::Plan;
    fn table(&self) -> &TableIdent {
        &self.source
    }
    fn row(&self) -> ViewRow {
        rows::of_left_out(self)
    }
}

/// A view's pages, as they are put away.
pub(super) struct Pages<'a> {
    source: &'a str,
    pages: Vec<(&'static str, Vec<u8>)>,
}

impl<'a> Pages<'a> {
    pub fn of_findings(source: &'a str, tables: &[TableFindings]) -> Result<Self> {
        Self { source, pages: Vec::new() }.with(tables)
    }

    pub fn of_plan(source: &'a str, planned: &[PlannedTable], left_out: &[LeftOut]) -> Result<Self> {
        Self { source, pages: Vec::new() }.with(planned)?.with(left_out)
    }

    /// On as many threads as there are: it is most of what a plan for 100,000 tables takes.
    fn with<T: Shape + Sync>(mut self, tables: &[T]) -> Result<Self> {
        // An empty page says that there are none; no page would leave the view as it was.
        let pages: Vec<&[T]> = if tables.is_empty() { vec![&[]] } else { tables.chunks(PAGE).collect() };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let packed = std::thread::scope(|scope| {
            let parts = pages.chunks(pages.len().div_ceil(threads).max(1));
            let packing: Vec<_> = parts
                .map(|part| scope.spawn(|| part.iter().map(|page| pack(page)).collect::<Result<Vec<_>>>()))
                .collect();
            let died = |_| failure::broken("a view cannot be compressed");
            packing.into_iter().map(|part| part.join().map_err(died)?).collect::<Result<Vec<_>>>()
        })?;
        self.pages.extend(packed.into_iter().flatten().map(|page| (T::NAME, page)));
        Ok(self)
    }

    /// In place of what the view is, or would be.
    pub async fn put(&self, write: &mut Write<'_>, owner: Owner<'_>) -> Result<()> {
        let view = view_id(write, owner).await?;
        forget(write, view).await?;
        for (page, (shape, rows)) in (0_i64..).zip(&self.pages) {
            sqlx::query("INSERT INTO view_pending (view, page, source, shape, rows) VALUES (?, ?, ?, ?, ?)")
                .bind(view)
                .bind(page)
                .bind(self.source)
                .bind(*shape)
                .bind(rows)
                .execute(&mut *write.transaction)
                .await
                .map_err(|e| failure::of(e, "put a view away"))?;
        }
        Ok(())
    }
}

fn pack<T: Serialize>(page: &[T]) -> Result<Vec<u8>> {
    let packed = zstd::bulk::compress(to_json(&page)?.as_bytes(), LEVEL);
    packed.map_err(|e| failure::broken("a view cannot be compressed").with_cause(e))
}

async fn forget(write: &mut Write<'_>, view: i64) -> Result<()> {
    sqlx::query("DELETE FROM view_pending WHERE view = ?")
        .bind(view)
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "put a view away"))?;
    Ok(())
}

impl Store {
    /// Makes a view of what was put away for it, if anything was. A transaction a page, so that a run that writes its journal
    /// meanwhile does not wait for all of them. Who asks for the view comes here first, and so sees all of it.
    pub(super) async fn make_pending_view(&self, owner: Owner<'_>) -> Result<()> {
        while let Some(view) = self.pending_view(owner).await? {
            let mut write = self.write_lightly().await?;
            // None: made by another who asked at the same time.
            let next: Option<(i64, String, String, Vec<u8>)> = sqlx::query_as(
                "SELECT page, source, shape, rows FROM view_pending WHERE view = ? ORDER BY page LIMIT 1",
            )
            .bind(view)
            .fetch_optional(&mut *write.transaction)
            .await
            .map_err(doing)?;
            let Some((page, source, shape, packed)) = next else { continue };
            if page == 0 {
                clear(&mut write, owner.kind, view).await?;
            }
            match shape.as_str() {
                TableFindings::NAME => unpack::<TableFindings>(&mut write, view, &packed).await?,
                PlannedTable::NAME => unpack::<PlannedTable>(&mut write, view, &packed).await?,
                _ => unpack::<LeftOut>(&mut write, view, &packed).await?,
            }
            sqlx::query("DELETE FROM view_pending WHERE view = ? AND page = ?")
                .bind(view)
                .bind(page)
                .execute(&mut *write.transaction)
                .await
                .map_err(doing)?;
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM view_pending WHERE view = ?")
                .bind(view)
                .fetch_one(&mut *write.transaction)
                .await
                .map_err(doing)?;
            if left == 0 {
                measure_by_inventory(&mut write, owner.kind, view, &source).await?;
            }
            write.commit().await?;
        }
        Ok(())
    }

    async fn pending_view(&self, owner: Owner<'_>) -> Result<Option<i64>> {
        if !matches!(owner.kind, Kind::Preflight | Kind::Plan) {
            return Ok(None);
        }
        sqlx::query_scalar(
            "SELECT view FROM views WHERE scope = ? AND owner = ?
             AND EXISTS (SELECT 1 FROM view_pending AS pending WHERE pending.view = views.view)",
        )
        .bind(owner.kind.name())
        .bind(owner.key)
        .fetch_optional(&self.pool)
        .await
        .map_err(doing)
    }
}

/// What the view was before.
async fn clear(write: &mut Write<'_>, kind: Kind, view: i64) -> Result<()> {
    for table in [kind.table(), "view_contents"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table} WHERE view = ?")))
            .bind(view)
            .execute(&mut *write.transaction)
            .await
            .map_err(doing)?;
    }
    Ok(())
}

async fn unpack<T: Shape>(write: &mut Write<'_>, view: i64, packed: &[u8]) -> Result<()> {
    let broken = || failure::broken("a view that was put away cannot be read");
    let reading = zstd::stream::read::Decoder::new(packed).map_err(|e| broken().with_cause(e))?;
    let mut text = String::new();
    reading.take(LIMIT).read_to_string(&mut text).map_err(|e| broken().with_cause(e))?;
    let tables: Vec<T> = from_json(&text, "a view that was put away")?;
    put(write, T::KIND, view, tables.iter().map(T::row)).await?;
    put_contents(write, view, &tables, T::table).await
}

fn doing(error: sqlx::Error) -> icebridge_model::Error {
    failure::of(error, "make a view")
}

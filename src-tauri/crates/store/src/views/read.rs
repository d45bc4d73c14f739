//! Answering a view: a page of rows, counts, sums, groups, facets, and where one table stands.

use super::sql::{self, Bound, Condition};
use super::{Kind, Owner, owner_of};
use crate::{Store, failure, from_json};
use icebridge_model::view::columns::Column;
use icebridge_model::view::{GROUP_LIMIT, Group, Kind as ColumnKind, Query, Scope, ViewPage, ViewRow};
use icebridge_model::{Error, Result, TableIdent};
use serde_json::Value;
use sqlx::query::Query as Statement;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _, Transaction};
use std::collections::BTreeMap;

impl Store {
    /// One page of a view that is kept here; empty if nothing was written for its owner. All of it is of one moment.
    pub async fn view(&self, scope: &Scope, query: &Query) -> Result<ViewPage> {
        let Some((kind, owner)) = owner_of(scope) else {
            return Err(Error::internal("this view is not kept in the local state"));
        };
        self.make_pending_view(Owner { kind, key: &owner }).await?;
        let mut reading = Reading { snapshot: self.pool.begin().await.map_err(failed)?, kind, query };
        let view: Option<i64> = sqlx::query_scalar("SELECT view FROM views WHERE scope = ? AND owner = ?")
            .bind(kind.name())
            .bind(&owner)
            .fetch_optional(&mut *reading.snapshot)
            .await
            .map_err(failed)?;
        match view {
            Some(view) => reading.page(view).await,
            None => Ok(ViewPage { offset: query.offset, ..ViewPage::default() }),
        }
    }

    /// What a row of a pre-flight or a plan stands for, in full.
    pub async fn view_content(&self, scope: &Scope, table: &TableIdent) -> Result<Option<Value>> {
        let Some((kind, owner)) = owner_of(scope) else { return Ok(None) };
        self.make_pending_view(Owner { kind, key: &owner }).await?;
        let content: Option<String> = sqlx::query_scalar(
            "SELECT content FROM view_contents JOIN views USING (view) WHERE scope = ? AND owner = ? AND name = ?",
        )
        .bind(kind.name())
        .bind(owner)
        .bind(table.to_string())
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?;
        content.map(|content| from_json(&content, "a row of a view")).transpose()
    }
}

struct Reading<'a> {
    snapshot: Transaction<'static, Sqlite>,
    kind: Kind,
    query: &'a Query,
}

impl Reading<'_> {
    async fn page(&mut self, view: i64) -> Result<ViewPage> {
        let everything = Condition { text: "view = ?".into(), bound: vec![Bound::Number(view)] };
        let condition = sql::matching(view, self.query);
        let (matching, sums) = self.totals(&condition).await?;
        let narrowed = !self.query.words.is_empty() || self.query.filter.is_some();
        let mut page = ViewPage {
            total: if narrowed { self.count(&everything).await? } else { matching },
            matching,
            offset: self.query.offset,
            rows: self.rows(&condition).await?,
            sums,
            ..ViewPage::default()
        };
        if let Some(column) = self.query.group {
            page.groups = self.groups(&condition, column).await?;
        }
        for column in &self.query.facets {
            page.facets.insert(column.name.to_string(), self.facet(&everything, column).await?);
        }
        if let Some(table) = &self.query.locate {
            page.located = self.place(&condition, table).await?;
        }
        Ok(page)
    }

    async fn count(&mut self, condition: &Condition) -> Result<usize> {
        let text = format!("SELECT count(*) FROM {} WHERE {}", self.kind.table(), condition.text);
        let row = self.all(text, &condition.bound).await?;
        row.first().map_or(Ok(0), |row| amount(row, 0)).map(size)
    }

    async fn totals(&mut self, condition: &Condition) -> Result<(usize, BTreeMap<String, u64>)> {
        let sums = sql::sums(&self.query.summed);
        let text = format!("SELECT count(*){sums} FROM {} WHERE {}", self.kind.table(), condition.text);
        let rows = self.all(text, &condition.bound).await?;
        let Some(row) = rows.first() else { return Ok((0, BTreeMap::new())) };
        Ok((size(amount(row, 0)?), summed(row, 1, &self.query.summed)?))
    }

    async fn rows(&mut self, condition: &Condition) -> Result<Vec<ViewRow>> {
        if self.query.limit == 0 {
            return Ok(Vec::new());
        }
        let rows = self.all(sql::page(self.kind, self.query, condition), &condition.bound).await?;
        rows.iter()
            .map(|row| {
                let text: String = row.try_get(0).map_err(failed)?;
                let content: Option<String> = row.try_get(1).map_err(failed)?;
                let mut row: ViewRow = from_json(&text, "a row of a view")?;
                row.0.retain(|_, value| !value.is_null());
                if let Some(content) = content {
                    row.set("content", from_json::<Value>(&content, "a row of a view")?);
                }
                Ok(row)
            })
            .collect()
    }

    async fn groups(&mut self, condition: &Condition, column: &Column) -> Result<Vec<Group>> {
        // These have a value in every row, so that their index gives the groups.
        let value = match column.name {
            name @ ("namespace" | "state") => format!("\"{name}\""),
            name => format!("coalesce(CAST(\"{name}\" AS TEXT), '')"),
        };
        let text = format!(
            "SELECT {value}, count(*){} FROM {} WHERE {} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {GROUP_LIMIT}",
            sql::sums(&self.query.summed),
            self.kind.table(),
            condition.text
        );
        let rows = self.all(text, &condition.bound).await?;
        let group = |row: &SqliteRow| {
            Ok(Group {
                value: row.try_get(0).map_err(failed)?,
                tables: size(amount(row, 1)?),
                sums: summed(row, 2, &self.query.summed)?,
            })
        };
        rows.iter().map(group).collect()
    }

    async fn facet(&mut self, everything: &Condition, column: &Column) -> Result<Vec<(String, usize)>> {
        if let ("state", ColumnKind::Choice(states)) = (column.name, column.kind) {
            return self.states(everything, states).await;
        }
        let text = format!(
            "SELECT CAST(\"{0}\" AS TEXT), count(*) FROM {1} WHERE {2} AND \"{0}\" IS NOT NULL
             GROUP BY \"{0}\" ORDER BY 2 DESC, 1 LIMIT {GROUP_LIMIT}",
            column.name,
            self.kind.table(),
            everything.text
        );
        let rows = self.all(text, &everything.bound).await?;
        rows.iter().map(|row| Ok((row.try_get(0).map_err(failed)?, size(amount(row, 1)?)))).collect()
    }

    /// By their rank, which has an index.
    async fn states(&mut self, everything: &Condition, states: &[&str]) -> Result<Vec<(String, usize)>> {
        let text = format!(
            "SELECT state_rank, count(*) FROM {} WHERE {} GROUP BY state_rank",
            self.kind.table(),
            everything.text
        );
        let rows = self.all(text, &everything.bound).await?;
        let mut counted = Vec::new();
        for row in &rows {
            if let Some(state) = states.get(size(amount(row, 0)?)) {
                counted.push(((*state).to_string(), size(amount(row, 1)?)));
            }
        }
        counted.sort_by(|(a, first), (b, second)| second.cmp(first).then_with(|| a.cmp(b)));
        Ok(counted)
    }

    async fn place(&mut self, condition: &Condition, table: &TableIdent) -> Result<Option<usize>> {
        let text = format!(
            "SELECT place FROM (SELECT name, row_number() OVER (ORDER BY {}) - 1 AS place FROM {} WHERE {})
             WHERE name = ?",
            sql::order(self.query),
            self.kind.table(),
            condition.text
        );
        let mut bound = condition.bound.clone();
        bound.push(Bound::Text(table.to_string()));
        let rows = self.all(text, &bound).await?;
        rows.first().map(|row| amount(row, 0).map(size)).transpose()
    }

    async fn all(&mut self, text: String, bound: &[Bound]) -> Result<Vec<SqliteRow>> {
        let statement: Statement<'_, Sqlite, SqliteArguments> = sqlx::query(AssertSqlSafe(text));
        let bind = |statement: Statement<'static, Sqlite, SqliteArguments>, bound: &Bound| match bound {
            Bound::Text(text) => statement.bind(text.clone()),
            Bound::Number(number) => statement.bind(*number),
        };
        let statement = bound.iter().fold(statement, bind);
        statement.fetch_all(&mut *self.snapshot).await.map_err(failed)
    }
}

fn failed(error: sqlx::Error) -> Error {
    failure::of(error, "read a view")
}

fn amount(row: &SqliteRow, at: usize) -> Result<u64> {
    let number: i64 = row.try_get(at).map_err(failed)?;
    Ok(number.unsigned_abs())
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn summed(row: &SqliteRow, from: usize, columns: &[&'static Column]) -> Result<BTreeMap<String, u64>> {
    let sum = |(i, column): (usize, &&'static Column)| Ok((column.name.to_string(), amount(row, from + i)?));
    columns.iter().enumerate().map(sum).collect()
}

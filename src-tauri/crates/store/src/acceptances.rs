//! Losses that a person accepted, by table and finding code.

use crate::{Store, failure, now};
use icebridge_model::ops::Route;
use icebridge_model::{Result, TableIdent};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acceptance {
    pub table: TableIdent,
    pub code: String,
}

impl Store {
    /// Sorted by table and code.
    pub async fn acceptances(&self, route: &Route) -> Result<Vec<Acceptance>> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT ident, code FROM acceptances WHERE source = ? AND target = ?")
                .bind(&route.source)
                .bind(&route.target)
                .fetch_all(&self.pool)
                .await
                .map_err(|e| failure::of(e, "read what was accepted"))?;
        let mut accepted = rows
            .into_iter()
            .map(|(ident, code)| {
                let table =
                    TableIdent::parse(&ident).map_err(|e| failure::unreadable("a table's name").with_cause(e))?;
                Ok(Acceptance { table, code })
            })
            .collect::<Result<Vec<_>>>()?;
        accepted.sort();
        Ok(accepted)
    }

    /// Accepts (or takes back) every code for every table, all or nothing.
    pub async fn set_acceptances(
        &self,
        route: &Route,
        tables: &[TableIdent],
        codes: &[String],
        accepted: bool,
    ) -> Result<()> {
        let at = now();
        let mut write = self.write().await?;
        for table in tables {
            for code in codes {
                let query = if accepted {
                    sqlx::query(
                        "INSERT INTO acceptances (source, target, ident, code, accepted_at) VALUES (?, ?, ?, ?, ?)
                         ON CONFLICT DO NOTHING",
                    )
                } else {
                    sqlx::query("DELETE FROM acceptances WHERE source = ? AND target = ? AND ident = ? AND code = ?")
                };
                let query = query.bind(&route.source).bind(&route.target).bind(table.to_string()).bind(code);
                let query = if accepted { query.bind(&at) } else { query };
                query
                    .execute(&mut *write.transaction)
                    .await
                    .map_err(|e| failure::of(e, "save what was accepted").about(table))?;
            }
        }
        write.commit().await
    }
}

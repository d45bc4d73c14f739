//! Where a table's files are staged: one place for each table of a plan, until it is published or cleared.
//!
//! The token names the place in the target. No other state knows it, so that what is staged there is this state's alone.

use crate::{Store, failure};
use icebridge_model::{Result, TableIdent};

/// A table of a plan whose files are staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedPlace {
    pub plan_hash: String,
    pub source: TableIdent,
    /// The run that has it; empty, where an earlier version wrote it down.
    pub run_id: String,
}

impl Store {
    /// Tells this state from any other, for those who meet in one target.
    pub async fn identity(&self) -> Result<String> {
        sqlx::query_scalar("SELECT id FROM identity")
            .fetch_one(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read what identifies the state"))
    }

    /// The token of the table's place: the one that an earlier run of this state left, with its finished units, or `fresh`.
    /// From now on the place is the run's.
    pub async fn claim_place(&self, plan_hash: &str, table: &TableIdent, run_id: &str, fresh: &str) -> Result<String> {
        let mut write = self.write().await?;
        let token: String = sqlx::query_scalar(
            "INSERT INTO staged_places (plan_hash, ident, token, run_id) VALUES (?, ?, ?, ?)
             ON CONFLICT (plan_hash, ident) DO UPDATE SET run_id = excluded.run_id RETURNING token",
        )
        .bind(plan_hash)
        .bind(table.to_string())
        .bind(fresh)
        .bind(run_id)
        .fetch_one(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "save where the table is staged").about(table))?;
        write.commit().await?;
        Ok(token)
    }

    /// None: nothing is staged.
    pub async fn place(&self, plan_hash: &str, table: &TableIdent) -> Result<Option<String>> {
        sqlx::query_scalar("SELECT token FROM staged_places WHERE plan_hash = ? AND ident = ?")
            .bind(plan_hash)
            .bind(table.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read where the table is staged").about(table))
    }

    /// The places of a source's table under all plans: plan and token of each.
    pub async fn places_of(&self, table: &TableIdent) -> Result<Vec<(String, String)>> {
        sqlx::query_as("SELECT plan_hash, token FROM staged_places WHERE ident = ? ORDER BY plan_hash")
            .bind(table.to_string())
            .fetch_all(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read where the table is staged").about(table))
    }

    /// All of this state.
    pub async fn staged_places(&self) -> Result<Vec<StagedPlace>> {
        let failed = |e| failure::of(e, "read where tables are staged");
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT plan_hash, ident, run_id FROM staged_places ORDER BY plan_hash, ident")
                .fetch_all(&self.pool)
                .await
                .map_err(failed)?;
        let place = |(plan_hash, ident, run_id): (String, String, String)| {
            Ok(StagedPlace { plan_hash, source: TableIdent::parse(&ident)?, run_id })
        };
        rows.into_iter().map(place).collect()
    }

    /// When the place is cleared, or belongs to a published table. Its finished units are forgotten with it.
    pub async fn forget_place(&self, plan_hash: &str, table: &TableIdent) -> Result<()> {
        let mut write = self.write().await?;
        for query in [
            "DELETE FROM units WHERE plan_hash = ? AND ident = ?",
            "DELETE FROM staged_places WHERE plan_hash = ? AND ident = ?",
        ] {
            sqlx::query(query)
                .bind(plan_hash)
                .bind(table.to_string())
                .execute(&mut *write.transaction)
                .await
                .map_err(|e| failure::of(e, "forget where the table was staged").about(table))?;
        }
        write.commit().await
    }
}

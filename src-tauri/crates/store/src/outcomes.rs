//! What a finished copy made, with the checksum of every file, by plan and source table.

use crate::{Store, failure, from_json, to_json};
use icebridge_model::run::CopyOutcome;
use icebridge_model::{Result, TableIdent};

impl Store {
    pub async fn outcome(&self, plan_hash: &str, table: &TableIdent) -> Result<Option<CopyOutcome>> {
        let outcome: Option<String> =
            sqlx::query_scalar("SELECT outcome FROM outcomes WHERE plan_hash = ? AND ident = ?")
                .bind(plan_hash)
                .bind(table.to_string())
                .fetch_optional(&self.pool)
                .await
                .map_err(|e| failure::of(e, "read what the copy made").about(table))?;
        outcome.map(|o| from_json(&o, "what the copy made")).transpose()
    }

    pub async fn save_outcome(&self, plan_hash: &str, table: &TableIdent, outcome: &CopyOutcome) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO outcomes (plan_hash, ident, outcome) VALUES (?, ?, ?)
             ON CONFLICT (plan_hash, ident) DO UPDATE SET outcome = excluded.outcome",
        )
        .bind(plan_hash)
        .bind(table.to_string())
        .bind(to_json(outcome)?)
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "save what the copy made").about(table))?;
        write.commit().await
    }
}

//! What a finished copy made, with the checksum of every file, by run and source table.

use crate::journal::append_in;
use crate::{Store, failure, from_json, to_json};
use icebridge_model::run::CopyOutcome;
use icebridge_model::{Result, TableIdent};
use serde_json::Value;

impl Store {
    pub async fn outcome(&self, run_id: &str, table: &TableIdent) -> Result<Option<CopyOutcome>> {
        self.read_outcome("SELECT outcome FROM outcomes WHERE run_id = ? AND ident = ?", run_id, table).await
    }

    /// The latest of any run that ran this plan: what a run that adopts the table goes by.
    pub async fn outcome_of_plan(&self, plan_hash: &str, table: &TableIdent) -> Result<Option<CopyOutcome>> {
        let query = "SELECT outcome FROM outcomes WHERE plan_hash = ? AND ident = ? ORDER BY id DESC LIMIT 1";
        self.read_outcome(query, plan_hash, table).await
    }

    async fn read_outcome(&self, query: &'static str, key: &str, table: &TableIdent) -> Result<Option<CopyOutcome>> {
        let outcome: Option<String> = sqlx::query_scalar(query)
            .bind(key)
            .bind(table.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read what the copy made").about(table))?;
        outcome.map(|o| from_json(&o, "what the copy made")).transpose()
    }

    /// Together with its entry in the journal, which vouches for its checksums: a death between the two would leave
    /// checksums that nothing vouches for.
    pub async fn save_outcome(
        &self,
        run_id: &str,
        plan_hash: &str,
        table: &TableIdent,
        outcome: &CopyOutcome,
        (kind, body): (&str, Value),
    ) -> Result<()> {
        let mut write = self.write().await?;
        // Replaced rather than updated, so that the latest has the highest id.
        sqlx::query("INSERT OR REPLACE INTO outcomes (run_id, plan_hash, ident, outcome) VALUES (?, ?, ?, ?)")
            .bind(run_id)
            .bind(plan_hash)
            .bind(table.to_string())
            .bind(to_json(outcome)?)
            .execute(&mut *write.transaction)
            .await
            .map_err(|e| failure::of(e, "save what the copy made").about(table))?;
        append_in(&mut write, run_id, &table.to_string(), kind, body).await?;
        write.commit().await
    }
}

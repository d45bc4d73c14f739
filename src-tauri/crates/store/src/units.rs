//! Checkpoints: units of work that are finished, by plan and source table. They lie in the staged place of that table
//! (`places`), and are forgotten together with it.

use crate::{Store, failure, from_json, to_json};
use icebridge_model::{Result, TableIdent};
use serde_json::Value;

impl Store {
    pub async fn unit(&self, plan_hash: &str, table: &TableIdent, unit: &str) -> Result<Option<Value>> {
        let output: Option<String> =
            sqlx::query_scalar("SELECT output FROM units WHERE plan_hash = ? AND ident = ? AND unit = ?")
                .bind(plan_hash)
                .bind(table.to_string())
                .bind(unit)
                .fetch_optional(&self.pool)
                .await
                .map_err(|e| failure::of(e, "read a checkpoint").about(table))?;
        output.map(|o| from_json(&o, "a checkpoint")).transpose()
    }

    /// Made again is fine: the last output stays.
    pub async fn record_unit(&self, plan_hash: &str, table: &TableIdent, unit: &str, output: &Value) -> Result<()> {
        let mut write = self.write_lightly().await?;
        sqlx::query(
            "INSERT INTO units (plan_hash, ident, unit, output) VALUES (?, ?, ?, ?)
             ON CONFLICT (plan_hash, ident, unit) DO UPDATE SET output = excluded.output",
        )
        .bind(plan_hash)
        .bind(table.to_string())
        .bind(unit)
        .bind(to_json(output)?)
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "save a checkpoint").about(table))?;
        write.commit().await
    }
}

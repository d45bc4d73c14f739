//! Steps that a cluster carries out. The record is the one thing that a killed process leaves of them.

use crate::{Store, failure, from_json, now, to_json};
use icebridge_model::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Store {
    pub async fn save_cluster_step(
        &self,
        plan_hash: &str,
        step: &str,
        attempt: u32,
        record: &(impl Serialize + Sync),
    ) -> Result<()> {
        let text = to_json(record)?;
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO cluster_steps (plan_hash, step, attempt, record, saved_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (plan_hash, step, attempt)
             DO UPDATE SET record = excluded.record, saved_at = excluded.saved_at",
        )
        .bind(plan_hash)
        .bind(step)
        .bind(attempt)
        .bind(text)
        .bind(now())
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "save a cluster's step").about(step))?;
        write.commit().await
    }

    /// All steps of a plan with all their attempts, the earlier attempts first.
    pub async fn cluster_steps<T: DeserializeOwned>(&self, plan_hash: &str) -> Result<Vec<T>> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT record FROM cluster_steps WHERE plan_hash = ? ORDER BY attempt, step")
                .bind(plan_hash)
                .fetch_all(&self.pool)
                .await
                .map_err(|e| failure::of(e, "read the clusters' steps"))?;
        rows.iter().map(|text| from_json(text, "a cluster's step")).collect()
    }
}

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

    /// Those of the last attempts: a sync makes one a round, for months.
    pub async fn recent_cluster_steps<T: DeserializeOwned>(&self, plan_hash: &str, attempts: u32) -> Result<Vec<T>> {
        let first = self.last_cluster_attempt(plan_hash).await?.saturating_sub(attempts);
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT record FROM cluster_steps WHERE plan_hash = ? AND attempt > ? ORDER BY attempt, step",
        )
        .bind(plan_hash)
        .bind(first)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the clusters' steps"))?;
        rows.iter().map(|text| from_json(text, "a cluster's step")).collect()
    }

    /// The number of the last attempt at any step of a plan; 0, if there was none.
    pub async fn last_cluster_attempt(&self, plan_hash: &str) -> Result<u32> {
        sqlx::query_scalar("SELECT coalesce(max(attempt), 0) FROM cluster_steps WHERE plan_hash = ?")
            .bind(plan_hash)
            .fetch_one(&self.pool)
            .await
            .map_err(|e| failure::of(e, "read the clusters' steps"))
    }
}

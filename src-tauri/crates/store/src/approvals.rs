//! Approvals of plans that were handed over, by plan and key.

use crate::{Store, failure, from_json, now, to_json};
use icebridge_model::Result;
use icebridge_model::approval::Approval;

impl Store {
    /// In place of an earlier one of the same plan and key.
    pub async fn save_approval(&self, approval: &Approval) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO approvals (plan_hash, public_key, approval, taken_at) VALUES (?, ?, ?, ?)
             ON CONFLICT (plan_hash, public_key) DO UPDATE SET approval = excluded.approval, taken_at = excluded.taken_at",
        )
        .bind(approval.plan_hash.as_str())
        .bind(&approval.public_key)
        .bind(to_json(approval)?)
        .bind(now())
        .execute(&mut *write.transaction)
        .await
        .map_err(|e| failure::of(e, "save an approval"))?;
        write.commit().await
    }

    /// Of a plan, or of all (empty), in the order in which they were taken.
    pub async fn approvals(&self, plan_hash: &str) -> Result<Vec<Approval>> {
        let kept: Vec<String> = sqlx::query_scalar(
            "SELECT approval FROM approvals WHERE ?1 = '' OR plan_hash = ?1 ORDER BY taken_at, rowid",
        )
        .bind(plan_hash)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| failure::of(e, "read the approvals"))?;
        kept.iter().map(|text| from_json(text, "an approval")).collect()
    }
}

//! Finished units of a copy, in the store.

use async_trait::async_trait;
use icebridge_lakehouse::copy::Checkpoint;
use icebridge_model::ids::PlanHash;
use icebridge_model::{Result, TableIdent};
use icebridge_store::Store;
use serde_json::Value;

/// Kept with the staged place: whichever run of this state takes that over finds the same files.
pub(crate) struct StoreCheckpoint {
    pub store: Store,
    pub plan_hash: PlanHash,
    pub table: TableIdent,
}

#[async_trait]
impl Checkpoint for StoreCheckpoint {
    async fn done(&self, unit: &str) -> Result<Option<Value>> {
        self.store.unit(&self.plan_hash, &self.table, unit).await
    }

    async fn record(&self, unit: &str, output: Value) -> Result<()> {
        self.store.record_unit(&self.plan_hash, &self.table, unit, &output).await
    }
}

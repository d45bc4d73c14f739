//! Who copies tables: this process, or clusters.

use super::context::{Migration, RunContext};
use async_trait::async_trait;
use icebridge_model::Result;
use std::sync::Arc;

#[async_trait]
pub(super) trait Executor: Send + Sync {
    /// Takes each table as far as it goes. One table's failure stops no other. An error means that the journal cannot be
    /// written; the other tables have finished all the same.
    async fn execute(&self, run: &Arc<RunContext>, tables: Vec<Migration>) -> Result<()>;
}

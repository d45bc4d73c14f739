//! The governance gate: may tables of Unity Catalog be reached from outside at all, and those of the target schemas by us?
//!
//! `read` asks the workspace, `judge` is pure: the same facts give the same verdict. Unmet, nothing else runs, and each
//! missing piece names the principal, who can grant it, and what exactly to run.

mod facts;
mod judge;
#[cfg(test)]
mod tests;

pub use facts::{CatalogFacts, GateFacts, Grants, SchemaFacts, Target};
pub use icebridge_model::databricks::{ApiCall, Gate, Requirement, Unmet};
pub use judge::judge;

use crate::client::Client;
use icebridge_model::Result;

impl Client {
    /// Asked anew each time: what was granted a moment ago counts.
    pub async fn gate(&self, targets: &[Target]) -> Result<Gate> {
        Ok(judge(&self.gate_facts(targets).await?))
    }
}

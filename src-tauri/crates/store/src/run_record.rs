//! A run as the store keeps it.

use icebridge_model::run::{PlanHash, RunId, RunState};

#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    pub run_id: RunId,
    pub plan_hash: PlanHash,
    pub plan_text: String,
    pub source: String,
    pub target: String,
    pub state: RunState,
    pub started_at: String,
    pub ended_at: Option<String>,
}

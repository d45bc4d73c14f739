//! A run as the store keeps it.

use icebridge_model::run::{RunId, RunState};

#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    pub run_id: RunId,
    pub plan_hash: String,
    pub plan_text: String,
    pub source: String,
    pub target: String,
    pub state: RunState,
    pub started_at: String,
    pub ended_at: Option<String>,
}

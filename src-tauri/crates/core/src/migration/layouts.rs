//! Which way of laying a table out is tried, where the target may refuse the source's partition spec, and what is remembered of
//! its answer: a target that refused one spec is not asked again with every table.

use crate::LocalState;
use icebridge_model::conversion::{PartitionWay, partition_ways};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::{Code, Error, Result};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

/// Written to the journal when it is learned. It holds until the target's catalog is saved anew.
const SPECS_REFUSED: &str = "target.specs_refused";

/// Whether the run's target has refused a partition spec with transforms.
#[derive(Debug, Default)]
pub(super) struct SpecsRefused(AtomicBool);

impl SpecsRefused {
    /// As earlier runs of this state learned it.
    pub async fn remembered(local: &LocalState, plan: &Plan) -> Result<Self> {
        let asks = |table: &PlannedTable| partition_ways(&table.conversions).first() == Some(&PartitionWay::AsIs);
        let known = plan.tables.iter().any(asks) && local.store.learned(SPECS_REFUSED, &plan.target).await?;
        Ok(Self(AtomicBool::new(known)))
    }

    /// The ways of a table, the first to be tried first. One that is none: there is nothing to choose.
    pub fn ways<'a>(&self, planned: &'a PlannedTable) -> Vec<Option<&'a PartitionWay>> {
        let ways = partition_ways(&planned.conversions);
        if ways.is_empty() {
            return vec![None];
        }
        let refused = self.0.load(Ordering::Relaxed);
        ways.iter().filter(|way| !(refused && **way == PartitionWay::AsIs)).map(Some).collect()
    }

    /// The target took a table in this way after it had refused another.
    pub async fn learn(&self, local: &LocalState, run_id: &str, plan: &Plan, planned: &PlannedTable) -> Result<()> {
        if self.0.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let body = json!({ "target": plan.target, "table": planned.target });
        local.store.append(run_id, "", SPECS_REFUSED, body).await.map(drop)
    }
}

/// Whether an error may be the target's answer to the spec: a request that it did not take, not one that it could not serve.
/// That it was the spec shows when the same table is taken without.
pub(super) fn may_be_refused(way: Option<&PartitionWay>, error: &Error) -> bool {
    way == Some(&PartitionWay::AsIs) && error.code == Code::CatalogRefused
}

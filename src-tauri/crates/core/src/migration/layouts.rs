//! Which way of laying a table out is tried, where the target may refuse the source's partition spec, and what is remembered of
//! its answer: a target that refused one spec is not asked again with every table.

use crate::LocalState;
use crate::examined::Examined;
use icebridge_databricks::Client;
use icebridge_model::conversion::{Conversion, PartitionWay, partition_ways};
use icebridge_model::plan::{Plan, PlannedTable};
use icebridge_model::{Code, Error, Result};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

/// Written to the journal when it is learned. It holds until the target's catalog is saved anew.
const SPECS_REFUSED: &str = "target.specs_refused";

/// What is known of the target's answer to partition specs with transforms.
#[derive(Debug, Default)]
pub(super) struct SpecsRefused {
    /// By a run: it does not know which transform it was.
    by_run: AtomicBool,
    examined: Examined,
}

impl SpecsRefused {
    /// As earlier runs of this state learned it, unless an examination since then saw the transforms taken.
    pub async fn remembered(local: &LocalState, plan: &Plan, client: Option<&Client>) -> Result<Self> {
        let asks = |table: &PlannedTable| partition_ways(&table.conversions).first() == Some(&PartitionWay::AsIs);
        if !plan.tables.iter().any(asks) {
            return Ok(Self::default());
        }
        let learned = local.store.learned(SPECS_REFUSED, &plan.target).await?;
        let examined = match client {
            Some(client) => {
                let workspace = local.store.catalog(&plan.target).await?.uri;
                Examined::of(local, &workspace, client.host().origin()).await?
            }
            None => Examined::default(),
        };
        let by_run = learned.is_some_and(|at| !examined.took_transforms_since(&at));
        Ok(Self { by_run: AtomicBool::new(by_run), examined })
    }

    fn refuses(&self, planned: &PlannedTable) -> bool {
        let refused = |transform: &str| self.examined.refuses_transform(transform).is_some();
        self.by_run.load(Ordering::Relaxed) || partition_transforms(&planned.conversions).any(refused)
    }

    /// The ways of a table, the first to be tried first. One that is none: there is nothing to choose.
    pub fn ways<'a>(&self, planned: &'a PlannedTable) -> Vec<Option<&'a PartitionWay>> {
        let ways = partition_ways(&planned.conversions);
        if ways.is_empty() {
            return vec![None];
        }
        let refused = self.refuses(planned);
        ways.iter().filter(|way| !(refused && **way == PartitionWay::AsIs)).map(Some).collect()
    }

    /// The target took a table in this way after it had refused another.
    pub async fn learn(&self, local: &LocalState, run_id: &str, plan: &Plan, planned: &PlannedTable) -> Result<()> {
        if self.by_run.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let body = json!({ "target": plan.target, "table": planned.target });
        local.store.append(run_id, "", SPECS_REFUSED, body).await.map(drop)
    }
}

fn partition_transforms(conversions: &[Conversion]) -> impl Iterator<Item = &str> {
    let fields = conversions.iter().flat_map(|one| match one {
        Conversion::Partitioning { fields, .. } => fields.as_slice(),
        _ => &[],
    });
    fields.map(|field| field.transform.as_str())
}

/// Whether an error may be the target's answer to the spec: a request that it did not take, not one that it could not serve.
/// That it was the spec shows when the same table is taken without.
pub(super) fn may_be_refused(way: Option<&PartitionWay>, error: &Error) -> bool {
    way == Some(&PartitionWay::AsIs) && error.code == Code::CatalogRefused
}
